"""Duties: work that must still happen, one sorted set a lane, claimed for a time by one holder."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import orjson

from runhook.worker.domain.lanes import LANES
from runhook.worker.domain.policy import (
    BACK_OFF,
    LINGER_MS,
    LONGEST_WHY,
    NEVER,
    NEVER_PARKED,
    PARKED_AFTER,
    SOON,
)
from runhook.worker.errors import LostWrites, UnreadableRecord
from runhook.worker.net.faults import unforeseen
from runhook.worker.store import keys
from runhook.worker.store.claims import Again, Claim, Lease, Parked, Pumped, Turn, boot_time
from runhook.worker.store.connection import reaching
from runhook.worker.store.keeper import Keeper
from runhook.worker.store.memory import Memory
from runhook.worker.store.scripts import Scripts, milliseconds

# What a claim of a lane tells lua/lib/claiming more: what to bring depends on it.
Details = Mapping[str, Callable[[], Mapping[str, Any]]]


class Closing:
    """The end of a duty, to be written by the script that does its last work."""

    def __init__(self, claim: Claim, order: dict[str, Any], until: float, memory: Memory) -> None:
        """Args:
        claim: Whose end.
        order: As lua/lib/closing takes it.
        until: When the lease of the next duty would run out.
        memory: What this process knows of Redis.
        """
        self.order = order
        self.callbacks: tuple[bytes, ...] = ()
        self._claim = claim
        self._until = until
        self._memory = memory

    def forgets(self, attempt: str, entries: Sequence[bytes]) -> None:
        """These callbacks of an attempt were decided on, as they lie in Redis."""
        self.order["attempt"], self.callbacks = attempt, tuple(entries)

    def done(self, following: Sequence[Any] | None) -> None:
        """The script ran; what it says of the next duty."""
        self._claim.turn.over = True
        turn = self._claim.turn
        # A Redis that went back gives none here; the pump notices it, and so does the next claim.
        if following and following[0] == b"claimed":
            turn.next = given(self._claim.lane, following, self._until, turn)
            self._memory.saw(int(turn.next.token))
        turn.later = bool(following and following[0] == b"later")


class Duties:
    """Waking, claiming and putting down duties."""

    def __init__(self, scripts: Scripts, memory: Memory, details: Details) -> None:
        """Args:
        scripts: Redis.
        memory: What this process knows of it.
        details: By lane, what a claim tells more.
        """
        self._scripts = scripts
        self._memory = memory
        self._details = details
        self._keeper = Keeper(self.renew)
        self.pumps = True  # this process does, as far as it knows

    def publish_messages(self) -> None:
        """Say in Redis what wakes a lane, so that scripts can post it.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        self._scripts.publish_messages()

    def keep_messages(self) -> None:
        """Say it again where that was lost, or another says otherwise.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        self._scripts.keep_messages()

    def wake(self, lane: str, duty: str, after: float = 0) -> None:
        """Have somebody look at a duty, now or in some seconds.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        self._scripts.waking("wake", 1, lane, duty, _ms(after))

    def claim(self, lane: str, after: Turn | None = None, *, first: str = "") -> Claim | None:
        """Hold a duty of a lane: `first` if that is due, else the one that has been due longest.

        Args:
            lane: Which.
            first: The duty to begin with; empty: none.
            after: The turn that ended. If it lingers, and nothing is due, this thread is to be
                called when something is: see `listen`.

        Raises:
            LostWrites: Redis has forgotten what it was told before.
            StoreUnavailable: Redis does not answer or refuses.
        """
        after = after or Turn()
        until, order = self._claimer(lane, after)
        if first:
            order["first"] = first
        (words,) = self._scripts.answers("claim", 1, orjson.dumps(order))
        if words[0] == b"backwards":
            raise LostWrites(f"Redis has forgotten token {order['seen']}, which it gave")
        after.later = words[0] == b"later"
        if words[0] != b"claimed":
            return None
        claim = given(lane, words, until, after)
        self._memory.saw(int(claim.token))
        return claim

    def listen(self) -> bool:
        """Wait until this thread is called, or for as long as it lingers; whether it was called.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        with reaching():
            return bool(self._scripts.client.blpop(keys.bell(self._me), LINGER_MS / 1000))

    def _claimer(self, lane: str, after: Turn) -> tuple[float, dict[str, Any]]:
        """Until when the lane's lease would be, and this drainer as lua/lib/claiming takes it."""
        lease = LANES[lane].lease
        after.nonce = after.nonce or self._memory.nonce()
        order: dict[str, Any] = {
            "lane": lane,
            "lease": _ms(lease),
            "nonce": after.nonce,
            "process": self._memory.process,
            "seen": self._memory.fence,
            "me": self._me,
        }
        if after.lingers:
            order["linger"] = LINGER_MS
        if after.round:
            order["round"] = after.round
        if lane in self._details:
            order |= self._details[lane]()
        return boot_time() + lease, order

    @property
    def _me(self) -> str:
        """This thread among all that drain a lane."""
        return f"{self._memory.process}/{threading.get_ident()}"

    def closing(self, claim: Claim, again: Again | None = None) -> Closing:
        """The end of a claim for a script to write: it is done, or to be looked at again."""
        order: dict[str, Any] = {
            "lane": claim.lane,
            "id": claim.id,
            "token": claim.token,
            "after": -1,
        }
        if again is not None:
            order["after"] = _ms(again.seconds)
        until = claim.until
        claim.turn.asked = claim.turn.goes_on
        if claim.turn.asked:
            until, order["next"] = self._claimer(claim.lane, claim.turn)
        elif claim.turn.drains:
            order["rest"] = self._me
        return Closing(claim, order, until, self._memory)

    def put_down(self, claim: Claim, again: Again | None = None) -> None:
        """End a claim: the duty is done, or is to be looked at again."""
        closing = self.closing(claim, again)
        _, following = self._scripts.answers("finish", 2, orjson.dumps(closing.order))
        closing.done(following)

    def rest(self, lane: str, *, at_ease: bool) -> None:
        """This thread works through a lane no more; another does if something is due.

        Args:
            lane: Which.
            at_ease: It does not stop in the middle of its work, so few others are enough.
        """
        self._scripts.waking("rest", 1, lane, self._me, int(at_ease))

    def hand_back(self, lane: str, duty: str) -> None:
        """A message that named a duty was turned away: whoever works through the lane takes it."""
        self._scripts.words("hand_back", lane, duty)

    def fail(self, claim: Claim, error: Exception) -> None:
        """Count a failure of a claim's flow: the duty is looked at again later, or parked."""
        count = claim.failures + 1
        wait = BACK_OFF[min(count, len(BACK_OFF)) - 1]
        if claim.id in NEVER_PARKED:
            wait = min(wait, SOON)
        after = _ms(wait)
        if count >= _parked_after(claim.id):
            after = -1  # parked
        short = unforeseen(error, LONGEST_WHY)
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

    def renew(self, claim: Claim) -> float | None:
        """Hold a duty for another lease; until when that is, or None if somebody else has it."""
        lease = LANES[claim.lane].lease
        until = boot_time() + lease
        words = self._scripts.words("renew", claim.lane, claim.id, claim.token, _ms(lease))
        return until if words[0] == "done" else None

    def renewing(
        self, claim: Claim, while_late: Callable[[], None] | None = None
    ) -> AbstractContextManager[Lease]:
        """Keep a claim alive from another thread while the block runs.

        That thread calls `while_late` each second once the block takes longer than that.
        """
        return self._keeper.keeping(claim, while_late)

    def pump(self, process: str, lease: float, *, thorough: bool = True) -> Pumped:
        """Wake each lane in which something is due and too few work, unless another process does.

        Args:
            process: Who pumps.
            lease: Seconds for which nobody else does.
            thorough: Look into every lane, also where nothing is known to be due.

        Raises:
            LostWrites: Redis has forgotten what it was told before.
            StoreUnavailable: Redis does not answer or refuses.
        """
        lanes, seen = list(LANES), self._memory.fence
        if not thorough:
            lanes = []
            if found := self._another_pumps(process, seen):
                return found
        mine = (process, _ms(lease), self._memory.process, seen)
        gathering = [lane.name for lane in LANES.values() if lane.rounds]
        looked_at = (orjson.dumps(lanes), orjson.dumps(gathering))
        word, posted, loss = self._scripts.waking("pump", 3, *mine, *looked_at)
        if word == "backwards":
            raise LostWrites(f"Redis has forgotten token {seen}, which it gave")
        self.pumps = word == "pumped"
        return Pumped(int(posted), int(loss))

    def is_due(self) -> bool:
        """Whether a lane is to be looked at, if this process pumps: one command."""
        if not self.pumps:
            return False
        now = milliseconds(self._scripts.clock.now())
        with reaching():
            return bool(self._scripts.client.zrangebyscore(keys.soon(), "-inf", now, 0, 1))

    def _another_pumps(self, process: str, seen: int) -> Pumped | None:
        """What the script would say if another process did last and does still: three commands."""
        if self.pumps:
            return None
        with reaching():
            pipe = self._scripts.client.pipeline(transaction=False)
            pipe.hget(keys.hands(self._memory.process), "seen")
            pipe.get(keys.pump())
            pipe.hget(keys.queue_settings(), "losses")
            mark, holder, loss = pipe.execute()
        if holder in (None, process.encode()) or int(mark or 0) < seen:
            return None
        return Pumped(0, int(loss or 0))


def given(lane: str, words: Sequence[Any], until: float, after: Turn) -> Claim:
    """A claim as a script answers it, which follows a turn."""
    duty, token, failures = (word.decode() for word in words[1:4])
    turn = Turn(drains=True, lingers=after.lingers)
    if after.round:
        turn.round = words[5].decode()
    return Claim(
        lane=lane,
        id=duty,
        token=token,
        until=until,
        failures=int(failures),
        turn=turn,
        brought=words[4],
    )


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
