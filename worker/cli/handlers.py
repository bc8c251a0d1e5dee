"""`runhook handlers`: which there are, what waits for each, and ending what waits in vain."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click
from rich.text import Text

from runhook.worker.cli.commands import wiring
from runhook.worker.cli.console import out, print_json, say
from runhook.worker.cli.tables import Rows

if TYPE_CHECKING:
    from runhook.worker.delivery.roster import Member


@click.command()
@click.option("--end", metavar="NAME", help="End what waits for a handler that is gone for good.")
@click.option("--json", "as_json", is_flag=True)
def handlers(end: str | None, as_json: bool) -> None:
    """List handlers, and what waits for each."""
    from runhook.worker.delivery import roster
    from runhook.worker.delivery.views import handler_view

    w = wiring()
    if end is not None:
        ended = roster.end(w, end)
        if as_json:
            print_json({"name": end, "ended": ended})
        else:
            say(f"{end} is removed; {ended} deliveries that waited for it are dead")
        return
    members = roster.members(w)
    if as_json:
        print_json({"items": [handler_view(member) for member in members], "next": None})
    elif members:
        out.print(_table(members))
    else:
        out.print("no handlers")


def _table(members: Sequence["Member"]) -> Rows:
    names = ("handler", "", "since", "last seen", "pending", "dead", "oldest")
    # Whether it lives and what waits is what one looks for; the times give way.
    table = Rows(*names, gives_way=("since", "oldest", "last seen"), cut=("handler",))
    for one in members:
        alive = Text("gone", "yellow")
        if one.alive:
            alive = Text("alive", "green")
        counts = (str(one.pending), str(one.dead))
        moments = (_minute(one.since), _minute(one.seen_at))
        table.add_row(one.name, alive, *moments, *counts, _minute(one.oldest))
    return table


def _minute(at: datetime | None) -> str:
    if at is None:
        return ""
    return f"{at:%Y-%m-%d %H:%M}"
