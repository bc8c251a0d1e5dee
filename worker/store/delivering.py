"""What a slot delivers: taken with its claim, and what came of that written down."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import orjson

from runhook.worker.domain import policy
from runhook.worker.domain.events import Event
from runhook.worker.domain.jobs import iso
from runhook.worker.domain.receivers import Health, Verdict
from runhook.worker.domain.views import View
from runhook.worker.errors import NotFound, UnreadableRecord
from runhook.worker.store.claims import Again, Answer, Claim
from runhook.worker.store.delivered import (
    Attempted,
    Delivery,
    DeliveryResult,
    Hand,
    LeasedDelivery,
    Left,
    readable,
)
from runhook.worker.store.duties import Closing
from runhook.worker.store.events import Events, kept_fields
from runhook.worker.store.scripts import Scripts, pairs, until_ms
from runhook.worker.store.subscriptions import health_fields, unpacked_health

TRIES = 20  # times that a health is judged anew because another slot wrote it meanwhile

# Events that a process has read and keeps for the receivers that hear of them next, and bytes of
# a job that is kept so: the rows of a round, and a MiB of memory.
SHARED, LARGEST_SHARED = 64, 16_384

Judge = Callable[[Health], Verdict]


class SharedEvent:
    """An event that is read and shown once for all who are told of it here."""

    def __init__(self, event: Event) -> None:
        self.event = event
        self._shown: dict[str, bytes] = {}

    def data(self, base: str) -> View:
        """What it carries, as `Event.data` has it; each time anew, for users may change it."""
        if base not in self._shown:
            self._shown[base] = orjson.dumps(self.event.data(base))
        shown: View = orjson.loads(self._shown[base])
        return shown


class Delivering:
    """Deliveries in the hands of slots."""

    def __init__(self, scripts: Scripts, events: Events) -> None:
        self._scripts = scripts
        self._events = events
        # By all that it is made of, so that none can be out of date.
        self._shared = lru_cache(maxsize=SHARED)(self._brought)

    def prepare(self) -> None:
        """Have at hand what each delivery needs: a tenth of a second's work, best done once."""
        self._scripts.prepare("claim", "finish", "record_delivery", "rest")

    def take(self, claim: Claim) -> Hand | Answer:
        """Take a receiver's next deliveries into the slot's hand, and count an attempt at each.

        Its claim did this already, unless its receiver could not be told then: so another is to.
        With nothing to do now, what becomes of the slot's duty.
        """
        if not claim.brought:
            return Again(policy.ELSEWHERE_LOOK)
        word, what, *more = claim.brought
        if word == b"wait":
            return Again(int(what) / 1000)
        if word != b"take":
            return None
        begun, health, record, event, job, behind = more[:6]
        first = (what, begun, record, event, job)
        # A record is removed at this moment, or Redis was put back to an older copy.
        found = [_leased(*one) for one in (first, *behind) if one[2]]
        if not found:
            return None
        known, rev = unpacked_health(health)
        taken = [one for one in found if isinstance(one, LeasedDelivery)]
        left = [one for one in found if isinstance(one, Left)]
        return Hand(taken=taken, left=left, health=known, rev=rev)

    def put_back(self, claim: Claim) -> None:
        """Put back, uncounted, what a slot's claim brought, if its receiver cannot be read here."""
        word, *brought = claim.brought or [b""]
        if word == b"take":
            left = Left(brought[0].decode(), policy.UNREADABLE_LOOK)
            order = _slot_of(claim) | {"told": [], "left": _left([left])}
            self._scripts.answers("record_delivery", 3, orjson.dumps(order))

    def event_of(self, taken: LeasedDelivery) -> SharedEvent:
        """What a delivery tells: from what it kept, from the log, or an end from the job's record.

        Raises:
            NotFound: All of them are gone, or the job is.
        """
        delivery = taken.delivery
        if delivery.kept:
            return SharedEvent(self._events.of(delivery.event, kept_fields(delivery.kept)))
        if not taken.event:
            return SharedEvent(self._gone(delivery))
        if sum(map(len, taken.job)) > LARGEST_SHARED:
            return self._brought(delivery.event, taken.event, taken.job)
        return self._shared(delivery.event, tuple(taken.event), tuple(taken.job))

    def _brought(self, event_id: str, fields: Sequence[bytes], job: Sequence[bytes]) -> SharedEvent:
        return SharedEvent(self._events.brought(event_id, fields, job))

    def _gone(self, delivery: Delivery) -> Event:
        """One that the log had no more when its delivery was taken."""
        try:
            return self._events.get(delivery.event)
        except NotFound:
            if delivery.job is None:
                raise
        return self._events.of_record(delivery.event, delivery.type, delivery.job)

    def record(
        self,
        claim: Claim,
        hand: Hand,
        told: Sequence[Attempted],
        left: Sequence[Left],
        *,
        judge: Judge | None,
        closing: Closing | None,
    ) -> str | None:
        """Write down how attempts went, and let the slot go on.

        Args:
            claim: The slot's.
            hand: What it took.
            told: What was told of that.
            left: What was not, and is put back.
            judge: What that says of the receiver's health, if anything; asked again when another
                slot changed it meanwhile.
            closing: The end of the slot's claim; None: it goes on with the rest of its hand.

        Returns:
            Why the subscription is told nothing any more, if this disabled it.
        """
        order = _slot_of(claim) | {"told": [_told(one) for one in told], "left": _left(left)}
        if closing:
            order["closing"] = closing.order
        tried, health, rev = [self._tried(one.result) for one in told], hand.health, hand.rev
        for _ in range(TRIES):
            if judge is None:
                break
            verdict = judge(health)
            judged = order | _judged(claim, verdict, rev)
            word, now, _ = self._recorded(judged, tried, closing)
            if word != b"stale":
                return verdict.disabled if word == b"disabled" else None
            health, rev = unpacked_health(now)
        # What the handler answered is a fact; that it says nothing of its health is a small loss.
        self._recorded(order, tried, closing)
        return None

    def _recorded(
        self, order: dict[str, Any], tried: Sequence[bytes], closing: Closing | None
    ) -> list[Any]:
        answers = self._scripts.answers("record_delivery", 3, orjson.dumps(order), *tried)
        if closing and answers[0] != b"stale":
            closing.done(answers[2])
        return answers

    def _tried(self, turn: DeliveryResult) -> bytes:
        """An attempt as the delivery keeps it.

        What is none is left out: Redis keeps a hash flat, in half the bytes, while no value of it
        is longer than 64, and that a handler heard it is just shorter.
        """
        outcome, again_in = turn.outcome, turn.again_in
        result: str = outcome.word
        if turn.state == "superseded":
            result = turn.state
        if again_in is not None:
            again_in = round(again_in, 3)
        tried = {
            "at": iso(self._scripts.clock.now()),
            "outcome": result,
            "took": round(outcome.took, 3),
            "status": outcome.status,
            "why": turn.why or outcome.why,
            "again_in": again_in,
            "answer": outcome.answer,
        }
        return orjson.dumps({name: value for name, value in tried.items() if value is not None})


