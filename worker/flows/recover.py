"""Making good what is missing: callbacks that never came, deliveries dead or never made."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from runhook.worker.delivery import deliveries
from runhook.worker.delivery.deliveries import SPREAD, read_dry_run, read_time
from runhook.worker.delivery.fanout import Audience, audience, who_wants
from runhook.worker.domain.events import Event
from runhook.worker.domain.faults import unknown_members
from runhook.worker.domain.jobs import Job, State, iso
from runhook.worker.domain.views import View
from runhook.worker.errors import Fault, InvalidRequest
from runhook.worker.flows.steps.examine import worth_asking
from runhook.worker.store import Delivery, Recipient, event_at
from runhook.worker.store.deliveries import AT_ONCE
from runhook.worker.wiring import Wiring

ASK_EVERY = 0.5  # seconds between two jobs that are asked about together


@dataclass(frozen=True)
class TimeRange:
    """What is to be made good.

    Attributes:
        handler: Only what is to be told to him; None: everything.
        new_handlers: Also tell handlers and subscribers of what happened before they came.
    """

    since: datetime
    until: datetime
    handler: str | None = None
    new_handlers: bool = False


@dataclass
class Missing:
    """What one handler or subscriber did not hear.

    Attributes:
        opened: Deliveries that had never been made.
        redelivered: Dead ones that are told again.
        skipped: Those whose subscription is disabled, or that are being told at this moment.
        younger: Events that happened before it came, left out.
    """

    opened: int = 0
    redelivered: int = 0
    skipped: int = 0
    younger: int = 0


@dataclass
class Recovered:
    """What was missing.

    Attributes:
        asked: Jobs that RunningHub is asked about, their callbacks missing.
        handlers: What each did not hear, by name.
    """

    since: datetime
    until: datetime
    asked: int = 0
    handlers: dict[str, Missing] = field(default_factory=dict)

    def of(self, handler: str) -> Missing:
        """What one did not hear."""
        return self.handlers.setdefault(handler, Missing())

    @property
    def all(self) -> Missing:
        """What all of them did not hear."""
        total = Missing()
        for one in self.handlers.values():
            total.opened += one.opened
            total.redelivered += one.redelivered
            total.skipped += one.skipped
            total.younger += one.younger
        return total

    def document(self) -> View:
        """For the API."""
        times = {"since": iso(self.since), "until": iso(self.until)}
        return asdict(self) | times | asdict(self.all)


def read_range(w: Wiring, given: Mapping[str, Any]) -> tuple[TimeRange, bool]:
    """A span from its JSON, and whether it is a dry run.

    Raises:
        InvalidRequest: With every fault.
    """
    faults = unknown_members(given, ("since", "until", "handler", "new_handlers", "dry_run"))
    since = read_time(w, given, "since", faults)
    if "since" not in given:
        faults.append(Fault("since", "is missing: from when on things are made good"))
    until = read_time(w, given, "until", faults) or w.clock.now()
    handler = given.get("handler")
    if not isinstance(handler, str | None):
        faults.append(Fault("handler", "must be a text"))
    new_handlers = given.get("new_handlers", False)
    if not isinstance(new_handlers, bool):
        faults.append(Fault("new_handlers", "must be true or false"))
    dry_run = read_dry_run(given, faults)
    if since and since >= until:
        faults.append(Fault("since", "must be before until, and not in the future"))
    if faults or since is None:
        raise InvalidRequest(faults)
    return TimeRange(since, until, handler, new_handlers), dry_run


def recover(w: Wiring, span: TimeRange, *, dry_run: bool) -> Recovered:
    """Find what is missing and see to it, spread over time; a dry run only counts."""
    found = Recovered(span.since, span.until)
    if span.handler is None:
        for job in _without_callback(w, span):
            if not dry_run:
                duty = f"{job.id}/{job.attempt.n}"
                w.store.duties.wake("reconcile", duty, found.asked * ASK_EVERY)
            found.asked += 1
    who, born = audience(w), {} if span.new_handlers else _born(w)
    for events in _events(w, span):
        for event, wanted, delivery in _pairs(w, span, who, events):
            if delivery and delivery.state != "dead":
                continue
            missing = found.of(wanted.handler)
            if delivery is None and event.time < born.get(wanted.handler, event.time):
                missing.younger += 1
            elif wanted.handler in who.closed:
                missing.skipped += 1
            else:
                after = (found.all.opened + found.all.redelivered) * SPREAD
                _make_good(w, event, replace(wanted, after=after), delivery, missing, dry_run)
    return found


def _born(w: Wiring) -> dict[str, datetime]:
    """When each handler and subscriber came; what happened before was never for it."""
    handlers = {one.handler.name: one.since for one in w.store.processes.known() if one.since}
    return handlers | {one.id: one.created_at for one in w.store.subscriptions.all()}


def _without_callback(w: Wiring, span: TimeRange) -> Iterator[Job]:
    """Jobs to ask RunningHub about: under way since before the span's end, or given up in it."""
    for state in (State.RUNNING, State.UNCONFIRMED):
        for job in w.store.jobs.standing(state):
            if job.attempt.ref and job.spec.created_at <= span.until:
                yield job
    for job in w.store.jobs.ended_between(span.since, span.until):
        if job.state is State.FAILED and job.attempt.ref and worth_asking(job, job.attempt.n):
            yield job


def _events(w: Wiring, span: TimeRange) -> Iterator[list[Event]]:
    cursor: str | None = event_at(span.since)
    while True:
        found, behind = w.store.events.after(cursor, AT_ONCE, gaps=True)
        yield [event for event in found if event.time <= span.until]
        if behind == cursor or (found and found[-1].time > span.until):
            return
        cursor = behind


def _make_good(
    w: Wiring,
    event: Event,
    wanted: Recipient,
    delivery: Delivery | None,
    missing: Missing,
    dry_run: bool,
) -> None:
    if delivery is None:
        missing.opened += 1
        if not dry_run:
            w.store.deliveries.open(event, [wanted])
    elif dry_run or deliveries.tell_again(w, delivery, wanted.after):
        missing.redelivered += 1
    else:
        missing.skipped += 1


def _pairs(
    w: Wiring, span: TimeRange, who: Audience, events: list[Event]
) -> Iterator[tuple[Event, Recipient, Delivery | None]]:
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
