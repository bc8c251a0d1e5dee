"""`runhook workflow` and `runhook app`: what a ComfyUI job's input may set."""

from dataclasses import asdict
from typing import Any

import click
from rich.text import Text

from runhook.worker.cli import screens
from runhook.worker.cli.talk import out, print_json, show, wiring
from runhook.worker.domain.reports import AppField
from runhook.worker.net.untrusted import one_line

LINK_LENGTH = 2  # [node, output]: an input that another node feeds


@click.command()
@click.argument("workflow_id")
@click.option("--json", "as_json", is_flag=True, help="The whole workflow as RunningHub has it.")
def workflow(workflow_id: str, as_json: bool) -> None:
    """Show the fields of a workflow that a job may set."""
    graph = wiring(asks=True).client.workflow(workflow_id.removeprefix("workflow/"))
    if as_json:
        print_json(graph)
        return
    fields = settable_fields(graph)
    show(screens.fields_table(fields), len(fields), "no field of it can be set")


@click.command()
@click.argument("webapp_id")
@click.option("--styles", type=int, metavar="TYPE", help="Its style library of this type instead.")
@click.option("--json", "as_json", is_flag=True)
def app(webapp_id: str, styles: int | None, as_json: bool) -> None:
    """Show the fields of an AI app that a job may set, or a quick create's style library."""
    client = wiring(asks=True).client
    webapp_id = webapp_id.removeprefix("app/")
    if styles is not None:
        library = client.styles(webapp_id, styles)
        if as_json:
            print_json({"items": [asdict(style) for style in library], "next": None})
        else:
            show(screens.styles_table(library), len(library), "it has none of this type")
        return
    found = client.app(webapp_id)
    if as_json:
        print_json(asdict(found))
        return
    locked = "  needs options.accessPassword" if found.needs_password else ""
    out.print(Text.assemble((f"app/{webapp_id}", "bold"), f"  {one_line(found.name)}{locked}\n"))
    out.print(screens.fields_table(found.fields))


def settable_fields(graph: dict[str, Any]) -> list[AppField]:
    """A workflow's inputs that no other node feeds."""
    fields = []
    for node, row in graph.items():
        inputs = row.get("inputs") if isinstance(row, dict) else None
        for name, value in (inputs or {}).items():
            if isinstance(value, list) and len(value) == LINK_LENGTH:
                continue
            kind = {str: "STRING", bool: "BOOLEAN", int: "INT", float: "FLOAT"}.get(type(value), "")
            title = (row.get("_meta") or {}).get("title") or ""
            fields.append(
                AppField(
                    f"{node}.{name}",
                    str(row.get("class_type") or ""),
                    kind,
                    None if value is None else str(value),
                    description=str(title),
                )
            )
    return fields
