"""Telling: a receiver is told what is delivered to it, and what came of that is written down."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from runhook.worker.delivery import handlers, subscriptions
from runhook.worker.delivery.fanout import jittered
from runhook.worker.domain import policy, receivers
from runhook.worker.domain.events import Event, Outcome, cloud_event
from runhook.worker.domain.handlers import CeleryTask, Handler, HandlerEvent
from runhook.worker.domain.receivers import Health, Verdict
from runhook.worker.errors import NotFound, StoreUnavailable, UnreadableRecord
from runhook.worker.net.faults import unforeseen
from runhook.worker.store import (
    Again,
    Answer,
    Attempted,
    Claim,
    Closing,
    Delivery,
    DeliveryResult,
    Hand,
    Handed,
    LeasedDelivery,
    Left,
)
from runhook.worker.store.claims import Lease, Turn, boot_time
from runhook.worker.store.delivering import Judge, SharedEvent
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring

Tell = Callable[[SharedEvent], Outcome]
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


class Row:
    """What a slot has in hand, told one after the other and written down together.

    Where one takes its time, what was told before is written down meanwhile and what stands behind
    it is put back, for another slot to tell: nobody waits for one delivery that hangs.
    """

    def __init__(self, w: Wiring, claim: Claim, hand: Hand) -> None:
        self._w, self._claim, self._hand = w, claim, hand
        self._waiting = deque(hand.taken)
        self._told: list[Attempted] = []
        self._left = list(hand.left)
        self._judges: list[Judge] = []
        self._lock = threading.Lock()  # the thread that renews leases lets go of what waits

    def next(self) -> LeasedDelivery | None:
        """The one that is told now."""
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def add(self, taken: LeasedDelivery, told: Told) -> None:
        """What came of one."""
        turn = told.turn
        if turn is None:
            # Not counted: an older version is no fault of the receiver, and those behind it go on.
            with self._lock:
                self._left.append(Left(taken.delivery.id, policy.UNREADABLE_LOOK))
            return
        # Nobody has to care for what never happened, nor to redeliver it.
        if taken.delivery.sample and turn.state == "dead":
            turn = replace(turn, state="superseded")
        with self._lock:
            self._told.append(Attempted(taken=taken, result=turn))
            self._judges += [told.judge] if told.judge else []

    def let_go(self) -> None:
        """Of all but the one that is told at this moment."""
        with self._lock:
            self._leave_waiting()
            if self._told or self._left:
                self._write(judge=None, closing=None)

    def end(self, lease: Lease | None = None) -> None:
        """All are told; the slot goes on. With Redis away it is tried again while the lease runs.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        while True:
            try:
                return self._end()
            except StoreUnavailable:
                if lease is None or lease.until <= boot_time():
                    raise
            time.sleep(policy.RECORDED_AGAIN)

    def _end(self) -> None:
        with self._lock:
            self._leave_waiting()
            judge = self._judged if self._judges else None
            self._write(judge=judge, closing=self._w.store.duties.closing(self._claim))

    def _leave_waiting(self) -> None:
        self._left += [Left(one.delivery.id) for one in self._waiting]
        self._waiting.clear()

    def _judged(self, health: Health) -> Verdict:
        verdict = Verdict(health=health)
        for judge in self._judges:
            verdict = judge(verdict.health)
        return verdict

    def _write(self, judge: Judge | None, closing: Closing | None) -> None:
        told, left = self._told, self._left
        disabled = self._w.store.delivering.record(
            self._claim, self._hand, told, left, judge=judge, closing=closing
        )
        self._told, self._left = [], []  # only now: what Redis did not take is written again
        for one in told:
            _report(one)
        if disabled:
            report("subscription.disabled", subscription=self._claim.attempt[0], why=disabled)


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
    return _deliver(w, claim, lambda shared: _run(w, handler, shared, submitter_for))


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
        w.store.delivering.put_back(claim)
        raise
    if not subscription.enabled:
        return subscriptions.miss(w, subscription)
    return _deliver(w, claim, lambda shared: subscriptions.tell(w, subscription, shared.event))


def told(shared: SharedEvent, public_url: str, submitter: Submitter | None = None) -> HandlerEvent:
    """An event as a Python handler sees it, and what it may submit jobs with."""
    event, data, job = shared.event, shared.data(public_url), None
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


