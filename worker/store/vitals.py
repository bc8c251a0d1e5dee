"""How Redis, the lanes and the processes are, for people who look: in three round trips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from runhook.worker.domain.lanes import LANES
from runhook.worker.store import keys
from runhook.worker.store.clock import Clock
from runhook.worker.store.commands import Redis
from runhook.worker.store.connection import reaching
from runhook.worker.store.processes import ALIVE_WITHIN, HANDS, ROLES, threads_of
from runhook.worker.store.queue import Queue
from runhook.worker.store.queue_state import QueueState
from runhook.worker.store.scripts import stream_moment
from runhook.worker.store.server import Server, appendfsync_of


@dataclass(frozen=True, kw_only=True)
class LaneState:
    """How a lane is.

    Attributes:
        name: Which.
        process: Which process works through it.
        duties: How many it has, those for later among them.
        due: How many are due.
        oldest: Since when the first of those is; None: none is.
        parked: How many failed too often.
    """

    name: str
    process: str
    duties: int
    due: int
    oldest: datetime | None
    parked: int


@dataclass(frozen=True, kw_only=True)
class Living:
    """A process that was heard in the last seconds.

    Attributes:
        role: What it is.
        name: Its machine and number.
        threads: On how many things it works at once.
        seen: When it was heard last.
    """

    role: str
    name: str
    threads: int
    seen: datetime


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What the server holds.

    Attributes:
        used: Bytes.
        most: Bytes that it may hold; 0: all there are.
        keys: How many keys, those of others in the same database among them.
        saved: Its append-only file was written well the last time.
        up: Seconds since it started.
    """

    used: int
    most: int
    keys: int
    saved: bool
    up: int


@dataclass(frozen=True, kw_only=True)
class Vitals:
    """How everything is.

    Attributes:
        queue: How the queue stands.
        lanes: Every lane.
        processes: Those that live.
        server: What the server says of its version, persistence and eviction.
        memory: What it holds.
        limit_at: When RunningHub last said how many jobs may run; None: it never did.
    """

    queue: QueueState
    lanes: Sequence[LaneState]
    processes: Sequence[Living]
    server: Server
    memory: Memory
    limit_at: datetime | None


class Looks:
    """Looks at everything."""

    def __init__(self, client: Redis, clock: Clock, queue: Queue) -> None:
        self._redis, self._clock, self._queue = client, clock, queue

    def look(self) -> Vitals:
        """How everything is now.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        now = self._clock.now().timestamp()
        state = self._queue.state()
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            ask_pulse(pipe, now)
            pipe.hget(keys.queue_settings(), "at")
            pipe.dbsize()
            pipe.info("default")
            found = pipe.execute()
            appendfsync = appendfsync_of(self._redis)
        *rest, at, size, info = found
        lanes, processes = pulse(rest)
        return Vitals(
            queue=state,
            lanes=lanes,
            processes=processes,
            server=Server.of(info, appendfsync),
            memory=_memory(info, size),
            limit_at=_moment(at),
        )

    def limit_at(self) -> datetime | None:
        """When RunningHub last said how many jobs may run; None: it never did."""
        with reaching():
            return _moment(self._redis.hmget(keys.queue_settings(), ["at"])[0])


def ask_pulse(pipe: Any, now: float) -> None:
    """Ask for what `pulse` reads.

    Args:
        pipe: A pipeline.
        now: Seconds since 1970.
    """
    for lane in LANES:
        pipe.zcard(keys.due(lane))
        pipe.zcount(keys.due(lane), "-inf", round(now * 1000))
        pipe.zrange(keys.due(lane), 0, 0, withscores=True)
        pipe.hlen(keys.parked(lane))
    for role in ROLES:
        pipe.zrangebyscore(keys.alive(role), now - ALIVE_WITHIN, "+inf", withscores=True)


def pulse(found: Sequence[Any]) -> tuple[list[LaneState], list[Living]]:
    """Every lane and every process that lives, by the answers to `ask_pulse`."""
    count = 4 * len(LANES)
    lanes = [_lane(name, found[4 * at : 4 * at + 4]) for at, name in enumerate(LANES)]
    living = zip(ROLES, found[count:], strict=True)
    return lanes, [_living(role, row) for role, rows in living for row in rows]


def _lane(name: str, found: Sequence[Any]) -> LaneState:
    duties, due, first, parked = found
    oldest = None
    if due and first:
        oldest = datetime.fromtimestamp(first[0][1] / 1000, UTC)
    return LaneState(
        name=name,
        process=LANES[name].process,
        duties=int(duties),
        due=int(due),
        oldest=oldest,
        parked=int(parked),
    )


def _living(role: str, row: Sequence[Any]) -> Living:
    """A process by its name in Redis, which is `<machine>:<number>:<hands>h:<threads>`."""
    name, seen = row
    shown = HANDS.sub(b"", name)
    return Living(
        role=role,
        name=shown.decode("utf-8", "replace"),
        threads=threads_of(name),
        seen=datetime.fromtimestamp(float(seen), UTC),
    )


def _memory(info: Mapping[str, Any], size: int) -> Memory:
    return Memory(
        used=int(info.get("used_memory", 0)),
        most=int(info.get("maxmemory", 0)),
        keys=int(size),
        saved=info.get("aof_last_write_status", "ok") == "ok",
        up=int(info.get("uptime_in_seconds", 0)),
    )


def _moment(at: bytes | None) -> datetime | None:
    if not at or not at.isdigit():
        return None
    return stream_moment(at)
