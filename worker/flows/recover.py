"""Making good what is missing: callbacks that never came, deliveries dead or never made."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from runhook.worker.delivery import deliveries
from runhook.worker.delivery.fanout import Audience, audience, who_wants
from runhook.worker.delivery.roster import require_receiver
from runhook.worker.domain import policy
from runhook.worker.domain.bodies import Body, Moment, ReceiverName, fact, refused
from runhook.worker.domain.events import Event
from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.receivers import Recipient
from runhook.worker.domain.recovery import Missing, Recovered
from runhook.worker.flows.steps.examine import worth_asking
from runhook.worker.store import Delivery, event_at
from runhook.worker.store.deliveries import AT_ONCE
from runhook.worker.wiring import Wiring


@dataclass(frozen=True, kw_only=True)
class TimeRange:
    """A period of which everything is made good, and for whom.

    Attributes:
        since: Its start.
        until: Its end.
        handler: Only deliveries to this handler or subscription; None: everything.
        new_handlers: Deliver to handlers and subscribers also what happened before they came.
    """

    since: datetime
    until: datetime
    handler: str | None = None
    new_handlers: bool = False


class RecoverRequest(Body):
    """What is to be made good.

    Attributes:
        since: Start of the period, in which events happened and jobs ended.
        until: Its end; None: now.
        handler: Only deliveries to this handler or subscription; None: everything, and
            RunningHub is asked about missing callbacks too.
        new_handlers: Deliver to handlers and subscribers also what happened before they came.
        dry_run: Only count what is missing.
    """

    since: Annotated[Moment, Field(description="start of the period to recover, as 2h ago")]
    until: Moment | None = None
    handler: ReceiverName | None = None
    new_handlers: bool = False
    dry_run: bool = False

    @field_validator("since")
    @classmethod
    def _past(cls, since: datetime, info: ValidationInfo) -> datetime:
        if since >= fact(info, "now"):
            raise refused("must be in the past")
        return since

    @field_validator("until")
    @classmethod
    def _behind_since(cls, until: datetime | None, info: ValidationInfo) -> datetime | None:
        since = info.data.get("since")
        if since and until and since >= until:
            raise refused("must be after since")
        return until

    def range(self, now: datetime) -> TimeRange:
        """The period, whose end is now unless it names one."""
        return TimeRange(
            since=self.since,
            until=self.until or now,
            handler=self.handler,
            new_handlers=self.new_handlers,
        )


def recover(w: Wiring, span: TimeRange, *, dry_run: bool) -> Recovered:
    """Find what is missing and make it good, spread over time; a dry run only counts.

    RunningHub is only asked, which is free; handlers may be called again.

    Raises:
        NotFound: There is no such handler or subscription.
    """
    if span.handler:
        require_receiver(w, span.handler)
    found = Recovered(since=span.since, until=span.until)
    # What was not delivered to one handler has nothing to do with callbacks.
    if span.handler is None:
        for job in _without_callback(w, span):
            if not dry_run:
                duty = f"{job.id}/{job.attempt.n}"
                w.store.duties.wake("reconcile", duty, found.asked * policy.RECOVER_ASK_EVERY)
            found.asked += 1
    who, born = audience(w), dict[str, datetime]()
    if not span.new_handlers:
        born = _born(w)
    for events in _events(w, span):
        for event, wanted, delivery in _pairs(w, span, who, events):
            if delivery and delivery.state != "dead":
                continue  # it was delivered, or will be
            missing = found.of(wanted.handler)
            # It was never meant for those who came later, unless the user says so.
            if delivery is None and event.time < born.get(wanted.handler, event.time):
                missing.younger += 1
            elif wanted.handler in who.closed:
                missing.skipped += 1
            else:
                after = (found.all.opened + found.all.redelivered) * policy.REDELIVERY_SPREAD
                _make_good(
                    w, event, replace(wanted, after=after), delivery, missing, dry_run=dry_run
                )
    return found


def _born(w: Wiring) -> dict[str, datetime]:
    """When each handler and subscriber came; what happened before was never for it."""
    handlers = {one.handler.name: one.since for one in w.store.processes.known() if one.since}
    return handlers | {one.id: one.created_at for one in w.store.subscriptions.all()}


def _without_callback(w: Wiring, span: TimeRange) -> Iterator[Job]:
    """Jobs to ask RunningHub about: under way since before the span's end, or given up in it."""
    for state in (State.RUNNING, State.UNCONFIRMED):
        for job in w.store.listing.standing(state):
            # Without a task id there is nothing that RunningHub could be asked about.
            if job.attempt.ref and job.spec.created_at <= span.until:
                yield job
    for job in w.store.listing.ended_between(span.since, span.until):
        if job.state is State.FAILED and job.attempt.ref and worth_asking(job, job.attempt.n):
            yield job


def _events(w: Wiring, span: TimeRange) -> Iterator[list[Event]]:
    """The log of the period, piece by piece."""
    cursor: str | None = event_at(span.since)
    while True:
        # Gaps: where the log was trimmed, what is left of the period is still made good.
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
    *,
    dry_run: bool,
) -> None:
    """Make a delivery that there never was, or hand a dead one on again; and count it."""
    if delivery is None:
        missing.opened += 1
        if not dry_run:
            # Opening is by name: a fan-out that does the same meanwhile makes no second one.
            w.store.deliveries.open(event, [wanted])
    elif dry_run or deliveries.try_redeliver(w, delivery, wanted.after):
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
        if not event.outdated  # a failure that turned out a success is delivered to nobody
        for wanted in who_wants(who, event)
        if span.handler in (None, wanted.handler)
    ]
    names = [w.store.deliveries.name(event.id, wanted.handler) for event, wanted in pairs]
    known = {delivery.id: delivery for delivery in w.store.deliveries.many(names)}
    for (event, wanted), name in zip(pairs, names, strict=True):
        yield event, wanted, known.get(name)
