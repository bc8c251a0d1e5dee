"""`runhook handlers`: who is told inside, what waits for each, and how what waits in vain ends."""

from collections.abc import Sequence

import click
from rich.text import Text

from runhook.worker.cli.tables import Rows
from runhook.worker.cli.talk import out, print_json, say, wiring
from runhook.worker.delivery import roster
from runhook.worker.delivery.roster import Member


@click.command()
@click.option("--end", metavar="NAME", help="End what waits for a handler that is gone for good.")
@click.option("--json", "as_json", is_flag=True)
def handlers(end: str | None, as_json: bool) -> None:
    """List handlers: whether a process has each, since when, what waits for it."""
    w = wiring()
    if end is not None:
        ended = roster.end(w, end)
        if as_json:
            print_json({"name": end, "ended": ended})
        else:
            say(f"{end} is ended; {ended} deliveries were still to be told, and are dead")
        return
    found = roster.members(w)
    if as_json:
        print_json({"items": [member.document() for member in found], "next": None})
    else:
        out.print(_table(found) if found else "no handlers")


def _table(members: Sequence[Member]) -> Rows:
    names = ("handler", "", "since", "last had", "pending", "dead", "oldest")
    table = Rows(*names, gives_way=("since", "oldest", "last had"), cut=("handler",))
    for one in members:
        alive = Text("alive", "green") if one.alive else Text("gone", "yellow")
        moments = [f"{at:%Y-%m-%d %H:%M}" if at else "" for at in (one.since, one.seen_at)]
        oldest = f"{one.oldest:%Y-%m-%d %H:%M}" if one.oldest else ""
        table.add_row(one.name, alive, *moments, str(one.pending), str(one.dead), oldest)
    return table
