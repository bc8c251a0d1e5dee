"""All keys of this installation read out, and put back into an empty one.

A key is copied whole by DUMP, so no hash or stream is torn; different keys are of different moments
while processes run. Of those, job records are the truth, and upkeep puts the lists right.
"""

import fnmatch
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice

import redis
from redis.client import Pipeline

from runhook.worker.domain import policy
from runhook.worker.domain.copies import KeyCopy
from runhook.worker.errors import Conflict, StoreRefuses, StoreUnavailable
from runhook.worker.store import keys
from runhook.worker.store.connection import reaching
from runhook.worker.store.scripts import Scripts

MOMENTARY = tuple(key.pattern for key in keys.MOMENTARY)
QUOTED = "of pipeline caused error: "  # behind a command that redis-py quotes
NAMED = 5  # keys that a refusal names
TRIES = 3  # of a transaction whose connection breaks; all in it may be sent again
TAKEN = "another restore has taken the place of this one; wait for its end"


@contextmanager
def _allowed() -> Iterator[None]:
    """A command that the server has not, or does not take, is its refusal.

    redis-py quotes the whole command, in which a user's inputs may stand; it is left out.
    """
    try:
        with reaching():
            yield
    except redis.ResponseError as error:
        raise StoreRefuses(f"Redis refuses: {_unquoted(error)}") from None
    except StoreUnavailable as error:
        if QUOTED not in str(error):
            raise
        raise type(error)(f"Redis refuses: {_unquoted(error)}") from None


def _unquoted(error: Exception) -> str:
    return str(error).rpartition(QUOTED)[2]


