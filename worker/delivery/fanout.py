"""Fan-out: an event's deliveries are opened, and each handler gets it until it acknowledges."""

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from runhook.worker.delivery import handlers, subscriptions
from runhook.worker.domain import events, policy, receivers
from runhook.worker.domain.events import Event, Outcome, cloud_event
from runhook.worker.domain.handlers import CeleryTask, Handler, HandlerEvent
from runhook.worker.domain.receivers import Recipient, Verdict
from runhook.worker.errors import NotFound, StoreUnavailable, UnreadableRecord
from runhook.worker.net.faults import unforeseen
from runhook.worker.store import (
    MISSED,
    Again,
    Answer,
    Change,
    Claim,
    Delivery,
    DeliveryResult,
    Handed,
    LeasedDelivery,
    Listeners,
    Published,
    Recipients,
    Subscription,
    is_event_id,
)
from runhook.worker.store.claims import Turn
from runhook.worker.store.deliveries import Judge
from runhook.worker.store.processes import HANDLER_KEPT
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring

Tell = Callable[[Event], Outcome]
Submitter = Callable[[dict[str, Any]], Any]  # what a handler submits a job with
# That of a handler of this name which is told of an event.
SubmitterFor = Callable[[Wiring, Event, str], Submitter]


@dataclass(frozen=True)
class Told:
    """What came of telling a receiver of something.

    Attributes:
        turn: The result; None: it cannot be told here, so it is put back uncounted.
        judge: What that says of the receiver's health; None: nothing.
    """

    turn: DeliveryResult | None
    judge: Judge | None = None


POSTPONED = Told(turn=None)


def open_event(w: Wiring, claim: Claim) -> Answer:
    """Open a delivery for everybody who wants an event; doing it again opens none twice.

    The duty names the event, or `<event>/<receiver>` for one who missed it; or `missed/<receiver>`.
    A receiver that cannot be read keeps no other waiting: what it may want is remembered for it.

    Raises:
        UnreadableRecord: The event is not for this version, or nor is whoever missed some.
    """
    event_id, _, receiver = claim.id.partition("/")
    if event_id == MISSED:
        return _catch_up(w, receiver)
    # Not dropped: only a newer process, which made this duty, knows what it means.
    if not is_event_id(event_id):
        raise UnreadableRecord(f"duty fanout {claim.id}", "it is not known", newer=True)
    # Over its retention, or lost by Redis: there is nothing left to deliver.
    with suppress(NotFound):
        event = w.store.events.of_claim(claim)
        who = _audience(w, w.store.audience.at(claim.brought[2]))
        wanted = [one for one in who_wants(who, event) if receiver in ("", one.handler)]
        missing = [name for name in who.unreadable if receiver in ("", name)]
        # Last: what can be read is delivered first, whatever becomes of the rest.
        if missing:
            w.store.deliveries.open(event, wanted)
            w.store.deliveries.miss(event, missing)
        elif wanted:
            w.store.deliveries.open(event, wanted, w.store.duties.closing(claim))
    return None


