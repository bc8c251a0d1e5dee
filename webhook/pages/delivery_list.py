"""/deliveries: how each receiver stands, what was delivered to whom, and delivering it again.

What is done to many is counted first, and done when that is confirmed.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

from flask import Response, request, url_for
from pydantic import BeforeValidator

from runhook.webhook.edge.limits import RECOVERING
from runhook.webhook.edge.queries import PageSize, query, read_query, takes
from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.scopes import caller, open_to
from runhook.webhook.pages import recovering, shell
from runhook.worker.delivery import deliveries
from runhook.worker.delivery.answers import DeliveryView
from runhook.worker.delivery.deliveries import DeliveriesQuery, DeliveryState, RedeliverRequest
from runhook.worker.delivery.roster import word_of_absence
from runhook.worker.delivery.standing import Receiver, receivers
from runhook.worker.delivery.views import delivery_view
from runhook.worker.domain.bodies import JobId, ReceiverName, read
from runhook.worker.domain.jobs import iso
from runhook.worker.domain.views import moment_view
from runhook.worker.errors import Conflict, NotFound
from runhook.worker.store import Delivery, event_order
from runhook.worker.store.delivered import STATES

PAGE = 50  # deliveries of one page
MOST_RECEIVERS = 100  # that the page lists: those that somebody should look at come first
MOST_CHOSEN = 100  # boxes of one page
FILTERS = ("state", "handler", "job")

blueprint = shell.blueprint("delivery_list", __name__)
blueprint.before_request(read_query)


def _or_any(text: object) -> object:
    """What the filter's form says; an empty field means any."""
    return text or None


class ListQuery(DeliveriesQuery):
    """Which deliveries to list."""

    state: Annotated[DeliveryState | None, BeforeValidator(_or_any)] = None
    handler: Annotated[ReceiverName | None, BeforeValidator(_or_any)] = None
    job: Annotated[JobId | None, BeforeValidator(_or_any)] = None
    limit: PageSize = PAGE


@blueprint.get("/deliveries")
@open_to("read")
@takes(ListQuery)
def show() -> Response:
    """Receivers, and the newest deliveries that match."""
    asked, w = query(ListQuery), wiring()
    roster = w.store.rosters.look()
    found, known = deliveries.page(w, asked, roster.everyone), receivers(w, roster)
    wanted = {name: value for name in FILTERS if (value := getattr(asked, name))}
    return shell.page(
        "deliveries.html",
        receivers=known[:MOST_RECEIVERS],
        unlisted=max(0, len(known) - MOST_RECEIVERS),
        items=rows_of(found.items, known),
        samples=samples_of(found.items),
        urls={one.name: one.url for one in known if one.url},
        wanted=wanted,
        next=found.next,
        states=[("", "any"), *((state, state) for state in STATES)],
        may_redeliver=shell.may("delivery_list.redeliver"),
    )


def rows_of(found: Iterable[Delivery], known: Iterable[Receiver]) -> list[DeliveryView]:
    """Deliveries as lists show them: none is tried while its receiver's breaker is open."""
    opens = {one.name: moment_view(one.until) or "" for one in known}
    rows = [delivery_view(one) for one in found]
    for row in rows:
        if row["next_at"]:
            row["next_at"] = max(row["next_at"], opens.get(row["handler"], ""))
    return rows


def samples_of(found: Iterable[Delivery]) -> set[str]:
    """Those that tell of nothing that happened."""
    return {one.id for one in found if one.sample}


@blueprint.post("/deliveries/<delivery_id>/redeliver")
@open_to("admin")
def redeliver(delivery_id: str) -> Response:
    """Hand one to its handler again."""
    try:
        again = deliveries.redeliver(wiring(), delivery_id)
    except (Conflict, NotFound) as refused:
        return shell.done(_back(), f"{refused}. Nothing was sent.", "bad")
    note = word_of_absence(wiring(), again.lane, again.handler)
    return shell.done(_back(), note or f"{again.handler} is told of it again.")


@blueprint.post("/deliveries/redeliver")
@open_to("admin")
def redeliver_many() -> Response:
    """Count those that are chosen, or all that match; and deliver them again when confirmed."""
    chosen, confirmed = request.form.getlist("id")[:MOST_CHOSEN], "confirmed" in request.form
    # What comes between the count and its confirmation was not counted.
    until = request.form.get("until") or _behind_all()
    if "all" in request.form:
        count, skipped = _all(until, dry_run=not confirmed)
    elif chosen:
        count, skipped = deliveries.redeliver_these(wiring(), chosen, dry_run=not confirmed)
    else:
        return shell.done(_back(), "No delivery is chosen. Tick some first.", "bad")
    if confirmed:
        return shell.done(_back(), _told(count, skipped))
    return shell.page(
        "redeliver.html",
        count=count,
        skipped=skipped,
        wanted=_wanted(),
        chosen=chosen,
        everything="all" in request.form,
        until=until,
        back=_back(),
    )


@blueprint.post("/deliveries/recover")
@open_to("admin")
def recover() -> Response:
    """Count what is missing of a period, and make it good when confirmed."""
    return recovering.answer("/deliveries")


def _behind_all() -> str:
    """The first moment behind all that has happened so far, by Redis's clock as events have it."""
    newest, _ = event_order(wiring().store.events.newest())
    return iso(datetime.fromtimestamp((newest + 1) / 1000, UTC))


def _all(until: str, *, dry_run: bool) -> tuple[int, int]:
    """How many of those that match, of events before then, and how many cannot be delivered now."""
    wanted = read(RedeliverRequest, _wanted() | {"until": until}, now=wiring().clock.now())
    with RECOVERING.take(caller().name):
        return deliveries.redeliver_all(wiring(), wanted, dry_run=dry_run)


def _wanted() -> dict[str, Any]:
    """The filter that a form was posted with."""
    return {name: value for name in FILTERS if (value := request.form.get(name))}


def _told(count: int, skipped: int) -> str:
    text = f"{count} are delivered again, spread over time."
    if skipped:
        text += f" {skipped} cannot be now: they are on their way, gone, or their subscription is."
    return text


def _back() -> str:
    """The list that the form stood in."""
    subscription = request.form.get("subscription")
    if subscription:
        return url_for("subscription_pages.show", subscription_id=subscription)
    return url_for("delivery_list.show", **_wanted())
