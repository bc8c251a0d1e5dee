"""`runhook workflow` and `runhook app`: what a ComfyUI job's input may set."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import click
from rich.text import Text

from runhook.worker.cli.commands import runhook, wrong_usage
from runhook.worker.cli.console import err, out, print_json, show
from runhook.worker.cli.tables import Rows
from runhook.worker.domain.reports import AppField
from runhook.worker.net.untrusted import one_line

KNOWN = tuple(field.name for field in fields(AppField))
LINK_LENGTH = 2  # [node, output]: an input that another node feeds
LONGEST_DEFAULT = 60  # characters of a default: prompts may be pages long
# RunningHub's words for what an app's field takes, for the JSON types of a workflow's own values.
KINDS: dict[type, str] = {str: "STRING", bool: "BOOLEAN", int: "INT", float: "FLOAT"}


@click.command()
@click.argument("workflow_id")
@click.option("--json", "as_json", is_flag=True, help="The whole workflow as RunningHub has it.")
def workflow(workflow_id: str, as_json: bool) -> None:
    """Show the fields of a workflow.

    They are what a job's input may set.
    """
    with wrong_usage():
        graph = runhook().workflow(workflow_id.removeprefix("workflow/"))
    if as_json:
        print_json(graph)
        return
    found = settable_fields(graph)
    show(_fields_table(found), len(found), "none of its fields can be set")


@click.command()
@click.argument("webapp_id")
@click.option(
    "--styles", "type", type=int, metavar="TYPE", help="Show its styles of this type instead."
)
@click.option("--json", "as_json", is_flag=True)
def app(webapp_id: str, type: int | None, as_json: bool) -> None:
    """Show the fields of an AI app, or its styles.

    Fields are what a job's input may set; styles are those of a quick create.
    """
    webapp_id = webapp_id.removeprefix("app/")
    if type is None:
        _show_app(webapp_id, as_json=as_json)
    else:
        _show_styles(webapp_id, type, as_json=as_json)


def _show_styles(webapp_id: str, kind: int, *, as_json: bool) -> None:
    with wrong_usage():
        library = runhook().styles(webapp_id, kind)
    if as_json:
        print_json({"items": library, "next": None})
    else:
        show(_styles_table(library), len(library), "it has no styles of this type")


def _show_app(webapp_id: str, *, as_json: bool) -> None:
    with wrong_usage():
        found = runhook().app(webapp_id)
    if as_json:
        print_json(found)
        return
    title = Text.assemble((f"app/{webapp_id}", "bold"), f"  {one_line(found['name'])}")
    if found["needs_password"]:
        title.append("  needs options.accessPassword")
    err.print(title.append("\n"))  # it is no record
    out.print(_fields_table([_field(one) for one in found["fields"]]))


def _field(told: dict[str, Any]) -> AppField:
    """A field from its JSON; what a newer version says besides is left out."""
    known = {name: told[name] for name in KNOWN if name in told}
    return AppField(**known | {"choices": tuple(told.get("choices") or ())})


def settable_fields(graph: Mapping[str, Any]) -> list[AppField]:
    """A workflow's inputs that no other node feeds.

    Args:
        graph: The workflow as RunningHub exports it: nodes by their id (getJsonApiFormat).
    """
    found = []
    for node, row in graph.items():
        if not isinstance(row, dict):
            continue
        for name, value in (row.get("inputs") or {}).items():
            # Set by a job, a link would cut the graph: the node would get a value where it expects
            # another's output.
            if isinstance(value, list) and len(value) == LINK_LENGTH:
                continue
            title = (row.get("_meta") or {}).get("title") or ""
            found.append(
                AppField(
                    key=f"{node}.{name}",
                    node_name=str(row.get("class_type") or ""),
                    type=KINDS.get(type(value), ""),
                    default=_default(value),
                    description=str(title),
                )
            )
    return found


def _default(value: object) -> str | None:
    if value is None:
        return None
    return str(value)


def _fields_table(settable: Sequence[AppField]) -> Rows:
    """The fields of an app or a workflow, a line each."""
    names = ("field", "node", "takes", "default", "what")
    elastic = ("node", "takes", "default", "what")
    table = Rows(*names, gives_way=("node", "what"), cut=("field",), wraps=elastic)
    for field in settable:
        takes = field.type
        if field.choices:
            takes += f" ({', '.join(field.choices)})"
        table.add_row(
            Text(field.key),
            Text(field.node_name),
            takes,
            Text(_shortened(field.default or "")),
            Text(field.description),
        )
    return table


def _shortened(default: str) -> str:
    """In one line, and short enough for a column."""
    default = default.replace("\n", " ")
    if len(default) > LONGEST_DEFAULT:
        return f"{default[:LONGEST_DEFAULT]}…"
    return default


def _styles_table(styles: Sequence[dict[str, Any]]) -> Rows:
    """A style library, a line each."""
    names = ("key", "name", "category", "trigger", "loras")
    table = Rows(*names, gives_way=("category",), wraps=("name", "category", "trigger", "loras"))
    for style in styles:
        loras = ", ".join(f"{name} {weight}" for name, weight in style["loras"])
        table.add_row(*(style[name] for name in names[:-1]), loras)
    return table