def _catch_up(w: Wiring, receiver: str) -> Answer:
    """Have what a receiver missed opened for it, if its record can be read now."""
    if unreadable := audience(w).unreadable.get(receiver):
        raise unreadable
    if w.store.deliveries.catch_up(receiver, policy.CAUGHT_UP_AT_ONCE) == policy.CAUGHT_UP_AT_ONCE:
        return Again(0)  # there may be more
    return None


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Every receiver that an event may be delivered to.

    Attributes:
        handlers: Those that a process has published.
        subscriptions: All of them, disabled ones too.
        first: Seconds before the first attempt.
        unreadable: By name, those whose record cannot be read here, and why.
    """

    handlers: Sequence[Published]
    subscriptions: Sequence[Subscription]
    first: float
    unreadable: Mapping[str, UnreadableRecord]

    @property
    def closed(self) -> set[str]:
        """Subscribers that are disabled."""
        return {one.id for one in self.subscriptions if not one.enabled}


def audience(w: Wiring) -> Audience:
    """Every receiver that is known now, whether its record can be read here or not."""
    return _audience(w, w.store.audience.now())


def _audience(w: Wiring, found: Listeners) -> Audience:
    return Audience(
        handlers=found.handlers_within(HANDLER_KEPT, w.clock.now()),
        subscriptions=found.subscriptions,
        first=w.settings.retry_schedule[0],
        unreadable={one.id: one for one in found.unreadable},
    )


def who_wants(who: Audience, event: Event) -> list[Recipient]:
    """Every handler and subscriber that an event is delivered to.

    A disabled one too, for what it misses is kept for it; but no sample is.
    """
    inside = [
        Recipient(handler.name, "handlers", jittered(who.first))
        for handler in who.handlers
        if _handler_wants(handler, event)
    ]
    outside = [
        Recipient(subscription.id, "subscribers", jittered(who.first))
        for subscription in who.subscriptions
        if (subscription.enabled or not event.sample)
        and events.wants(subscription.events, subscription.models, event)
    ]
    return inside + outside


def recipients(w: Wiring, change: Change) -> Recipients | None:
    """Who is told of an end, so that the change opens their deliveries itself.

    None where the fan-out does: this process does not know who listens, or cannot read or judge all
    of them, or they are too many for the way of a paid answer.
    """
    known = w.store.audience.known()
    if known is None or not change.event or not change.job.state.ended:
        return None
    word, who = known[0], _audience(w, known[1])
    if who.unreadable or len(who.handlers) + len(who.subscriptions) > policy.JUDGED_AT_ONCE:
        return None
    event = Event(
        id="", type=change.event, time=w.clock.now(), subject=change.job.id, job=change.job
    )
    try:
        wanted = who_wants(who, event)
    except Exception:  # noqa: BLE001 - a receiver's filter is no reason that a paid answer is lost
        return None
    if len(wanted) > policy.OPENED_AT_ONCE:
        return None
    return Recipients(at=word.decode(), to=tuple(wanted))


def _handler_wants(handler: Published, event: Event) -> bool:
    """Whether a handler gets it: by its types and model, and by the names in the job."""
    if event.job is not None and not event.job.spec.names(handler.name):
        return False
    globs = list(filter(None, [handler.model]))
    return events.wants(handler.types, globs, event)


def deliver_to_handler(w: Wiring, claim: Claim, submitter_for: SubmitterFor) -> Answer:
    """Deliver its next event to a Python handler or a Celery task.

    Args:
        w: The process's parts.
        claim: A slot of the handler.
        submitter_for: What it may submit jobs with.

    Returns:
        When to look again, where no process here has the handler: its deliveries wait.
    """
    name, _ = claim.attempt
    handler = w.handlers.get(name)
    if handler is None:
        # Nothing waits, so the slot may sleep: the next delivery wakes it.
        if not w.store.deliveries.count("pending", name):
            return None
        living = {
            handler.name for handler in w.store.processes.handlers(policy.UNKNOWN_HANDLER_LOOK)
        }
        # Soon where a living process has it, which gets the slot then; else seldom.
        if name in living:
            return Again(policy.ELSEWHERE_LOOK)
        # Once: it is looked for each minute, and `runhook doctor` names it as long as it is gone.
        if w.handlers.is_missed_first(name):
            report("handler.unknown", handler=name)
        return Again(policy.UNKNOWN_HANDLER_LOOK)
    return _deliver(w, claim, lambda event: _run(w, handler, event, submitter_for))


def deliver_to_subscriber(w: Wiring, claim: Claim) -> Answer:
    """Deliver its next event to an HTTP subscriber.

    What waits for a disabled one is kept as dead, what waits for a removed one is ended.
    """
    try:
        subscription = w.store.subscriptions.of(claim)
    except NotFound:
        subscriptions.forget(w, claim)
        return None
    except UnreadableRecord:
        w.store.deliveries.put_back(claim)
        raise
    if not subscription.enabled:
        return subscriptions.miss(w, subscription)
    return _deliver(w, claim, lambda event: subscriptions.tell(w, subscription, event))


def told(event: Event, public_url: str, submitter: Submitter | None = None) -> HandlerEvent:
    """An event as a Python handler sees it, and what it may submit jobs with."""
    data, job = event.data(public_url), None
    if event.job:
        job = handlers.attributes(data)
    return HandlerEvent(
        id=event.id,
        type=event.type,
        time=event.time,
        job=job,
        previous_state=event.previous_state,
        data=data,
        submitter=submitter,
    )


def jittered(seconds: float) -> float:
    """Give or take a fifth, so that many do not come back at the same moment."""
    return seconds * random.uniform(1 - policy.JITTER, 1 + policy.JITTER)  # noqa: S311


def _deliver(w: Wiring, claim: Claim, tell: Tell) -> Answer:
    """Deliver a receiver's next event, and record the result.

    A subscriber that takes its time is left to an overflow thread, which finishes the duty itself.
    """
    taken = w.store.deliveries.take(claim)
    if not isinstance(taken, LeasedDelivery):
        return taken
    if claim.lane != "subscribers":
        _record(w, claim, taken, _told_to(w, claim, taken, tell))
        return Handed.OVER
    # Whoever works through the lane does not wait, so the other thread takes no next duty for it.
    alone = replace(claim, turn=Turn())
    told = w.overflow.run(
        claim.id,
        partial(_told_to, w, claim, taken, tell),
        partial(_record, w, alone, taken),
        policy.SUBSCRIBER_STAY,
    )
    if told:
        _record(w, claim, taken, told)
    return Handed.OVER


def _told_to(w: Wiring, claim: Claim, taken: LeasedDelivery, tell: Tell) -> Told:
    """Tell a receiver; what came of it, whatever went wrong.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    try:
        return _turn_of(w, claim, taken, tell)
    except UnreadableRecord as unreadable:
        report("record.unreadable", lane=claim.lane, duty=claim.id, why=str(unreadable))
        return POSTPONED
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - it is this delivery's own, and others wait behind it
        report("task.failed", lane=claim.lane, duty=taken.delivery.id, exc_info=True)
        why = f"it could not be delivered: {unforeseen(error, policy.LONGEST_DELIVERY_WHY)}"
        return Told(_turn(w, Outcome(word="failed", took=0, why=why), taken.place))


