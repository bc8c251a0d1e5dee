"""`runhook deliveries`, `redeliver`, `recover`: what was delivered to whom, and doing it again."""

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

import click
from rich.console import Group, RenderableType
from rich.text import Text

from runhook.worker.cli.commands import refuse_beside, wiring, wrong_usage
from runhook.worker.cli.console import out, print_json, say, show
from runhook.worker.cli.tables import Rows, particulars
from runhook.worker.domain.views import recovered_view
from runhook.worker.telemetry import masked

if TYPE_CHECKING:
    from runhook.worker.domain.recovery import Recovered
    from runhook.worker.store import Delivery
    from runhook.worker.wiring import Wiring

COLOURS = {  # of every state
    "pending": "blue",
    "done": "green",
    "dead": "red",
    "superseded": "bright_black",
}
TIMES = "As 2h, which is two hours ago, or 2026-11-22T10:00:00Z."


@click.command()
@click.argument("delivery_id", required=False)
@click.option("--state", type=click.Choice(list(COLOURS)))
@click.option("--handler", help="A handler's name, or a subscription's id.")
@click.option("--job", help="A job's id.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def deliveries(
    delivery_id: str | None,
    state: str | None,
    handler: str | None,
    job: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List deliveries, or show one.

    The list has the newest first; one delivery is shown with every attempt.
    """
    from runhook.worker.delivery import deliveries as flows
    from runhook.worker.delivery.views import delivery_view
    from runhook.worker.domain.bodies import read

    if delivery_id:
        refuse_beside("a delivery's ID", "state", "handler", "job", "limit")
        _show_one(wiring(), delivery_id, as_json=as_json)
        return
    w = wiring()
    with wrong_usage():
        wanted = read(flows.Filter, {"state": state, "handler": handler, "job": job})
    # They are found one after the other, so the rest of a long list is never read.
    found = list(islice(flows.matching(w, wanted), limit))
    if as_json:
        print_json({"items": [delivery_view(one) for one in found], "next": None})
    else:
        show(deliveries_table(found, ids=True), len(found), "no deliveries")


def _show_one(w: "Wiring", delivery_id: str, *, as_json: bool) -> None:
    from runhook.worker.delivery.views import delivery_view

    delivery = w.store.deliveries.get(delivery_id)
    if as_json:
        print_json(delivery_view(delivery))
    else:
        out.print(_delivery(delivery))


@click.command()
@click.argument("delivery_id", required=False)
@click.option("--state", type=click.Choice(list(COLOURS)), default="dead", show_default=True)
@click.option("--handler", help="All of this handler or subscription.")
@click.option("--job", help="All of this job.")
@click.option("--since", help=f"All whose event happened since then. {TIMES}")
@click.option("--until", help="All whose event happened before then.")
@click.option("--dry-run", is_flag=True, help="Only say how many.")
def redeliver(
    delivery_id: str | None,
    state: str,
    handler: str | None,
    job: str | None,
    since: str | None,
    until: str | None,
    dry_run: bool,
) -> None:
    """Deliver again: one, or all that match."""
    from runhook.worker.delivery import deliveries as flows
    from runhook.worker.domain.bodies import read

    given = _without_none(handler=handler, job=job, since=since, until=until)
    # Without either it would be every dead delivery there is, which is seldom meant.
    if (delivery_id is None) == (not given):
        raise click.UsageError(
            "name a delivery by its ID, or many by --handler, --job, --since, --until"
        )
    if delivery_id:
        refuse_beside("a delivery's ID", "state")
        _redeliver_one(wiring(), delivery_id, dry_run=dry_run)
        return
    w = wiring()
    with wrong_usage():
        wanted = read(flows.RedeliverRequest, given | {"state": state}, now=w.clock.now())
    count, skipped = flows.redeliver_all(w, wanted, dry_run=dry_run)
    if dry_run:
        say(f"{count} would be delivered again")
    else:
        say(f"{count} will be delivered again")
    if skipped:
        say(f"{skipped} cannot be now: under way, or their receiver is disabled or removed")


def _without_none(**options: str | bool | None) -> dict[str, str | bool]:
    """Options as a body would name them: one that was not typed is not there."""
    return {name: value for name, value in options.items() if value is not None}


def _redeliver_one(w: "Wiring", delivery_id: str, *, dry_run: bool) -> None:
    from runhook.worker.delivery import deliveries as flows
    from runhook.worker.delivery.roster import word_of_absence

    if dry_run:
        delivery = w.store.deliveries.get(delivery_id)
        say(f"{delivery.type} would be delivered to {delivery.handler} again")
    else:
        delivery = flows.redeliver(w, delivery_id)
        say(f"{delivery.type} will be delivered to {delivery.handler} again")
    # It will wait, and without a word of that one would wait for it in vain.
    if note := word_of_absence(w, delivery.lane, delivery.handler):
        say(note)


@click.command()
@click.option("--since", required=True, help=f"Start of the period. {TIMES}")
@click.option("--until", help="End of the period; left out: now.")
@click.option("--handler", help="Only deliveries to this handler or subscription.")
@click.option("--new-handlers", is_flag=True, help="Include handlers that did not exist yet.")
@click.option("--dry-run", is_flag=True, help="Only say what is missing.")
@click.option("--json", "as_json", is_flag=True)
def recover(
    since: str,
    until: str | None,
    handler: str | None,
    new_handlers: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make good what is missing since a time.

    RunningHub is asked about callbacks that never came, and deliveries that died or were never
    made are made. Nothing is submitted or paid for, but handlers run again.
    """
    from runhook.worker.domain.bodies import read
    from runhook.worker.flows.recover import RecoverRequest
    from runhook.worker.flows.recover import recover as make_good

    w = wiring()
    given = _without_none(since=since, until=until, handler=handler, new_handlers=new_handlers)
    now = w.clock.now()
    with wrong_usage():
        span = read(RecoverRequest, given, now=now).range(now)
    found = make_good(w, span, dry_run=dry_run)
    if as_json:
        print_json(recovered_view(found, dry_run=dry_run))
        return
    _print_recovered(found, dry_run=dry_run)


def _print_recovered(found: "Recovered", *, dry_run: bool) -> None:
    does = "this is done"
    if dry_run:
        does = "this would be done"
    say(f"{found.since:%Y-%m-%d %H:%M:%S} to {found.until:%Y-%m-%d %H:%M:%S} UTC, {does}:")
    say(f"{found.asked:6}  jobs whose callback is missing: RunningHub is asked")
    for name, missing in found.handlers.items():
        say(f"{missing.opened:6}  deliveries to {name} for the first time")
        say(f"{missing.redelivered:6}  deliveries to {name} again")
        if missing.skipped:
            text = f"not delivered to {name}: it is disabled, or they are under way"
            say(f"{missing.skipped:6}  {text}")
        if missing.younger:
            text = f"not delivered to {name}, which was added later; --new-handlers includes it"
            say(f"{missing.younger:6}  {text}")


def deliveries_table(deliveries: Iterable["Delivery"], *, ids: bool = False) -> Rows:
    """Deliveries, a line each.

    Args:
        deliveries: Which.
        ids: Show ids, which end with the handler, so that one can be named to another command.
    """
    who = "handler"
    if ids:
        who = "delivery"
    names = ("event", who, "state", "tries", "last")
    table = Rows(*names, gives_way=("last", "tries", "event"), cut=("last", "handler"))
    for delivery in deliveries:
        # An id alone would do, for it ends with the handler's name; both would not fit.
        shown = {"handler": delivery.handler, "delivery": delivery.id}
        table.add_row(
            delivery.type,
            shown[who],
            _state_text(delivery),
            str(len(delivery.tries)),
            _last_outcome(delivery),
        )
    return table


def _last_outcome(delivery: "Delivery") -> Text:
    """Why the last attempt went as it did."""
    if not delivery.tries:
        return Text("")
    last = delivery.tries[-1]
    return Text(masked(str(last.get("why") or last.get("outcome") or "")))


def _state_text(delivery: "Delivery") -> Text:
    """The state in its colour."""
    return Text(delivery.state, COLOURS[delivery.state])


def _delivery(delivery: "Delivery") -> RenderableType:
    """One delivery with every attempt."""
    head = particulars()
    head.add_row("delivery", delivery.id)
    head.add_row("event", f"{delivery.event}  {delivery.type}")
    head.add_row("job", delivery.job or "none")
    head.add_row("handler", delivery.handler)
    head.add_row("state", _state_text(delivery))
    if delivery.due_at:
        head.add_row("next", f"{delivery.due_at:%Y-%m-%d %H:%M:%S} UTC")
    names = ("try", "at", "outcome", "status", "took", "why", "answer")
    table = Rows(*names, gives_way=("took",), wraps=("at", "why", "answer"))
    for tried in delivery.tries:
        took = f"{tried.get('took') or 0:.2f} s"
        facts = [str(tried.get(name) or "") for name in ("n", "at", "outcome", "status")]
        # What a receiver wrote may hold a secret of ours.
        theirs = [Text(masked(str(tried.get(name) or ""))) for name in ("why", "answer")]
        table.add_row(*facts, took, *theirs)
    return Group(head, Text("\nattempts", "bold"), table)