class Copies:
    """What backup and restore do in Redis."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._redis = scripts.client

    def read(self) -> Iterator[KeyCopy]:
        """Every key that outlives its process.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        names = self._names()
        while some := list(islice(names, policy.COPIED_AT_ONCE)):
            yield from self._copied(some)

    def _names(self) -> Iterator[bytes]:
        """The names of all of our keys; SCAN may tell one twice, which restoring does not mind."""
        found = self._redis.scan_iter(keys.EVERYTHING, 1000)
        while True:
            with _allowed():
                name = next(found, None)
            if name is None:
                return
            if not _is_momentary(_tail(name)):
                yield name

    def _copied(self, names: Sequence[bytes]) -> Iterator[KeyCopy]:
        with _allowed():
            seconds, microseconds = self._redis.time()
            # In one transaction, so that what expires is of the same key as what it holds.
            pipe = self._redis.pipeline()
            for name in names:
                pipe.pttl(name)
                pipe.dump(name)
            found = pipe.execute()
        now = seconds * 1000 + microseconds // 1000
        for name, left, value in zip(names, found[::2], found[1::2], strict=True):
            if value is not None:
                yield KeyCopy(_tail(name), _ends_at(now, left), value)

    def is_half_restored(self) -> bool:
        """Whether a restore began here and has not ended."""
        with reaching():
            return bool(self._redis.exists(keys.restoring()))

    def begin(self, restorer: str, why: str) -> None:
        """Keep processes off, pause the queue, and remove what a restore that broke off left.

        Args:
            restorer: Who restores.
            why: Why the queue is paused from now on.

        Raises:
            Conflict: There is something already, or another restore is under way.
            StoreUnavailable: Redis does not answer or refuses.
        """
        with _allowed():
            ours = self._redis.set(
                keys.restorer(), restorer.encode(), ex=policy.RESTORER_KEPT, nx=True
            )
        if not ours:
            raise Conflict(
                "another restore is under way here, or was broken off within the last "
                f"{policy.RESTORER_KEPT} s. Nothing was changed"
            )
        try:
            self._make_room()
        except Conflict:
            self._scripts.words("end_restore", restorer)
            raise
        with _allowed():
            pipe = self._redis.pipeline()
            pipe.set(keys.restoring(), restorer)
            _pause(pipe, why)
            pipe.execute()
        self._clear(restorer)

    def _make_room(self) -> None:
        if self.is_half_restored():
            return
        found = sorted(islice(self._others(), NAMED))
        if found:
            names = ", ".join(name.decode("utf-8", "backslashreplace") for name in found)
            raise Conflict(
                f"this installation is not empty: its Redis holds {names}. End its processes, and "
                "restore into an empty Redis, or another database of it. Nothing was changed"
            )

    def _others(self) -> Iterator[bytes]:
        """Every key of ours but the restore's own, momentary ones too: a live process has those."""
        own = (keys.restoring().encode(), keys.restorer().encode())
        with _allowed():
            for name in self._redis.scan_iter(keys.EVERYTHING, 1000):
                if name not in own:
                    yield name

    def _clear(self, restorer: str) -> None:
        """Remove every key of ours but the marks of the restore, and what pauses the queue."""
        kept = keys.queue_settings().encode()
        names = (name for name in self._others() if name != kept)
        while some := list(islice(names, policy.COPIED_AT_ONCE)):
            self._while_at_it(restorer, partial(_unlink, some))

    def renew(self, restorer: str) -> None:
        """Keep others off for longer.

        Raises:
            Conflict: Another restore took this one's place, which was silent for too long.
            StoreUnavailable: Redis does not answer or refuses.
        """
        self._while_at_it(restorer, lambda _: None)

    def _while_at_it(self, restorer: str, write: Callable[[Pipeline], object]) -> None:
        """Write something and keep others off, unless another restore has taken this one's place.

        Args:
            restorer: Who restores.
            write: Puts commands into a transaction; all may be sent twice.
        """
        for _ in range(TRIES):
            with _allowed(), self._redis.pipeline() as pipe:
                pipe.watch(keys.restoring())
                if pipe.get(keys.restoring()) != restorer.encode():
                    raise Conflict(TAKEN)
                pipe.multi()
                # Set and not only prolonged: it may have run out, and nobody may have come.
                pipe.set(keys.restorer(), restorer, ex=policy.RESTORER_KEPT)
                write(pipe)
                try:
                    pipe.execute()
                except redis.WatchError:  # another took its place, or the connection broke
                    continue
                return
        raise StoreUnavailable(f"Redis did not take a part of the backup in {TRIES} tries")

    def put(
        self, restorer: str, copies: Iterable[KeyCopy], why: str, told: Callable[[int], None]
    ) -> int:
        """Write keys; how many. The queue stays paused whatever they say of it.

        Args:
            restorer: Who restores.
            copies: Them.
            why: Why it is.
            told: Called with how many there are by now.

        Raises:
            Conflict: Another restore took this one's place, which was silent for too long.
            StoreUnavailable: Redis does not answer or refuses.
        """
        count = 0
        for some in _batches(copies):
            self._while_at_it(restorer, partial(_put, some, why))
            count += len(some)
            told(count)
        return count

    def fence(self) -> int:
        """The last token that was given out, as the backup has it; at least 1."""
        with reaching():
            return max(1, int(self._redis.get(keys.fence()) or 0))

    def end(self, restorer: str) -> None:
        """All is there: processes may start.

        Raises:
            Conflict: Another restore took this one's place, which was silent for too long.
            StoreUnavailable: Redis does not answer or refuses.
        """
        if self._scripts.words("end_restore", restorer) == ["taken"]:
            raise Conflict(TAKEN)

    def give_up(self, restorer: str) -> None:
        """Leave the Redis as empty as it was."""
        self._clear(restorer)
        self._while_at_it(restorer, lambda pipe: pipe.unlink(keys.queue_settings()))
        self.end(restorer)


def _put(copies: Sequence[KeyCopy], why: str, pipe: Pipeline) -> None:
    for one in copies:
        pipe.restore(_whole(one.name), one.ends_at, one.value, replace=True, absttl=True)
    _pause(pipe, why)


def _unlink(names: Sequence[bytes], pipe: Pipeline) -> None:
    pipe.unlink(*names)


def _pause(pipe: Pipeline, why: str) -> None:
    pipe.hset(keys.queue_settings(), mapping={"paused": "1", "why": why})


def _batches(copies: Iterable[KeyCopy]) -> Iterator[list[KeyCopy]]:
    """Few keys and few bytes at once."""
    some: list[KeyCopy] = []
    size = 0
    for one in copies:
        if _is_momentary(one.name):
            continue
        if some and (len(some) >= policy.COPIED_AT_ONCE or size > policy.RESTORED_AT_ONCE):
            yield some
            some, size = [], 0
        some.append(one)
        size += len(one.value)
    if some:
        yield some


def _is_momentary(name: bytes) -> bool:
    text = name.decode("utf-8", "replace")
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in MOMENTARY)


def _tail(name: bytes) -> bytes:
    return name[len(keys.EVERYTHING) - 1 :]


def _whole(name: bytes) -> bytes:
    return keys.EVERYTHING[:-1].encode() + name


def _ends_at(now: int, left: int) -> int:
    if left < 0:
        return 0
    return now + left
