"""Deliveries as the command line shows them: a line each, or one with every attempt."""

from collections.abc import Iterable
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.text import Text

from runhook.worker.cli.tables import Rows, particulars
from runhook.worker.client.receivers import Delivery
from runhook.worker.telemetry import masked

COLOURS = {  # of every state
    "pending": "blue",
    "done": "green",
    "dead": "red",
    "superseded": "bright_black",
}


def deliveries_table(deliveries: Iterable[Delivery], *, ids: bool = False) -> Rows:
    """Deliveries, a line each.

    Args:
        deliveries: Which.
        ids: Show ids, so that one can be named to another command.
    """
    names = ["event", "delivery", "handler", "state", "tries", "last"]
    if not ids:
        names.remove("delivery")
    table = Rows(
        *names,
        gives_way=("last", "tries", "event"),
        cut=("last", "handler"),
        shortened="delivery",
    )
    for delivery in deliveries:
        cells: dict[str, str | Text] = {
            "event": delivery.type,
            "delivery": delivery.id,
            "handler": delivery.handler,
            "state": _state_text(delivery),
            "tries": str(len(delivery.attempts)),
            "last": _last_outcome(delivery),
        }
        table.add_row(*(cells[name] for name in names))
    return table


def _next_try(moment: datetime) -> str:
    """When it is tried next; one whose moment is over waits for a place, or is under way."""
    if moment <= datetime.now(UTC):
        return "due, waits for its turn"
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _last_outcome(delivery: Delivery) -> Text:
    """Why the last attempt went as it did."""
    if not delivery.attempts:
        return Text("")
    last = delivery.attempts[-1]
    return Text(masked(str(last.get("why") or last.get("outcome") or "")))


def _state_text(delivery: Delivery) -> Text:
    """The state in its colour."""
    return Text(delivery.state, COLOURS.get(delivery.state, ""))


def delivery_page(delivery: Delivery) -> RenderableType:
    """One delivery with every attempt."""
    head = particulars()
    head.add_row("delivery", delivery.id)
    head.add_row("event", f"{delivery.event}  {delivery.type}")
    head.add_row("job", delivery.job or "none")
    head.add_row("handler", delivery.handler)
    head.add_row("state", _state_text(delivery))
    if delivery.next_at:
        head.add_row("next", _next_try(delivery.next_at))
    names = ("try", "at", "outcome", "status", "took", "why", "answer")
    table = Rows(*names, gives_way=("took",), wraps=("at", "why", "answer"))
    for tried in delivery.attempts:
        took = f"{tried.get('took') or 0:.2f} s"
        facts = [str(tried.get(name) or "") for name in ("n", "at", "outcome", "status")]
        # What a receiver wrote may hold a secret of ours.
        theirs = [Text(masked(str(tried.get(name) or ""))) for name in ("why", "answer")]
        table.add_row(*facts, took, *theirs)
    return Group(head, Text("\nattempts", "bold"), table)
