"""`runhook submit`: one job, or a file of them."""

from typing import Any

import click

from runhook.worker.cli.commands import refuse_beside, runhook, wrong_usage
from runhook.worker.cli.completion import models
from runhook.worker.cli.outputs import OUTPUTS


def _names(_: click.Context, __: click.Parameter, typed: str | None) -> list[str] | None:
    """The handlers that were typed, if any.

    One without a name is a shell's variable that is not set. Left out of the list, it would not be
    told of a job that is paid.
    """
    if typed is None:
        return None
    names = typed.split(",")
    if "" in names:
        raise click.BadParameter("holds an empty name")
    return names


@click.command(name="submit")
@click.argument("model", required=False, shell_complete=models)
@click.option(
    "-i",
    "inputs",
    multiple=True,
    metavar="NAME=VALUE",
    help="One parameter; @FILE sends a file, or its text where the parameter is no media. A text "
    "that begins with @ is typed with two.",
)
@click.option("--input", "file", type=click.File("rb"), help="All parameters, as a JSON file.")
@click.option("--batch", type=click.File("rb"), help="Many jobs, as JSON lines for POST /v1/jobs.")
@click.option("--metadata", multiple=True, metavar="KEY=VALUE", help="Given back with the job.")
@click.option("-o", "options", multiple=True, metavar="NAME=VALUE", help="One option.")
@click.option(
    "--priority", type=click.IntRange(0, 9), default=5, show_default=True, help="9 goes first."
)
@click.option(
    "--key", help="Idempotency key: repeat the command with it, and nothing is paid for twice."
)
@click.option(
    "--handlers", metavar="A,B", callback=_names, help="The only handlers that are told of it."
)
@click.option("--tenant", help="Whose job it is; left out: the token's.")
@click.option("--parent", metavar="JOB", help="The job that it grows from.")
@click.option("--group", help="The set of jobs that it belongs to.")
@click.option("--group-size", type=click.IntRange(1), help="How many jobs that is to have.")
@click.option("--dry-run", is_flag=True, help="Only check it and show its price; nothing is kept.")
@click.option("--wait", "waits", is_flag=True, help="Wait until it has ended.")
@click.option("--output", "shows", type=click.Choice(OUTPUTS), help="How --wait shows how it goes.")
@click.option("--json", "as_json", is_flag=True)
def submit(
    model: str | None,
    batch: Any,
    key: str | None,
    dry_run: bool,
    waits: bool,
    shows: str | None,
    as_json: bool,
    **typed: Any,
) -> None:
    """Queue a job, or a job for each line of a file."""
    from runhook.worker.cli import submission

    if (model is None) == (batch is None):
        raise click.UsageError("name a MODEL, or a --batch FILE")
    _refuse_ignored(batch, key, dry_run=dry_run, waits=waits, as_json=as_json)
    rh = runhook()
    if model is None:
        submission.submit_lines(rh, batch, key, dry_run=dry_run, as_json=as_json)
        return
    job = submission.read(rh, model, key, typed)
    if dry_run:
        submission.show_price(rh, job, as_json=as_json)
    elif waits:
        submission.submit_and_wait(rh, job, as_json=as_json, shows=shows)
    else:
        submission.submit(rh, job, as_json=as_json)


def _refuse_ignored(
    batch: Any, key: str | None, *, dry_run: bool, waits: bool, as_json: bool
) -> None:
    """Raises where an option was typed that would be ignored, or a key that is none."""
    from runhook.worker.client.inputs import key_of

    with wrong_usage():
        key_of(key)
    if batch is not None:
        # Each line says for itself what these would say.
        parts = ("handlers", "tenant", "parent", "group", "group_size", "priority")
        refuse_beside("--batch", "inputs", "file", "metadata", "options", "waits", "shows", *parts)
    if dry_run:
        refuse_beside("--dry-run, which keeps nothing", "key", "waits", "shows")
    if not waits:
        refuse_beside("a submit that does not --wait", "shows")
    if as_json:
        refuse_beside("--json", "shows")
