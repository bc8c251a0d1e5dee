"""Deliveries as users ask for them: found by a filter, shown, handed to their handlers again."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated

from runhook.worker.delivery.roster import require_receiver
from runhook.worker.domain import policy
from runhook.worker.domain.bodies import Body, JobId, Moment, ReceiverName, one_of
from runhook.worker.domain.pages import USUAL, PageSize, Query, begins_at
from runhook.worker.errors import Conflict, NotFound, UnreadableRecord
from runhook.worker.store import Delivery
from runhook.worker.store.delivered import STATES
from runhook.worker.store.deliveries import AT_ONCE, DELIVERY_ID, is_delivery_id
from runhook.worker.wiring import Wiring

DeliveryState = Annotated[str, one_of(STATES)]


class Filter(Body):
    """Which deliveries are meant; None means any.

    Attributes:
        state: What became of them so far.
        handler: To whom, by name or by the subscription's id.
        job: About which job.
        since: Of events from then on.
        until: Of events before then.
    """

    state: DeliveryState | None = None
    handler: ReceiverName | None = None
    job: JobId | None = None
    since: Moment | None = None
    until: Moment | None = None


class RedeliverRequest(Filter):
    """Deliveries to be handed to their handlers again: dead ones unless it says otherwise.

    Attributes:
        dry_run: Only count them.
    """

    state: DeliveryState = "dead"
    dry_run: bool = False


class DeliveriesQuery(Query):
    """Which deliveries to list, and where the page begins.

    Attributes:
        state: What became of them so far.
        job: Of events of this job.
        handler: To this handler or subscription.
        cursor: The `next` of the page before.
        limit: How many.
    """

    state: DeliveryState | None = None
    job: JobId | None = None
    handler: ReceiverName | None = None
    cursor: Annotated[str, begins_at(is_delivery_id, DELIVERY_ID.pattern)] | None = None
    limit: PageSize = USUAL


@dataclass(frozen=True)
class Page:
    """Some deliveries, those of the newest events first, and the cursor of the next page if any."""

    items: tuple[Delivery, ...]
    next: str | None


def page(w: Wiring, asked: DeliveriesQuery, among: Sequence[str] | None = None) -> Page:
    """A page of deliveries; `among` is whoever may have some, where that was read already."""
    wanted = Filter(state=asked.state, handler=asked.handler, job=asked.job)
    # One more than the page tells whether there is a next one, without counting the rest.
    most = asked.limit + 1
    found = tuple(islice(matching(w, wanted, asked.cursor, most, among), most))
    shown = found[: asked.limit]
    if len(found) < most:
        return Page(shown, None)
    return Page(shown, shown[-1].id)


def matching(
    w: Wiring,
    wanted: Filter,
    before: str | None = None,
    piece: int = AT_ONCE,
    among: Sequence[str] | None = None,
) -> Iterator[Delivery]:
    """Deliveries that match, those of the newest events first, behind the id `before`.

    They are read so many at a time, as somebody asks for more.
    """
    for delivery in _candidates(w, wanted, before, piece, among):
        moment = delivery.happened_at
        if wanted.since and moment < wanted.since:
            return  # all others are older still
        if (wanted.until is None or moment < wanted.until) and _matches(delivery, wanted):
            yield delivery


def _candidates(
    w: Wiring, wanted: Filter, before: str | None, piece: int, among: Sequence[str] | None
) -> Iterator[Delivery]:
    if wanted.job:
        # A job has few, so they are read at once; the listing would be looked through for them.
        for delivery in reversed(w.store.deliveries.of_job(wanted.job)):
            if before is None or delivery.id < before:
                yield delivery
        return
    # A delivery's id begins with the moment of its event, so ids stand for moments in the listing.
    if before is None and wanted.until:
        before = f"dlv_{round(wanted.until.timestamp() * 1000)}"
    for found in w.store.deliveries.listed(wanted.state, wanted.handler, before, piece, among):
        yield from found


def _matches(delivery: Delivery, wanted: Filter) -> bool:
    return wanted.state in (None, delivery.state) and wanted.handler in (None, delivery.handler)


def redeliver(w: Wiring, delivery_id: str, after: float = 0) -> Delivery:
    """Hand a delivery to its handler again, its schedule from the start.

    Args:
        w: The process's parts.
        delivery_id: Which.
        after: Seconds until its first attempt.

    Raises:
        NotFound: There is no such delivery.
        Conflict: It is being delivered now, or its subscription is disabled or removed.
    """
    delivery = w.store.deliveries.get(delivery_id)
    if why := why_undeliverable(w, delivery.lane, delivery.handler):
        raise Conflict(f"{delivery_id} cannot be delivered now: {why}")
    w.store.deliveries.redeliver(delivery, after)
    return w.store.deliveries.get(delivery_id)


def why_undeliverable(w: Wiring, lane: str, handler: str) -> str | None:
    """Why nothing can be delivered to a handler now; None when it can."""
    if lane != "subscribers":
        return None  # a handler that no process has may come back, and has it then
    try:
        enabled = w.store.subscriptions.get(handler).enabled
    except NotFound:
        return f"subscription {handler} was removed"
    # A newer process may deliver to it, but nobody here can tell whether it is enabled.
    except UnreadableRecord as unreadable:
        return str(unreadable)
    if enabled:
        return None
    return f"subscription {handler} is disabled; enable it first"


def redeliver_all(w: Wiring, wanted: Filter, *, dry_run: bool) -> tuple[int, int]:
    """Deliver all that match again, spread over time; a dry run only counts.

    Returns:
        How many, and how many cannot be delivered now.

    Raises:
        NotFound: There is no such handler or subscription.
    """
    if wanted.handler:
        require_receiver(w, wanted.handler)
    return _redelivered(w, matching(w, wanted), dry_run=dry_run)


def redeliver_these(w: Wiring, ids: Sequence[str], *, dry_run: bool) -> tuple[int, int]:
    """The same with some that are named, each once; those that are not there any more cannot be."""
    named = list(dict.fromkeys(filter(is_delivery_id, ids)))
    found = w.store.deliveries.many(named)
    count, skipped = _redelivered(w, found, dry_run=dry_run)
    return count, skipped + len(named) - len(found)


def _redelivered(w: Wiring, found: Iterable[Delivery], *, dry_run: bool) -> tuple[int, int]:
    count, skipped, closed = 0, 0, dict[str, str | None]()
    for delivery in found:
        # Asked once for each: a disabled subscription may have missed thousands.
        if delivery.handler not in closed:
            closed[delivery.handler] = why_undeliverable(w, delivery.lane, delivery.handler)
        if closed[delivery.handler]:
            skipped += 1
        elif dry_run or try_redeliver(w, delivery, count * policy.REDELIVERY_SPREAD):
            count += 1
        else:
            skipped += 1
    return count, skipped


def try_redeliver(w: Wiring, delivery: Delivery, after: float) -> bool:
    """Hand a delivery to its handler again in `after` seconds.

    Returns:
        False where it is being delivered now, or was removed.
    """
    try:
        w.store.deliveries.redeliver(delivery, after)
    # One of thousands: what moved on by itself since it was listed must not stop the others.
    except (Conflict, NotFound):
        return False
    return True
