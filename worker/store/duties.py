"""Duties: work that must still happen, one sorted set a lane, claimed for a time by one holder."""

import math
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

import orjson

from runhook.worker.domain.lanes import LANES
from runhook.worker.domain.policy import (
    BACK_OFF,
    LONGEST_WHY,
    NEVER,
    NEVER_PARKED,
    PARKED_AFTER,
    SOON,
)
from runhook.worker.errors import LostWrites, StoreUnavailable, UnreadableRecord
from runhook.worker.net.untrusted import named
from runhook.worker.store import keys
from runhook.worker.store.connection import reaching
from runhook.worker.store.memory import Memory
from runhook.worker.store.scripts import Scripts

# Time that goes on while the machine is stopped or sleeps, where the system has such a clock.
_BOOT_TIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_time() -> float:
    """Seconds since the machine started, a sleep or a stopped process counted in."""
    return time.clock_gettime(_BOOT_TIME)


@dataclass(frozen=True)
class Again:
    """A flow's answer: somebody must look at its duty again.

    Attributes:
        seconds: In how many; 0: at once, behind what waits already.
    """

    seconds: float


class Handed(Enum):
    """A flow's answer where its duty is not for its holder to put down."""

    OVER = "a script of the flow's has put it down, or whoever goes on with it will"


def again(seconds: float | None) -> Again | None:
    """The answer of a flow that reckons in seconds to the next look; None: there is none."""
    if seconds is None:
        return None
    return Again(seconds)


