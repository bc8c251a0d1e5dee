"""What a delivery is, how one attempt at it went, and what waits for a handler."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import orjson

from runhook.worker.domain.events import Outcome
from runhook.worker.domain.receivers import Health
from runhook.worker.errors import UnreadableRecord
from runhook.worker.store import keys, records
from runhook.worker.store.commands import Redis
from runhook.worker.store.connection import reaching
from runhook.worker.store.records import Members
from runhook.worker.store.scripts import stream_moment

DeliveryState = Literal["pending", "done", "dead", "superseded"]
STATES: tuple[DeliveryState, ...] = get_args(DeliveryState)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One handler's turn at one event.

    Attributes:
        id: `dlv_<event>_<handler>`, so there is one of each.
        event: The id of the event it tells.
        handler: Who is told: a handler's name, or a subscription's id.
        job: The event's job; None: it is about none.
        type: The event's type.
        state: `superseded`: a failure not yet told when success came late, or a sample that was not
            taken.
        opened_at: When it was.
        tries: How each attempt that came back went, in their order.
        begun: Attempts begun, those that never came back among them.
        start: Attempts before it was last redelivered; its schedule counts from there.
        lane: `handlers` or `subscribers`.
        due_at: When it is tried next, where it is pending.
        kept: The event as a dead one keeps it, for the log is trimmed.
        sample: What it tells never happened: somebody tries out who is told.
    """

    id: str
    event: str
    handler: str
    job: str | None
    type: str
    state: DeliveryState
    begun: int
    start: int
    opened_at: datetime
    tries: tuple[Mapping[str, Any], ...]
    lane: str
    due_at: datetime | None = None
    kept: str | None = None
    sample: bool = False

    @property
    def happened_at(self) -> datetime:
        """When what it tells happened."""
        return stream_moment(self.event.removeprefix("evt_"))


@dataclass(frozen=True, kw_only=True)
class LeasedDelivery:
    """A delivery in the hand of a handler's slot.

    Attributes:
        delivery: Which.
        n: The number of the attempt that begins.
        event: The fields of its event, if the log has it still.
        job: The record of that one's job.
    """

    delivery: Delivery
    n: int
    event: Sequence[bytes] = ()
    job: Sequence[bytes] = ()

    @property
    def place(self) -> int:
        """Which entry of the schedule this attempt is, from 1."""
        return self.n - self.delivery.start


@dataclass(frozen=True, kw_only=True)
class DeliveryResult:
    """How one attempt to tell a handler went, and what follows.

    Attributes:
        state: The delivery's from now on; `pending`: it is told again.
        outcome: What the handler answered.
        why: What ended it, where that is not the handler's answer.
        again_in: Seconds until the next attempt; None: there is none.
    """

    state: DeliveryState
    outcome: Outcome
    why: str | None = None
    again_in: float | None = None


@dataclass(frozen=True, kw_only=True)
class Attempted:
    """A delivery that was told.

    Attributes:
        taken: Which, and which attempt at it that was.
        result: How it went.
    """

    taken: LeasedDelivery
    result: DeliveryResult


@dataclass(frozen=True)
class Left:
    """A delivery that was taken and is put back, uncounted.

    Attributes:
        id: Which.
        after: Seconds until it is tried again; 0: as if it had not been taken.
    """

    id: str
    after: float = 0


@dataclass(frozen=True, kw_only=True)
class Hand:
    """What a slot has in hand, and how telling its receiver goes.

    Attributes:
        taken: Deliveries to tell it, one after the other.
        left: Those that cannot be read here.
        health: How telling it goes.
        rev: The revision of that.
    """

    taken: Sequence[LeasedDelivery]
    left: Sequence[Left]
    health: Health
    rev: int


@dataclass(frozen=True)
class Waiting:
    """What waits for a handler.

    Attributes:
        pending: Those that are told by and by.
        dead: Those that somebody may redeliver.
        oldest: When the oldest pending one happened.
    """

    pending: int
    dead: int
    oldest: datetime | None


def look(redis: Redis, ids: Sequence[str]) -> list[Delivery | UnreadableRecord]:
    """Those deliveries that there are, as this version can read them, in one round trip.

    Raises:
        StoreUnavailable: Redis does not answer or refuses.
    """
    with reaching():
        pipe = redis.pipeline(transaction=False)
        for name in ids:
            pipe.hgetall(keys.delivery(name))
        found = pipe.execute()
    return [readable(name, record) for name, record in zip(ids, found, strict=True) if record]


def waiting_of(redis: Redis, handlers: Sequence[str]) -> list[Waiting]:
    """What waits for each handler, in one round trip.

    Raises:
        StoreUnavailable: Redis does not answer or refuses.
    """
    with reaching():
        pipe = redis.pipeline(transaction=False)
        ask_waiting(pipe, handlers)
        return waitings(pipe.execute())


def ask_waiting(pipe: Redis, handlers: Sequence[str]) -> None:
    """Put into a pipeline what `waitings` reads."""
    for handler in handlers:
        pipe.zcard(keys.deliveries_of(handler, "pending"))
        pipe.zcard(keys.deliveries_of(handler, "dead"))
        pipe.zrange(keys.deliveries_of(handler, "pending"), 0, 0)


def waitings(found: Sequence[Any]) -> list[Waiting]:
    """What waits for each handler, of what `ask_waiting` brought."""
    return [_waiting(*three) for three in zip(*[iter(found)] * 3, strict=True)]


def _waiting(pending: int, dead: int, first: Sequence[bytes]) -> Waiting:
    moments = (stream_moment(name.decode().removeprefix("dlv_")) for name in first)
    return Waiting(pending=pending, dead=dead, oldest=next(moments, None))


def readable(name: str, record: Mapping[bytes, bytes]) -> Delivery | UnreadableRecord:
    """A delivery from its hash, or why this version cannot read it."""
    what = f"delivery {name}"
    try:
        text = records.brought_up("delivery", what, records.texts(record))
        return records.made(what, text, lambda: _delivery(name, text))
    except UnreadableRecord as unreadable:
        return unreadable


def _delivery(name: str, text: Members) -> Delivery:
    stream_moment(text["event"])  # an event's id is the moment it happened, and is read as one
    due_at, state = None, STATES[STATES.index(text["state"])]
    if state == "pending":
        due_at = stream_moment(text["due"])
    tries = sorted((int(k[4:]), v) for k, v in text.items() if k.startswith("try:"))
    return Delivery(
        id=name,
        event=f"evt_{text['event']}",
        handler=text["handler"],
        job=text["job"] or None,
        type=text["type"],
        state=state,
        begun=int(text["begun"]),
        start=int(text["from"]),
        opened_at=stream_moment(text["opened"]),
        tries=tuple({"n": n} | orjson.loads(value) for n, value in tries),
        lane=text["lane"],
        due_at=due_at,
        kept=text.get("kept"),
        sample="sample" in text,
    )