def _leased(
    name: bytes,
    begun: bytes,
    record: Sequence[bytes],
    event: Sequence[bytes] | None,
    job: Sequence[bytes],
) -> LeasedDelivery | Left:
    """A delivery that a claim brought, or that it cannot be read here."""
    delivery = readable(name.decode(), pairs(record))
    if isinstance(delivery, UnreadableRecord):
        return Left(name.decode(), policy.UNREADABLE_LOOK)
    return LeasedDelivery(delivery=delivery, n=int(begun), event=event or (), job=job)


def _slot_of(claim: Claim) -> dict[str, Any]:
    """The slot that a claim holds, as scripts read it."""
    handler, slot = claim.attempt
    return {"lane": claim.lane, "handler": handler, "slot": str(slot), "token": claim.token}


def _told(one: Attempted) -> dict[str, Any]:
    """How an attempt went, as `record_delivery` takes it."""
    return {
        "id": one.taken.delivery.id,
        "n": one.taken.n,
        "state": one.result.state,
        "after": until_ms(one.result.again_in),
    }


def _left(many: Sequence[Left]) -> list[dict[str, Any]]:
    return [{"id": one.id, "after": round(one.after * 1000)} for one in many]


def _judged(claim: Claim, verdict: Verdict, rev: int) -> dict[str, Any]:
    """A verdict as `record_delivery` takes it."""
    handler, _ = claim.attempt
    fields = [part for pair in health_fields(verdict.health) for part in pair]
    judged: dict[str, Any] = {"health": fields}
    # Several children tell a handler at once, and what each says of it is only a pace.
    if claim.lane == "subscribers":
        judged["rev"] = rev
    if verdict.disabled:
        alert = f"subscription {handler} is disabled: {verdict.disabled}. What it misses is kept:"
        judged |= {"disabled": verdict.disabled, "alert": f"{alert} enable it, then redeliver."}
    return judged
