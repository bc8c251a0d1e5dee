"""`runhook trigger`: a sample of an event, to see what handlers and subscribers do with it."""

import click

from runhook.worker.cli.commands import refuse_beside, runhook
from runhook.worker.cli.completion import models
from runhook.worker.cli.console import err, print_json, say
from runhook.worker.domain.events import TYPES


@click.command()
@click.argument("event", type=click.Choice(TYPES), metavar="EVENT")
@click.option(
    "--model", shell_complete=models, help="Of a job of this model; an image's if left out."
)
@click.option("--json", "as_json", is_flag=True)
def trigger(event: str, model: str | None, as_json: bool) -> None:
    """Send a sample event to your handlers; nothing is paid.

    It goes the way of every event: to handlers, subscribers and `runhook listen`. Its job never
    existed, and has the metadata {"test": true}. A handler that would submit the next job is
    refused that.
    """
    if event == "group.ended":
        refuse_beside("group.ended, which is about no job", "model")
    found = runhook().trigger(event, model=model)
    if as_json:
        print_json(found.document)
        return
    if not found.receivers:
        err.print("no handler and no subscription wants it")
        return
    # Beside the names, for a script reads these.
    err.print(f"a sample of {event} was sent; it is told to:")
    for name in found.receivers:
        say(name)
