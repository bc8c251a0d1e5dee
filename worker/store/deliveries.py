"""Deliveries: what is told to whom, how each attempt went, and each handler's next."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from runhook.worker.domain import policy
from runhook.worker.domain.events import Event
from runhook.worker.domain.jobs import iso
from runhook.worker.domain.receivers import Recipient
from runhook.worker.errors import Conflict, NotFound, UnreadableRecord
from runhook.worker.store import keys
from runhook.worker.store.changes import TimelineEntry, to_whom
from runhook.worker.store.connection import reaching
from runhook.worker.store.delivered import (
    STATES,
    Delivery,
    DeliveryState,
    Waiting,
    look,
    waiting_of,
)
from runhook.worker.store.duties import Closing
from runhook.worker.store.events import Events
from runhook.worker.store.listing import pieces
from runhook.worker.store.scripts import Scripts

# Deliveries in a piece of a list: some 100 KiB of records in one answer of Redis, and two ms of the
# script that ends them.
AT_ONCE = 100
MISSED = "missed"  # begins the fan-out duty of a receiver that could not be read
# An event's entry and a receiver's name, so that an event has one delivery to each.
DELIVERY_ID = re.compile(r"dlv_[0-9]{1,19}-[0-9]{1,19}_[A-Za-z0-9_.-]{1,100}")


def is_delivery_id(text: str) -> bool:
    """Whether it is an id as deliveries have it; there need be no such delivery."""
    return DELIVERY_ID.fullmatch(text) is not None


class Deliveries:
    """Each event's deliveries."""

    def __init__(self, scripts: Scripts, events: Events) -> None:
        self._scripts = scripts
        self._redis = scripts.client
        self._events = events

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