# What a flow wants of its duty; None: it is done, nothing is left to look at.
Answer = Again | Handed | None


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One holder's hold on a duty.

    Attributes:
        lane: The duty's lane.
        id: The duty's name within its lane.
        token: Larger than that of every earlier holder.
        until: When the lease that it began with runs out, by `boot_time`.
        failures: How often in a row the duty failed before.
    """

    lane: str
    id: str
    token: str
    until: float = math.inf
    failures: int = 0

    @property
    def attempt(self) -> tuple[str, int]:
        """The job and the attempt's number, or the handler and its slot's number.

        Raises:
            UnreadableRecord: It names neither, so it is a newer version's.
        """
        return self.attempt_behind("")

    def attempt_behind(self, prefix: str) -> tuple[str, int]:
        """What stands behind a prefix, which says what is to be done about it.

        Raises:
            UnreadableRecord: It names neither, so it is a newer version's.
        """
        whose, _, n = self.id.removeprefix(prefix).partition("/")
        if not n.isdecimal():
            raise UnreadableRecord(f"duty {self.lane} {self.id}", "it is not known", newer=True)
        return whose, int(n)


@dataclass
class Lease:
    """How long a claim is held.

    Attributes:
        until: As far as this process knows, by `boot_time`; each renewal moves it on.
    """

    until: float


@dataclass(frozen=True, kw_only=True)
class Parked:
    """A duty that failed too often.

    Attributes:
        lane: Its lane.
        id: Which duty.
        failures: How often in a row it failed.
        why: What went wrong the last time.
    """

    lane: str
    id: str
    failures: int
    why: str


@dataclass(frozen=True)
class Pumped:
    """What a round of the pump did.

    Attributes:
        posted: Wake-ups; 0 while another process pumps.
        loss: The number of the last time that Redis was seen to have lost writes.
    """

    posted: int
    loss: int


class Duties:
    """Waking, claiming and putting down duties."""

    def __init__(self, scripts: Scripts, memory: Memory) -> None:
        self._scripts = scripts
        self._memory = memory

    def publish_messages(self) -> None:
        """Say in Redis what wakes a lane, so that scripts can post it.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        self._scripts.publish_messages()

    def wake(self, lane: str, duty: str, after: float = 0) -> None:
        """Have somebody look at a duty, now or in some seconds.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        self._scripts.waking("wake", 1, lane, duty, _ms(after))

    def run(self, lane: str, duty: str, flow: Callable[[Claim], Answer]) -> None:
        """Hold a duty, if there is anything to do now, while a flow does it.

        It is put down as the flow wants. If the flow raises, that is counted: the duty is looked
        at again later, and parked in the end. Only a Redis that is away is not the duty's fault;
        then its lease runs out, and the pump wakes it.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
            Exception: Whatever the flow raised.
        """
        claim = self.hold(lane, duty)
        if claim is None:
            return
        try:
            answer = flow(claim)
        except StoreUnavailable:
            raise
        except Exception as error:
            self.fail(claim, error)
            raise
        if not isinstance(answer, Handed):
            self.put_down(claim, answer)

    def hold(self, lane: str, duty: str) -> Claim | None:
        """Hold a duty for its lane's lease; None: there is nothing to do now, or another holds it.

        Raises:
            LostWrites: Redis has forgotten what it was told before.
            StoreUnavailable: Redis does not answer or refuses.
        """
        lease = LANES[lane].lease
        until = boot_time() + lease
        nonce, limit = uuid.uuid4().hex, _parked_after(duty)
        seen = self._memory.fence
        word, token, failures = self._scripts.waking(
            "claim", 3, lane, duty, _ms(lease), nonce, limit, self._memory.process, seen
        )
        if word == "backwards":
            raise LostWrites(f"Redis has forgotten token {seen}, which it gave")
        if word != "claimed":
            return None
        self._memory.saw(int(token))
        return Claim(lane=lane, id=duty, token=token, until=until, failures=int(failures))

    def fail(self, claim: Claim, error: Exception) -> None:
        """Count a failure of a claim's flow: the duty is looked at again later, or parked."""
        count = claim.failures + 1
        wait = BACK_OFF[min(count, len(BACK_OFF)) - 1]
        if claim.id in NEVER_PARKED:
            wait = min(wait, SOON)
        after = _ms(wait)
        if count >= _parked_after(claim.id):
            after = -1  # parked
        short = named(error, LONGEST_WHY)
        unreadable = _job_not_read(claim, error)
        mine = (claim.lane, claim.id, claim.token)
        self._scripts.waking("fail", 1, *mine, after, short, unreadable)

    def parked(self) -> list[Parked]:
        """Every duty that failed too often, until it is released or woken by something new."""
        found = []
        for lane in LANES:
            with reaching():
                rows = self._scripts.client.hgetall(keys.parked(lane))
            found += [_parked(lane, name, packed) for name, packed in rows.items()]
        return found

    def release(self, parked: Iterable[Parked]) -> int:
        """Let parked duties have one more try each; how many there were."""
        return sum(int(self._scripts.waking("release", 1, one.lane, one.id)[0]) for one in parked)

    def put_down(self, claim: Claim, again: Again | None = None) -> None:
        """End a claim: the duty is done, or is to be looked at again."""
        after = -1 if again is None else _ms(again.seconds)
        self._scripts.waking("finish", 1, claim.lane, claim.id, claim.token, after)

    def renew(self, claim: Claim) -> float | None:
        """Hold a duty for another lease; until when that is, or None if somebody else has it."""
        lease = LANES[claim.lane].lease
        until = boot_time() + lease
        words = self._scripts.words("renew", claim.lane, claim.id, claim.token, _ms(lease))
        return until if words[0] == "done" else None

    @contextmanager
    def renewing(self, claim: Claim) -> Iterator[Lease]:
        """Keep a claim alive from another thread while the block runs."""
        lease = Lease(claim.until)
        over = threading.Event()

        def keep() -> None:
            while not over.wait(LANES[claim.lane].lease / 3):
                try:
                    until = self.renew(claim)
                except StoreUnavailable:
                    continue  # the lease may run out; what the block brings is heard all the same
                if until is None:
                    return
                lease.until = until

        thread = threading.Thread(target=keep, name=f"renew {claim.id}", daemon=True)
        thread.start()
        try:
            yield lease
        finally:
            over.set()
            thread.join()

    def pump(self, process: str, lease: float, rooms: Iterable[tuple[str, int]]) -> Pumped:
        """Post wake-ups for everything due, unless another process does it.

        Args:
            process: Who pumps.
            lease: Seconds for which nobody else does.
            rooms: For each lane, the most messages its queue may hold at once.

        Raises:
            LostWrites: Redis has forgotten what it was told before.
            StoreUnavailable: Redis does not answer or refuses.
        """
        rows, seen = orjson.dumps([[lane, most] for lane, most in rooms]), self._memory.fence
        mine = (process, _ms(lease), rows, self._memory.process, seen)
        word, posted, loss = self._scripts.waking("pump", 3, *mine)
        if word == "backwards":
            raise LostWrites(f"Redis has forgotten token {seen}, which it gave")
        return Pumped(int(posted), int(loss))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _job_not_read(claim: Claim, error: Exception) -> str:
    """The job that the duty is about, if its own record is what cannot be read; else empty."""
    job = claim.id.partition("/")[0]
    if isinstance(error, UnreadableRecord) and error.name == f"job {job}":
        return job
    return ""


def _parked_after(duty: str) -> int:
    if duty in NEVER_PARKED:
        return NEVER
    return PARKED_AFTER


def _parked(lane: str, name: bytes, packed: bytes) -> Parked:
    row = orjson.loads(packed)
    return Parked(lane=lane, id=name.decode(), failures=row["failures"], why=row["why"])