def _deliver(w: Wiring, claim: Claim, tell: Tell) -> Answer:
    """Deliver a receiver's next events, and record the results.

    A subscriber that takes its time is left to an overflow thread, which finishes the duty itself.
    """
    hand = w.store.delivering.take(claim)
    if not isinstance(hand, Hand):
        return hand
    if claim.lane == "subscribers":
        _tell_subscriber(w, claim, hand, tell)
        return Handed.OVER
    row = Row(w, claim, hand)
    # A handler may take minutes; with the lease over, another process would call it a second time.
    # One that stood still for longer than that finds the rest told by another.
    with w.store.duties.renewing(claim, row.let_go) as lease:
        while lease.until > boot_time() and (taken := row.next()):
            row.add(taken, _told_to(w, claim, taken, tell))
        # Recorded whatever happened: unrecorded, the slot would hold them until its lease is over,
        # and another would tell the whole row again.
        row.end(lease)
    return Handed.OVER


def _tell_subscriber(w: Wiring, claim: Claim, hand: Hand, tell: Tell) -> None:
    """A subscriber has one delivery in a hand, or one that cannot be read here."""
    if not hand.taken:
        Row(w, claim, hand).end()
        return

    def told_to() -> Told:
        with w.store.duties.renewing(claim):
            return _told_to(w, claim, hand.taken[0], tell)

    # Whoever works through the lane does not wait, so the other thread takes no next duty for it.
    alone = replace(claim, turn=Turn())
    told = w.overflow.run(
        claim.id, told_to, partial(_record, w, alone, hand), policy.SUBSCRIBER_STAY
    )
    if told:
        _record(w, claim, hand, told)


def _record(w: Wiring, claim: Claim, hand: Hand, told: Told) -> None:
    """Write down what came of the one delivery of a hand."""
    row = Row(w, claim, hand)
    if taken := row.next():
        row.add(taken, told)
    row.end()


def _told_to(w: Wiring, claim: Claim, taken: LeasedDelivery, tell: Tell) -> Told:
    """Tell a receiver; what came of it, whatever went wrong."""
    try:
        return _turn_of(w, taken, tell)
    except UnreadableRecord as unreadable:
        report("record.unreadable", lane=claim.lane, duty=claim.id, why=str(unreadable))
        return POSTPONED
    except StoreUnavailable as away:  # its event had to be read; what was told is recorded first
        report("redis.away", lane=claim.lane, duty=taken.delivery.id, why=str(away))
        return POSTPONED
    except Exception as error:  # noqa: BLE001 - it is this delivery's own, and others wait behind it
        report("task.failed", lane=claim.lane, duty=taken.delivery.id, exc_info=True)
        why = f"it could not be delivered: {unforeseen(error, policy.LONGEST_DELIVERY_WHY)}"
        return Told(_turn(w, Outcome(word="failed", took=0, why=why), taken.place))


def _report(one: Attempted) -> None:
    result = one.result
    report(
        "delivery.recorded",
        delivery=one.taken.delivery.id,
        state=result.state,
        outcome=result.outcome.word,
        status=result.outcome.status,
        n=one.taken.n,
        why=result.why or result.outcome.why,
    )


def _turn_of(w: Wiring, taken: LeasedDelivery, tell: Tell) -> Told:
    """The result, and what it says of the receiver's health; nothing where nothing was sent."""
    try:
        shared = w.store.delivering.event_of(taken)
    except NotFound:
        return Told(_untold("dead", _gone(taken.delivery)))
    # Looked at now and not when it was opened: success may have come while this waited its turn.
    if shared.event.outdated:
        return Told(_untold("superseded", "success came late and is delivered instead"))
    # Attempts are counted when they begin, so a handler that kills its process each time has an
    # end.
    if taken.place > len(w.settings.retry_schedule):
        return Told(_untold("dead", "its last attempt never came back"))
    outcome = tell(shared)
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


def _run(w: Wiring, handler: Handler, shared: SharedEvent, submitter_for: SubmitterFor) -> Outcome:
    event, public_url = shared.event, w.settings.public_url
    if isinstance(handler.target, CeleryTask):
        task = handler.target
        return w.elsewhere.send(task.name, task.queue, cloud_event(event, public_url))
    submitter = submitter_for(w, event, handler.name)
    return handlers.run(handler.target, told(shared, public_url, submitter), w.clock.now)
