"""Who is there: live processes, the handlers they know, and the server they work with."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from runhook.worker.domain import policy
from runhook.worker.domain.lanes import LANES
from runhook.worker.domain.receivers import share
from runhook.worker.errors import UnreadableRecord
from runhook.worker.store import keys, records
from runhook.worker.store.connection import reaching
from runhook.worker.store.records import Members
from runhook.worker.store.scripts import Scripts, stream_moment
from runhook.worker.store.server import Server, server_of

ROLES = ("worker", "handlers")  # whose threads are places for duties; web works on none
HANDS = re.compile(rb":([0-9]{1,9})h:[0-9]+$")  # in the name of a process that lives
ALIVE_WITHIN = 15.0  # seconds since its last heartbeat for which a process counts as alive
# Seconds since its last heartbeat, of which there is one every two, for which its hands count. Who
# was killed and started again counts twice until then, and those that hang take hands not there.
WORKS_WITHIN = 6.0
FORGOTTEN_AFTER = 3600  # seconds since its last heartbeat after which a process is not listed
# Seconds for which a handler that no process publishes any more still gets deliveries: longer than
# any deploy or restart, short enough that a renamed one does not fill Redis.
HANDLER_KEPT = 86400


@dataclass(frozen=True)
class Published:
    """A handler as processes publish it: what it wants to hear.

    Attributes:
        name: Its name.
        types: Types of events.
        model: A glob; None: of every model.
    """

    name: str
    types: tuple[str, ...]
    model: str | None


@dataclass(frozen=True)
class Known:
    """A handler, and when processes had it.

    Attributes:
        handler: Which.
        seen: When one last said so.
        since: When one first did; None: before that was written down.
    """

    handler: Published
    seen: datetime
    since: datetime | None

    def seen_within(self, seconds: float, now: datetime) -> bool:
        """Whether a process had it in the last seconds."""
        return (now - self.seen).total_seconds() < seconds


class Processes:
    """What processes say of themselves."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._redis = scripts.client
        self._shares: dict[str, int] = {}  # of the places, as this process last wrote them

    def publish_handlers(self, handlers: Iterable[Published]) -> None:
        """These handlers are here to be told."""
        now = self._scripts.clock.now().timestamp()
        with reaching():
            held = self._redis.hgetall(keys.handlers())
        rows = []
        for handler in handlers:
            before = held.get(handler.name.encode())
            row = _published_row(handler, now, before)
            if row is not None:
                news = _is_news(handler, now, before)
                rows.append([handler.name, row.decode(), handler.types, news])
        if rows:
            self._scripts.run("publish_handlers", orjson.dumps(rows))

    def known(self) -> list[Known]:
        """Every handler that a process ever published, and that nobody ended since."""
        return [one for one in self._look() if not isinstance(one, UnreadableRecord)]

    def unreadable(self) -> list[UnreadableRecord]:
        """Handlers that cannot be read here, and why."""
        return [one for one in self._look() if isinstance(one, UnreadableRecord)]

    def _look(self) -> list[Known | UnreadableRecord]:
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            pipe.hgetall(keys.handlers())
            pipe.hgetall(keys.handlers_first())
            rows, first = pipe.execute()
        return published(rows, first)

    def handlers(self, within: float = HANDLER_KEPT) -> list[Published]:
        """Every handler that a process published within so many seconds; left out: a day."""
        now = self._scripts.clock.now()
        return [one.handler for one in self.known() if one.seen_within(within, now)]

    def read(self) -> tuple[list[Known], list[UnreadableRecord]]:
        """Every handler that a process ever published, and those that cannot be read here."""
        found = self._look()
        known = [one for one in found if isinstance(one, Known)]
        return known, [one for one in found if isinstance(one, UnreadableRecord)]

    def forget(self, handler: str, within: float) -> bool:
        """Forget a handler; False when a process published it within so many seconds."""
        return self._scripts.words("forget_handler", handler, within)[0] == "done"

    def lives(self, role: str, process: str, threads: int, *, hands: int = 0) -> None:
        """This process lives; who shares the places is another."""
        now = self._scripts.clock.now().timestamp()
        with reaching():
            self._redis.zadd(keys.alive(role), {_alive(process, threads, hands): now})

    def beat(self, role: str, process: str, threads: int, *, hands: int = 0) -> dict[str, int]:
        """This process lives and works on so many things at once, and shares the places.

        Args:
            role: What it is.
            process: Its name.
            threads: On how many.
            hands: How many things it can have running in the end, where that is more.

        Returns:
            How many things all live processes of each role work on at once.
        """
        now = self._scripts.clock.now().timestamp()
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            pipe.zadd(keys.alive(role), {_alive(process, threads, hands): now})
            for known in ROLES:
                pipe.zrangebyscore(keys.alive(known), now - WORKS_WITHIN, "+inf")
            _, workers, handlers = pipe.execute()
            found = {
                known: sum(threads_of(name) for name in names)
                for known, names in zip(ROLES, (workers, handlers), strict=True)
            }
            # Whoever beats shares the places anew. All see the same names, so all write the same.
            waiting = policy.OVERFLOW_THREADS * len(workers)
            places = {"handlers": found["handlers"], "subscribers": waiting}
            all_hands = {"handlers": sum(_hands(name) for name in handlers)}
            shares = _shares(places, all_hands) | _drainers(workers, handlers)
            if shares != self._shares:
                self._redis.hset(keys.slots(), mapping=shares)
            self._shares = shares
        return found

    def refresh(self, role: str) -> None:
        """Ask what time it is, forget processes that are gone, and share the places anew."""
        before = self._scripts.clock.now().timestamp() - FORGOTTEN_AFTER
        self._shares = {}
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            pipe.zremrangebyscore(keys.alive(role), "-inf", before)
            pipe.time()
            _, (seconds, micros) = pipe.execute()
        self._scripts.clock.heard(seconds * 1000 + micros / 1000)

    def ended(self, role: str, process: str, threads: int, *, hands: int = 0) -> None:
        """This process does not live any more."""
        with reaching():
            self._redis.zrem(keys.alive(role), _alive(process, threads, hands))

    def alive(self, role: str) -> int:
        """How many processes of a role were heard in the last seconds."""
        now = self._scripts.clock.now().timestamp()
        with reaching():
            return int(self._redis.zcount(keys.alive(role), now - ALIVE_WITHIN, "+inf"))

    def server(self) -> Server:
        """What the server says of its version, persistence and eviction."""
        with reaching():
            said = server_of(self._redis)
            moment = self._redis.time()
        self._scripts.clock.heard(moment[0] * 1000 + moment[1] / 1000)
        return said