def _record(w: Wiring, claim: Claim, taken: LeasedDelivery, told: Told) -> None:
    """Write down what came of telling a receiver, and let its slot go on."""
    if told.turn is None:
        # Postponed and not counted: an older version is no fault of the receiver, and those behind
        # it go on.
        w.store.deliveries.postpone(claim, taken.delivery.id)
        return
    turn, closing = told.turn, w.store.duties.closing(claim)
    # Nobody has to care for what never happened, nor to redeliver it.
    if taken.delivery.sample and turn.state == "dead":
        turn = replace(turn, state="superseded")
    # Recorded whatever happened: unrecorded, the slot would hold this delivery until its lease is
    # over.
    disabled = w.store.deliveries.record(claim, taken, turn, told.judge, closing)
    report(
        "delivery.recorded",
        delivery=taken.delivery.id,
        state=turn.state,
        outcome=turn.outcome.word,
        status=turn.outcome.status,
        n=taken.n,
        why=turn.why or turn.outcome.why,
    )
    if disabled:
        report("subscription.disabled", subscription=claim.attempt[0], why=disabled)


def _turn_of(w: Wiring, claim: Claim, taken: LeasedDelivery, tell: Tell) -> Told:
    """The result, and what it says of the receiver's health; nothing where nothing was sent."""
    try:
        event = w.store.deliveries.event_of(taken.delivery, claim)
    except NotFound:
        return Told(_untold("dead", _gone(taken.delivery)))
    # Looked at now and not when it was opened: success may have come while this waited its turn.
    if event.outdated:
        return Told(_untold("superseded", "success came late and is delivered instead"))
    # Attempts are counted when they begin, so a handler that kills its process each time has an
    # end.
    if taken.place > len(w.settings.retry_schedule):
        return Told(_untold("dead", "its last attempt never came back"))
    # A handler may take minutes; with the lease over, another process would call it a second time.
    with w.store.duties.renewing(claim):
        outcome = tell(event)
    return Told(_turn(w, outcome, taken.place), _judge(w, taken.delivery, outcome))


def _judge(w: Wiring, delivery: Delivery, outcome: Outcome) -> Judge:
    """A handler of ours is only slow or quick; a server of others may fail, and is spared then."""
    if delivery.lane == "subscribers":
        return lambda health: receivers.after(health, outcome, delivery.id, w.clock.now())
    return lambda health: Verdict(health=receivers.after_telling(health, outcome))


def _gone(delivery: Delivery) -> str:
    """What happened to a delivery whose event is nowhere, and what there is to do."""
    gone = (
        "Redis has the event no more: it was put back to an older copy, or the event is older than "
        "RUNHOOK_RETENTION_DAYS"
    )
    if delivery.job is None:
        return f"{gone}. `runhook doctor` says what is wrong now"
    return (
        f"{gone}; its job's record does not tell it either. `runhook job {delivery.job}` shows how "
        "the job stands; what happens to it from here on is delivered as before"
    )


def _untold(state: Literal["dead", "superseded"], why: str) -> DeliveryResult:
    return DeliveryResult(state=state, outcome=Outcome(word="dead", took=0, why=why))


def _run(w: Wiring, handler: Handler, event: Event, submitter_for: SubmitterFor) -> Outcome:
    if isinstance(handler.target, CeleryTask):
        task = handler.target
        return w.elsewhere.send(task.name, task.queue, cloud_event(event, w.settings.public_url))
    submitter = submitter_for(w, event, handler.name)
    telling = told(event, w.settings.public_url, submitter)
    return handlers.run(handler.target, telling, w.clock.now)


def _turn(w: Wiring, outcome: Outcome, place: int) -> DeliveryResult:
    schedule = w.settings.retry_schedule
    match outcome.word:
        case "done":
            return DeliveryResult(state="done", outcome=outcome)
        case "dead":
            return DeliveryResult(state="dead", outcome=outcome)
        # Counted by the schedule even where the receiver asks for its own wait: else it could ask
        # for ever.
        case _ if place >= len(schedule):
            why = f"{outcome.why}; that was the last of {len(schedule)} attempts"
            return DeliveryResult(state="dead", outcome=outcome, why=why)
        case _:
            again_in = jittered(schedule[place])
            # Not jittered: the receiver named the moment itself.
            if outcome.after is not None:
                again_in = max(0.0, outcome.after)
            return DeliveryResult(state="pending", outcome=outcome, again_in=again_in)
