"""Events and their deliveries: what is told to whom, and how each attempt went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import orjson

from worker.errors import NotFound
from worker.jobs import Job, State, iso
from worker.store.connection import reaching
from worker.store.duties import Claim
from worker.store.jobs import LIFE, Jobs, Note
from worker.store.scripts import Scripts, stream_moment

DeliveryState = Literal["pending", "done", "dead", "superseded"]


@dataclass(frozen=True)
class StoredEvent:
    """Something that happened to a job, with the job as it was then and its state since."""

    id: str
    type: str
    time: datetime
    job: Job
    previous_state: str | None
    state_now: State


@dataclass(frozen=True)
class Delivery:
    """One handler's turn at one event."""

    id: str
    event: str
    handler: str
    job: str
    type: str
    state: DeliveryState
    begun: int
    tries: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Turn:
    """How one attempt to tell a handler went."""

    state: DeliveryState
    outcome: str
    took: float
    why: str | None = None
    again_in: float | None = None


class Deliveries:
    """The event stream and each event's deliveries."""

    def __init__(self, scripts: Scripts, jobs: Jobs) -> None:
        self._scripts = scripts
        self._redis = scripts.client
        self._jobs = jobs

    def event(self, event_id: str) -> StoredEvent:
        """One event of the stream.

        Raises:
            NotFound: It was trimmed, or its job was removed.
        """
        entry = event_id.removeprefix("evt_")
        with reaching():
            found = self._redis.xrange(f"{self._scripts.root}events", entry, entry)
        if not found:
            raise NotFound(f"event {event_id}")
        fields = {k.decode(): v for k, v in found[0][1].items()}
        job = self._jobs.get(fields["job"].decode())
        then = replace(
            job, life=LIFE.validate_json(fields["life"]), state=State(fields["state"].decode())
        )
        previous = fields["previous"].decode() or None
        kind, moment = fields["type"].decode(), stream_moment(entry)
        return StoredEvent(f"evt_{entry}", kind, moment, then, previous, job.state)

    def open(self, event: StoredEvent, handlers: Sequence[tuple[str, float]]) -> int:
        """Open a delivery for each handler that has none of this event yet.

        Args:
            event: What to tell.
            handlers: Each handler's name and the seconds before its first attempt.

        Returns:
            How many are new.
        """
        entry = event.id.removeprefix("evt_")
        items = [
            [f"dlv_{entry}_{name}", name, "handlers", round(after * 1000)]
            for name, after in handlers
        ]
        order = {"job": event.job.id, "event": entry, "type": event.type, "items": items}
        notes = [
            Note("delivery opened", {"event": event.type, "handler": name}).packed()
            for name, _ in handlers
        ]
        return int(self._scripts.waking("open_deliveries", 2, orjson.dumps(order), *notes)[1])

    def get(self, delivery_id: str) -> Delivery:
        """One delivery.

        Raises:
            NotFound: There is none of this id.
        """
        with reaching():
            record = self._redis.hgetall(f"{self._scripts.root}delivery:{delivery_id}")
        if not record:
            raise NotFound(f"delivery {delivery_id}")
        text = {k.decode(): v.decode() for k, v in record.items()}
        tries = sorted((int(k[4:]), v) for k, v in text.items() if k.startswith("try:"))
        return Delivery(
            id=delivery_id,
            event=f"evt_{text['event']}",
            handler=text["handler"],
            job=text["job"],
            type=text["type"],
            state=text["state"],  # type: ignore[arg-type]
            begun=int(text["begun"]),
            tries=tuple(orjson.loads(value) for _, value in tries),
        )

    def of_job(self, job_id: str) -> list[Delivery]:
        """All deliveries of a job's events, in the order of the events."""
        with reaching():
            names = self._redis.smembers(f"{self._scripts.root}deliveries:{job_id}")
        return [self.get(name) for name in sorted(name.decode() for name in names)]

    def begin(self, claim: Claim) -> int:
        """Count an attempt before it runs."""
        return int(self._scripts.run("begin_delivery", claim.id, claim.token))

    def record(self, claim: Claim, delivery: Delivery, n: int, turn: Turn) -> None:
        """Write down how an attempt went, and put its duty down."""
        after = -1 if turn.again_in is None else round(turn.again_in * 1000)
        order = {
            "delivery": delivery.id,
            "lane": claim.lane,
            "token": claim.token,
            "n": n,
            "state": turn.state,
            "after": after,
        }
        tried = {
            "n": n,
            "at": iso(self._scripts.clock.now()),
            "outcome": turn.outcome,
            "why": turn.why,
            "took": round(turn.took, 3),
            "again_in": turn.again_in,
        }
        detail = {"event": delivery.type, "handler": delivery.handler, **tried}
        note = Note(
            f"delivery {turn.state}" if turn.state != "pending" else "delivery failed", detail
        )
        claim.over = True
        self._scripts.waking(
            "record_delivery", 1, orjson.dumps(order), orjson.dumps(tried), note.packed()
        )