def _alive(process: str, threads: int, hands: int) -> str:
    """How a process that lives is named; the release before reads what is behind the last colon."""
    return f"{process}:{max(hands, threads)}h:{threads}"


def _hands(alive: bytes) -> int:
    """How many things a process can have running in the end; one of the release before: threads."""
    if found := HANDS.search(alive):
        return int(found[1])
    return threads_of(alive)


def threads_of(alive: bytes) -> int:
    """On how many things a process works at once; a newer version's may say it otherwise."""
    last = alive.rpartition(b":")[2]
    if last.isdigit():
        return int(last)
    return 1


def published(
    rows: Mapping[bytes, bytes], first: Mapping[bytes, bytes]
) -> list[Known | UnreadableRecord]:
    """Handlers from their rows, and from when a process first had each."""
    return [
        _known(name.decode("utf-8", "replace"), row, first.get(name, b"0"))
        for name, row in rows.items()
    ]


def _known(name: str, row: bytes, first: bytes) -> Known | UnreadableRecord:
    what = f"handler {name}"
    since = None
    if first.isdigit() and int(first):
        since = stream_moment(first)

    def made(held: Members) -> Known:
        handler = Published(name, tuple(held["types"]), held["model"])
        return Known(handler, datetime.fromtimestamp(held["seen"], UTC), since)

    try:
        held = records.opened("handler", what, row)
        return records.made(what, held, lambda: made(held))
    except UnreadableRecord as unreadable:
        return unreadable


def _is_news(handler: Published, now: float, held: bytes | None) -> bool:
    """Whether those who keep in mind who listens do not know a handler so."""
    known = _known(handler.name, held or b"", b"0")
    if isinstance(known, UnreadableRecord):
        return True
    # One that nobody had for long may have been left out.
    return known.handler != handler or now - known.seen.timestamp() > HANDLER_KEPT / 2


def _published_row(handler: Published, now: float, held: bytes | None) -> bytes | None:
    """A handler as it is published; None where a newer version's row is not to be written."""
    row: Members = {"types": list(handler.types), "model": handler.model, "seen": now}
    if held is None:
        return records.packed("handler", row)
    try:
        members = records.opened("handler", f"handler {handler.name}", held)
    except UnreadableRecord as unreadable:
        if unreadable.newer:
            return None
        return records.packed("handler", row)
    known = {name: members[name] for name in row if name in members}
    return records.packed("handler", records.merged(members, known, row))


def _drainers(workers: Sequence[bytes], handlers: Sequence[bytes]) -> dict[str, int]:
    """How many threads or children work through each lane together, by the name scripts read."""
    processes = {"worker": workers, "handlers": handlers}
    found = {}
    for lane in LANES.values():
        # Children are there as soon as they are needed; threads are as many as they are.
        counted = {"worker": threads_of, "handlers": _hands}[lane.process]
        count = sum(lane.threads(counted(name)) for name in processes[lane.process])
        found[f"{lane.name}:drainers"] = max(1, count)  # for one that is to come
    found["handlers:short"] = max(1, policy.TELLERS * len(handlers))
    return found


def _shares(places: Mapping[str, int], hands: Mapping[str, int]) -> dict[str, int]:
    """How the places of each lane are shared, by the names that scripts read."""
    found: dict[str, int] = {}
    for lane, count in places.items():
        mine = share(lane, count, hands.get(lane))
        found |= {
            lane: mine.receiver,
            f"{lane}:slow": mine.slow,
            f"{lane}:common": mine.common,
            f"{lane}:new": mine.new,
        }
    return found
