"""Deliveries as users ask for them: found by a filter, shown, handed to their handlers again."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from runhook.worker.domain.faults import unknown_members
from runhook.worker.domain.jobs import is_job_id, iso
from runhook.worker.domain.views import View
from runhook.worker.errors import Conflict, Fault, InvalidRequest, NotFound, UnreadableRecord
from runhook.worker.store import Delivery
from runhook.worker.store.delivered import STATES
from runhook.worker.wiring import Wiring

SPREAD = 0.02  # seconds between two deliveries that are told again together
LENGTHS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
AGO = re.compile(r"(\d{1,9})([smhd])")


@dataclass(frozen=True)
class Filter:
    """Which deliveries are meant; None means any.

    Attributes:
        since: Of events from then on.
        until: Of events before then.
    """

    state: str | None = None
    handler: str | None = None
    job: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def read_filter(w: Wiring, given: Mapping[str, Any]) -> tuple[Filter, bool]:
    """A filter from its JSON, dead ones if it names no state; and whether it is a dry run.

    Raises:
        InvalidRequest: With every fault.
    """
    faults = unknown_members(given, ("state", "handler", "job", "since", "until", "dry_run"))
    state = given.get("state", "dead")
    if state not in STATES:
        faults.append(Fault("state", f"must be one of {', '.join(STATES)}", STATES))
    if not isinstance(given.get("handler"), str | None):
        faults.append(Fault("handler", "must be a text"))
    job = job_named(given.get("job"), faults)
    since, until = read_time(w, given, "since", faults), read_time(w, given, "until", faults)
    dry_run = read_dry_run(given, faults)
    if faults:
        raise InvalidRequest(faults)
    return Filter(state, given.get("handler"), job, since, until), dry_run


def job_named(given: object, faults: list[Fault]) -> str | None:
    """The job of a filter. Any other word would be looked up as another row of Redis is."""
    if isinstance(given, str) and is_job_id(given):
        return given
    if given is not None:
        faults.append(Fault("job", "is not a job's id, as job_…"))
    return None


def read_time(
    w: Wiring, given: Mapping[str, Any], name: str, faults: list[Fault]
) -> datetime | None:
    """A moment as users write it: `2026-11-22T10:00:00Z`, or `2h` ago."""
    text = given.get(name)
    if text is None:
        return None
    try:
        return moment_of(text, w.clock.now())
    except ValueError:
        faults.append(Fault(name, "must be a time as 2026-11-22T10:00:00Z, or 30m, 2h, 1d ago"))
        return None


def moment_of(text: object, now: datetime) -> datetime:
    """The moment that a text means.

    Raises:
        ValueError: It means none.
    """
    if not isinstance(text, str):
        raise ValueError(text)
    if ago := AGO.fullmatch(text):
        try:
            return now - timedelta(seconds=int(ago[1]) * LENGTHS[ago[2]])
        except OverflowError:
            raise ValueError(text) from None
    found = datetime.fromisoformat(text)
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    if found.year < 1970:
        raise ValueError(text)
    return found


def read_dry_run(given: Mapping[str, Any], faults: list[Fault]) -> bool:
    """Whether nothing is to be done."""
    dry_run = given.get("dry_run", False)
    if not isinstance(dry_run, bool):
        faults.append(Fault("dry_run", "must be true or false"))
    return dry_run is True


def matching(w: Wiring, wanted: Filter, before: str | None = None) -> Iterator[Delivery]:
    """Deliveries that match, those of the newest events first, behind the id `before`."""
    for delivery in _candidates(w, wanted, before):
        moment = delivery.happened_at
        if wanted.since and moment < wanted.since:
            return
        if (wanted.until is None or moment < wanted.until) and _matches(delivery, wanted):
            yield delivery


def _candidates(w: Wiring, wanted: Filter, before: str | None) -> Iterator[Delivery]:
    if wanted.job:
        for delivery in reversed(w.store.deliveries.of_job(wanted.job)):
            if before is None or delivery.id < before:
                yield delivery
        return
    if before is None and wanted.until:
        before = f"dlv_{round(wanted.until.timestamp() * 1000)}"
    for piece in w.store.deliveries.listed(wanted.state, wanted.handler, before):
        yield from piece


def _matches(delivery: Delivery, wanted: Filter) -> bool:
    return wanted.state in (None, delivery.state) and wanted.handler in (None, delivery.handler)


def redeliver(w: Wiring, delivery_id: str, after: float = 0) -> Delivery:
    """Hand a delivery to its handler again, its schedule from the start.

    Raises:
        NotFound: There is no such delivery.
        Conflict: It is being told now, or its subscription is disabled or removed.
    """
    delivery = w.store.deliveries.get(delivery_id)
    if why := cannot_be_told(w, delivery.lane, delivery.handler):
        raise Conflict(f"{delivery_id} cannot be told: {why}")
    w.store.deliveries.redeliver(delivery, after)
    return w.store.deliveries.get(delivery_id)


def cannot_be_told(w: Wiring, lane: str, handler: str) -> str | None:
    """Why nothing can be told to somebody now; None when it can."""
    if lane != "subscribers":
        return None
    try:
        enabled = w.store.subscriptions.get(handler).enabled
    except NotFound:
        return f"subscription {handler} was removed"
    except UnreadableRecord as unreadable:
        return str(unreadable)
    return None if enabled else f"subscription {handler} is disabled; enable it first"


def redeliver_all(w: Wiring, wanted: Filter, *, dry_run: bool) -> tuple[int, int]:
    """Hand all that match to their handlers again, spread a little.

    Returns:
        How many, and how many cannot be told now.
    """
    told, skipped, closed = 0, 0, dict[str, str | None]()
    for delivery in matching(w, wanted):
        if delivery.handler not in closed:
            closed[delivery.handler] = cannot_be_told(w, delivery.lane, delivery.handler)
        if closed[delivery.handler]:
            skipped += 1
            continue
        if not dry_run and not tell_again(w, delivery, told * SPREAD):
            skipped += 1
            continue
        told += 1
    return told, skipped


def tell_again(w: Wiring, delivery: Delivery, after: float) -> bool:
    """Hand a delivery to its handler again; False when it is being told now, or was removed."""
    try:
        w.store.deliveries.redeliver(delivery, after)
    except (Conflict, NotFound):
        return False
    return True


def delivery_document(delivery: Delivery) -> View:
    """What was told to whom, each attempt with status, answer and time."""
    last = delivery.tries[-1] if delivery.tries else {}
    return {
        "id": delivery.id,
        "event": delivery.event,
        "type": delivery.type,
        "job": delivery.job,
        "handler": delivery.handler,
        "state": delivery.state,
        "created_at": iso(delivery.opened_at),
        "next_at": iso(delivery.due_at) if delivery.due_at else None,
        "attempts": [_attempt(tried) for tried in delivery.tries],
        "status": last.get("status"),
        "why": last.get("why"),
    }


def _attempt(tried: Mapping[str, Any]) -> View:
    names = ("n", "at", "outcome", "status", "answer", "why", "took")
    return {name: tried.get(name) for name in names}
