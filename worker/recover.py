"""Making good what is missing: callbacks that never came, deliveries dead or never made."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from worker import deliveries
from worker.deliveries import SPREAD, read_dry_run, read_time
from worker.document import Document, unknown_members
from worker.errors import Fault, InvalidRequest
from worker.events import Occurrence
from worker.fanout import Audience, audience, who_wants
from worker.jobs import Job, State, iso
from worker.reconcile import worth_asking
from worker.store import Delivery, Wanted, event_at
from worker.store.deliveries import AT_ONCE
from worker.wiring import Wiring

ASK_EVERY = 0.5  # seconds between two jobs that are asked about together


@dataclass(frozen=True)
class Span:
    """What is to be made good.

    Attributes:
        handler: Only what is to be told to him; None: everything.
    """

    since: datetime
    until: datetime
    handler: str | None = None


@dataclass
class Recovered:
    """What was missing.

    Attributes:
        asked: Jobs that RunningHub is asked about, their callbacks missing.
        opened: Deliveries that had never been made.
        redelivered: Dead ones that are told again.
        skipped: Those whose subscription is disabled.
    """

    since: datetime
    until: datetime
    asked: int = 0
    opened: int = 0
    redelivered: int = 0
    skipped: int = 0

    def document(self) -> Document:
        """For the API."""
        return asdict(self) | {"since": iso(self.since), "until": iso(self.until)}


def read_span(w: Wiring, given: Mapping[str, Any]) -> tuple[Span, bool]:
    """A span from its JSON, and whether it is a dry run.

    Raises:
        InvalidRequest: With every fault.
    """
    faults = unknown_members(given, ("since", "until", "handler", "dry_run"))
    since = read_time(w, given, "since", faults)
    if "since" not in given:
        faults.append(Fault("since", "is missing: from when on things are made good"))
    until = read_time(w, given, "until", faults) or w.clock.now()
    handler = given.get("handler")
    if not isinstance(handler, str | None):
        faults.append(Fault("handler", "must be a text"))
    dry_run = read_dry_run(given, faults)
    if since and since >= until:
        faults.append(Fault("since", "must be before until, and not in the future"))
    if faults or since is None:
        raise InvalidRequest(faults)
    return Span(since, until, handler), dry_run


def recover(w: Wiring, span: Span, *, dry_run: bool) -> Recovered:
    """Find what is missing and see to it, spread over time; a dry run only counts."""
    found = Recovered(span.since, span.until)
    if span.handler is None:
        for job in _without_callback(w, span):
            if not dry_run:
                duty = f"{job.id}/{job.attempt.n}"
                w.store.duties.wake("reconcile", duty, found.asked * ASK_EVERY)
            found.asked += 1
    who = audience(w)
    for events in _events(w, span):
        _make_good(w, span, who, events, found, dry_run=dry_run)
    return found


def _without_callback(w: Wiring, span: Span) -> Iterator[Job]:
    """Jobs to ask RunningHub about: under way since before the span's end, or given up in it."""
    for state in (State.RUNNING, State.UNCONFIRMED):
        for job in w.store.jobs.standing(state):
            if job.attempt.ref and job.ask.created_at <= span.until:
                yield job
    for job in w.store.jobs.ended_between(span.since, span.until):
        if job.state is State.FAILED and job.attempt.ref and worth_asking(job, job.attempt.n):
            yield job


def _events(w: Wiring, span: Span) -> Iterator[list[Occurrence]]:
    cursor: str | None = event_at(span.since)
    while True:
        found, behind = w.store.events.after(cursor, AT_ONCE, gaps=True)
        yield [event for event in found if event.time <= span.until]
        if behind == cursor or (found and found[-1].time > span.until):
            return
        cursor = behind


def _make_good(
    w: Wiring,
    span: Span,
    who: Audience,
    events: list[Occurrence],
    found: Recovered,
    *,
    dry_run: bool,
) -> None:
    for event, wanted, delivery in _pairs(w, span, who, events):
        if delivery and delivery.state != "dead":
            continue
        if wanted.handler in who.closed:
            found.skipped += 1
            continue
        after = (found.opened + found.redelivered) * SPREAD
        if delivery is None:
            found.opened += 1
            if not dry_run:
                w.store.deliveries.open(event, [Wanted(wanted.handler, wanted.lane, after)])
        elif dry_run or deliveries.tell_again(w, delivery, after):
            found.redelivered += 1


def _pairs(
    w: Wiring, span: Span, who: Audience, events: list[Occurrence]
) -> Iterator[tuple[Occurrence, Wanted, Delivery | None]]:
    """Each event with everybody who wants it, and the delivery if there is one."""
    pairs = [
        (event, wanted)
        for event in events
        if not event.outdated
        for wanted in who_wants(who, event)
        if span.handler in (None, wanted.handler)
    ]
    names = [w.store.deliveries.name(event.id, wanted.handler) for event, wanted in pairs]
    known = {delivery.id: delivery for delivery in w.store.deliveries.many(names)}
    for (event, wanted), name in zip(pairs, names, strict=True):
        yield event, wanted, known.get(name)
