"""Deliveries: what is told to whom, how each attempt went, and each handler's next."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from runhook.worker.domain import policy
from runhook.worker.domain.events import Event
from runhook.worker.domain.jobs import iso
from runhook.worker.domain.receivers import Health, Recipient, Verdict
from runhook.worker.errors import Conflict, NotFound, UnreadableRecord
from runhook.worker.store import keys
from runhook.worker.store.changes import TimelineEntry, to_whom
from runhook.worker.store.claims import Again, Answer, Claim, Handed
from runhook.worker.store.connection import reaching
from runhook.worker.store.delivered import (
    STATES,
    Delivery,
    DeliveryResult,
    DeliveryState,
    LeasedDelivery,
    Waiting,
    look,
    readable,
    waiting_of,
)
from runhook.worker.store.duties import Closing
from runhook.worker.store.events import Events, kept_fields
from runhook.worker.store.listing import pieces
from runhook.worker.store.scripts import Scripts, pairs, until_ms
from runhook.worker.store.subscriptions import health_fields, unpacked_health

# Deliveries in a piece of a list: some 100 KiB of records in one answer of Redis, and two ms of the
# script that ends them.
AT_ONCE = 100
MISSED = "missed"  # begins the fan-out duty of a receiver that could not be read
# An event's entry and a receiver's name, so that an event has one delivery to each.
DELIVERY_ID = re.compile(r"dlv_[0-9]{1,19}-[0-9]{1,19}_[A-Za-z0-9_.-]{1,100}")
TRIES = 20  # times that a health is judged anew because another slot wrote it meanwhile

Judge = Callable[[Health], Verdict]


def is_delivery_id(text: str) -> bool:
    """Whether it is an id as deliveries have it; there need be no such delivery."""
    return DELIVERY_ID.fullmatch(text) is not None


class Deliveries:
    """Each event's deliveries."""

    def __init__(self, scripts: Scripts, events: Events) -> None:
        self._scripts = scripts
        self._redis = scripts.client
        self._events = events

    def prepare(self) -> None:
        """Have at hand what each delivery needs: a tenth of a second's work, best done once."""
        self._scripts.prepare("claim", "finish", "record_delivery", "rest")

    def open(
        self, event: Event, wanted: Sequence[Recipient], closing: Closing | None = None
    ) -> int:
        """Open a delivery for each handler that has none of this event yet; how many are new.

        There are none where Redis has forgotten the event: the job's next news is an event anew.

        Args:
            event: What is to be told.
            wanted: To whom.
            closing: The end of the duty, if this is its last work.
        """
        entry = event.id.removeprefix("evt_")
        job = ""
        if event.job and not event.sample:
            job = event.job.id
        order: dict[str, Any] = {
            "job": job,
            "event": entry,
            "type": event.type,
            "to": to_whom(wanted),
        }
        if closing:
            order["closing"] = closing.order
        _, new, following = self._scripts.answers("open_deliveries", 3, orjson.dumps(order))
        if closing:
            closing.done(following)
        return int(new)

    def miss(self, event: Event, receivers: Sequence[str]) -> None:
        """Remember an event for receivers whose record cannot be read, until it can be."""
        entry, after = event.id.removeprefix("evt_"), round(policy.UNREADABLE_LOOK * 1000)
        self._scripts.waking("miss", 1, entry, after, *receivers)

    def missed(self, receiver: str) -> int:
        """How many events wait until a receiver's record can be read."""
        with reaching():
            return int(self._redis.zcard(keys.missed(receiver)))

    def catch_up(self, receiver: str, most: int) -> int:
        """Have `most` events that a receiver missed opened for it alone; how many there were."""
        return int(self._scripts.waking("catch_up", 2, receiver, most)[1])

    @staticmethod
    def name(event_id: str, handler: str) -> str:
        """The id of a handler's delivery of an event."""
        return f"dlv_{event_id.removeprefix('evt_')}_{handler}"

    def get(self, delivery_id: str) -> Delivery:
        """One delivery.

        Raises:
            NotFound: There is none of this id.
            UnreadableRecord: It is not for this version.
        """
        found = look(self._redis, [delivery_id])
        if not found:
            raise NotFound(f"delivery {delivery_id}")
        if isinstance(found[0], UnreadableRecord):
            raise found[0]
        return found[0]

    def many(self, ids: Sequence[str]) -> list[Delivery]:
        """Those of the deliveries that can be read here, in this order, in one round trip."""
        return [one for one in look(self._redis, ids) if isinstance(one, Delivery)]

    def unreadable(self, ids: Sequence[str]) -> list[UnreadableRecord]:
        """Those of the deliveries that cannot be read here, and why."""
        return [one for one in look(self._redis, ids) if isinstance(one, UnreadableRecord)]

    def of_job(self, job_id: str) -> list[Delivery]:
        """All deliveries of a job's events, in the order of the events."""
        with reaching():
            names = self._redis.smembers(keys.deliveries_of_job(job_id))
        return self.many(sorted(name.decode() for name in names))

    def listed(
        self,
        state: str | None,
        handler: str | None,
        before: str | None,
        piece: int = AT_ONCE,
        among: Sequence[str] | None = None,
    ) -> Iterator[Sequence[Delivery]]:
        """Deliveries in pieces, newest event first, beginning behind the id `before`.

        `among` is whoever may have some, where that was read already.
        """
        for names in self.names(state, handler, before, piece, among):
            yield self.many(names)

    def names(
        self,
        state: str | None,
        handler: str | None,
        before: str | None,
        piece: int = AT_ONCE,
        among: Sequence[str] | None = None,
    ) -> Iterator[Sequence[str]]:
        """The same, only by name."""
        while True:
            whose = self._receivers(handler, among)
            names = self._names(whose, state, before, piece)
            if names:
                yield names
            if len(names) < piece:
                return
            before = names[-1]

    def count(self, state: DeliveryState, handler: str) -> int:
        """How many of a handler's deliveries are in a state."""
        with reaching():
            return int(self._redis.zcard(keys.deliveries_of(handler, state)))

    def waiting(self, handlers: Sequence[str]) -> list[Waiting]:
        """What each handler has not heard yet, or never will by itself, in one round trip."""
        return waiting_of(self._redis, handlers)

    def _names(
        self, whose: Sequence[str], state: str | None, before: str | None, most: int
    ) -> list[str]:
        order: dict[str, Any] = {"states": STATES, "below": "+", "most": most}
        if state:
            order["states"] = [state]
        if before:
            order["below"] = f"({before}"
        found: set[str] = set()
        for some in pieces(whose, policy.LISTS_AT_ONCE // len(STATES)):
            packed = orjson.dumps(order | {"receivers": some})
            found.update(self._scripts.words("newest_deliveries", packed))
        return sorted(found, reverse=True)[:most]

    def _receivers(self, handler: str | None, among: Sequence[str] | None) -> Sequence[str]:
        """Whose deliveries are looked through."""
        if handler:
            return [handler]
        if among is not None:
            return among
        return self.receivers()

    def receivers(self) -> list[str]:
        """Everybody that may have deliveries: handlers and subscriptions, some of them gone."""
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            pipe.zrange(keys.receivers(), 0, -1)
            # Processes of the release before open deliveries and do not say to whom.
            pipe.hkeys(keys.handlers())
            pipe.zrange(keys.subscriptions(), 0, -1)
            found = pipe.execute()
        return sorted({name.decode() for names in found for name in names})

    def event_of(self, delivery: Delivery, claim: Claim | None = None) -> Event:
        """What a delivery tells: from what it kept, from the log, or an end from the job's record.

        Args:
            delivery: Which.
            claim: That of the slot which has it in hand, if it brought the event.

        Raises:
            NotFound: All of them are gone, or the job is.
        """
        if delivery.kept:
            return self._events.of(delivery.event, kept_fields(delivery.kept))
        if claim and (found := self._events.brought(delivery.event, *claim.brought[5:7])):
            return found
        try:
            return self._events.get(delivery.event)
        except NotFound:
            if delivery.job is None:
                raise
        return self._events.of_record(delivery.event, delivery.type, delivery.job)

    def take(self, claim: Claim) -> LeasedDelivery | Answer:
        """Take a handler's next delivery into the slot's hand, and count the attempt.

        Its claim did this already, unless its receiver could not be told then: so another is to.
        With nothing to do now, what becomes of the slot's duty.
        """
        if not claim.brought:
            return Again(policy.ELSEWHERE_LOOK)
        word, what, *taken = claim.brought
        if word == b"wait":
            return Again(int(what) / 1000)
        if word != b"take":
            return None
        begun, health, record = taken[:3]
        name, (known, rev) = what.decode(), unpacked_health(health)
        delivery = readable(name, pairs(record))
        if isinstance(delivery, UnreadableRecord):
            # Removed at this moment, or Redis was put back to an older copy.
            if not record:
                return None
            self.postpone(claim, name)
            return Handed.OVER
        return LeasedDelivery(delivery=delivery, n=int(begun), health=known, rev=rev)

    def put_back(self, claim: Claim) -> None:
        """Put back, uncounted, what a slot's claim brought, if its receiver cannot be read here."""
        word, *brought = claim.brought or [b""]
        if word == b"take":
            self.postpone(claim, brought[0].decode(), stays=True)

    def postpone(self, claim: Claim, delivery_id: str, *, stays: bool = False) -> None:
        """Put back a delivery that cannot be told here, uncounted; those behind it go on.

        With `stays` the claim is the caller's still.
        """
        order = _slot_of(claim) | {
            "delivery": delivery_id,
            "after": round(policy.UNREADABLE_LOOK * 1000),
            "stays": stays,
        }
        self._scripts.waking("postpone", 1, orjson.dumps(order))

    def record(
        self,
        claim: Claim,
        taken: LeasedDelivery,
        turn: DeliveryResult,
        judge: Judge | None,
        closing: Closing,
    ) -> str | None:
        """Write down how an attempt went, and let the slot go on.

        Args:
            claim: The slot's.
            taken: What was told.
            turn: How it went.
            judge: What that says of the handler's health; asked again when another slot changed it
                meanwhile. None: nothing.
            closing: The end of the slot's claim.

        Returns:
            Why the subscription is told nothing any more, if this disabled it.
        """
        handler, order = claim.attempt[0], _recorded(claim, taken, turn, closing)
        tried = self._tried(turn)
        health, rev = taken.health, taken.rev
        for _ in range(TRIES):
            if judge is None:
                break
            verdict = judge(health)
            judged = _judged(claim.lane, handler, verdict, rev)
            packed = orjson.dumps(order | judged)
            word, now, following = self._scripts.answers("record_delivery", 3, packed, tried)
            if word != b"stale":
                closing.done(following)
                return verdict.disabled if word == b"disabled" else None
            health, rev = unpacked_health(now)
        # What the handler answered is a fact; that it says nothing of its health is a small loss.
        packed = orjson.dumps(order)
        *_, following = self._scripts.answers("record_delivery", 3, packed, tried)
        closing.done(following)
        return None

    def end(self, handler: str, ids: Sequence[str], why: str, *, final: bool) -> int:
        """End deliveries that cannot be told, as dead; how many waited.

        Args:
            final: Nobody will redeliver them: they are removed in time.
        """
        order = orjson.dumps({"handler": handler, "final": final})
        tried = {"at": iso(self._scripts.clock.now()), "outcome": "missed", "why": why, "took": 0}
        return int(self._scripts.waking("end_deliveries", 2, order, orjson.dumps(tried), *ids)[1])

    def redeliver(self, delivery: Delivery, after: float = 0) -> None:
        """Hand a delivery to its handler again, its schedule from the start.

        Raises:
            Conflict: It is being told at this moment.
            NotFound: It was removed.
        """
        detail = {"event": delivery.type, "handler": delivery.handler}
        note = TimelineEntry("redelivered", detail).packed()
        word = self._scripts.waking("redeliver", 1, delivery.id, round(after * 1000), note)[0]
        if word == "held":
            raise Conflict(f"{delivery.id} is being told at this moment")
        if word == "gone":
            raise NotFound(f"delivery {delivery.id}")

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


def _slot_of(claim: Claim) -> dict[str, Any]:
    """The slot that a claim holds, as scripts read it."""
    handler, slot = claim.attempt
    return {"lane": claim.lane, "handler": handler, "slot": str(slot), "token": claim.token}


def _recorded(
    claim: Claim, taken: LeasedDelivery, turn: DeliveryResult, closing: Closing
) -> dict[str, Any]:
    """How an attempt went, as `record_delivery` takes it."""
    return _slot_of(claim) | {
        "closing": closing.order,
        "delivery": taken.delivery.id,
        "n": taken.n,
        "state": turn.state,
        "after": until_ms(turn.again_in),
    }


def _judged(lane: str, handler: str, verdict: Verdict, rev: int) -> dict[str, Any]:
    """A verdict as `record_delivery` takes it."""
    fields = [part for pair in health_fields(verdict.health) for part in pair]
    judged: dict[str, Any] = {"health": fields}
    # Several children tell a handler at once, and what each says of it is only a pace.
    if lane == "subscribers":
        judged["rev"] = rev
    if verdict.disabled:
        alert = f"subscription {handler} is disabled: {verdict.disabled}. What it misses is kept:"
        judged |= {"disabled": verdict.disabled, "alert": f"{alert} enable it, then redeliver."}
    return judged
