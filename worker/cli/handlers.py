"""`runhook handlers`: which there are, what waits for each, and ending what waits in vain."""

from collections.abc import Sequence

import click
from rich.text import Text

from runhook.worker.cli.ages import minute
from runhook.worker.cli.commands import runhook
from runhook.worker.cli.console import print_json, say, show
from runhook.worker.cli.tables import Rows
from runhook.worker.client.receivers import Handler


@click.command()
@click.option("--end", metavar="NAME", help="End what waits for a handler that is gone for good.")
@click.option("--json", "as_json", is_flag=True)
def handlers(end: str | None, as_json: bool) -> None:
    """List handlers, and what waits for each."""
    rh = runhook()
    if end is not None:
        ended = rh.end_handler(end)
        if as_json:
            print_json({"name": end, "ended": ended})
        else:
            say(f"{end} is removed; {ended} deliveries that waited for it are dead")
        return
    found = rh.handlers()
    if as_json:
        print_json({"items": [one.document for one in found], "next": None})
    else:
        show(_table(found), len(found), "no handlers")


def _table(found: Sequence[Handler]) -> Rows:
    names = ("handler", "alive", "wants", "since", "last seen", "pending", "dead", "oldest")
    # Whether it lives and what waits is what one looks for; the times give way.
    table = Rows(*names, gives_way=("since", "oldest", "last seen", "wants"), cut=("handler",))
    for one in found:
        alive = Text("gone", "yellow")
        if one.alive:
            alive = Text("alive", "green")
        moments = (minute(one.since), minute(one.seen_at))
        counts = (str(one.pending), str(one.dead))
        table.add_row(one.name, alive, _wants(one), *moments, *counts, minute(one.oldest))
    return table


def _wants(one: Handler) -> str:
    """Types of events, and of which models."""
    return " ".join((*(one.events or ()), *filter(None, (one.model,))))
