"""Callbacks as they came: written down raw, taken in later."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

import orjson

from runhook.worker.domain.jobs import SettledBy
from runhook.worker.errors import StoreUnavailable, UnreadableRecord
from runhook.worker.net.untrusted import excerpt, without_secrets
from runhook.worker.store import keys, records
from runhook.worker.store.changes import TimelineEntry
from runhook.worker.store.claims import Claim
from runhook.worker.store.connection import reaching
from runhook.worker.store.scripts import Scripts


@dataclass(frozen=True, kw_only=True)
class Callback:
    """One HTTP request of RunningHub, verified but unread.

    Attributes:
        at: When it came.
        via: `callback`, or `resend`: we asked RunningHub to send it again.
        body: Without what is secret in it.
        entry: As it lies in Redis. No other is the same: each has an id of its own.
    """

    at: datetime
    via: str
    body: bytes
    entry: bytes

    @property
    def by(self) -> SettledBy:
        """How a job is settled by it."""
        if self.via == "resend":
            return "resend"
        return "callback"


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A callback that comes in.

    Attributes:
        job_id: Which job its URL names.
        attempt: Which of its attempts.
        via: As a `Callback` has it.
        body: As it came.
    """

    job_id: str
    attempt: int
    via: str
    body: bytes


@dataclass(frozen=True)
class Stray:
    """A callback that no attempt could be given.

    Attributes:
        at: When it came.
        why: What no attempt was found by.
        job_id: Which job its URL names.
    """

    at: datetime
    why: str
    job_id: str


class Callbacks:
    """The callbacks of each attempt, oldest first."""

    def __init__(self, scripts: Scripts, retention: float) -> None:
        """Args:
        scripts: Redis.
        retention: Seconds that strays are kept.
        """
        self._scripts = scripts
        self._retention = retention

    def take(self, job_id: str, attempt: int, via: str, body: bytes) -> str:
        """Keep one, in one round trip.

        Returns:
            `taken`; `stray` when there is no such job; `enough` when the attempt had so many that
            no more are believed, and RunningHub is asked instead.

        Raises:
            StoreUnavailable: Redis did not take it; RunningHub must send it again.
        """
        arrival = Arrival(job_id=job_id, attempt=attempt, via=via, body=body)
        word = self._scripts.waking("take_callback", 1, *self._written(arrival))[0]
        if word == "full":
            raise StoreUnavailable("as many callbacks of this attempt as may wait do")
        return word

    def take_each(self, arrivals: Sequence[Arrival]) -> list[str]:
        """Keep many in one round trip, each by itself. What they wake is left to the pump.

        Returns:
            A word for each, as `take` has it; `not kept` for one that `take` must say why of.

        Raises:
            StoreUnavailable: Redis did not answer all of them; any may be kept.
        """
        answers = self._scripts.each("take_callback", [self._written(one) for one in arrivals])
        return [_word(answer) for answer in answers]

    def _written(self, arrival: Arrival) -> tuple[str | bytes | int, ...]:
        """What the script is told of one."""
        job_id, attempt, via, body = arrival.job_id, arrival.attempt, arrival.via, arrival.body
        at = self._scripts.clock.now().timestamp()
        # The mark is the same for a callback that comes twice; the id is not, so that forgetting
        # one that was decided on takes no twin away that came meanwhile.
        mark = hashlib.sha256(f"{job_id} {attempt} {via} ".encode() + body).hexdigest()
        facts = {"job": job_id, "attempt": attempt, "at": at, "via": via, "id": token_hex(16)}
        facts["mark"] = mark
        entry = records.packed("callback", facts) + b"\n" + without_secrets(body)
        shown = {"attempt": attempt, "via": via, "bytes": len(body), "body": excerpt(body)}
        note = TimelineEntry("callback came", shown).packed()
        return job_id, attempt, entry, note, round(self._retention * 1000), mark

    def waiting(self, job_id: str, attempt: int) -> list[Callback]:
        """Those not yet taken in.

        Raises:
            UnreadableRecord: One of them is a newer version's.
        """
        with reaching():
            entries = self._scripts.client.lrange(keys.raw(f"{job_id}/{attempt}"), 0, -1)
        return self._read(f"{job_id}/{attempt}", entries)

    def of(self, claim: Claim) -> list[Callback]:
        """Those of the duty's attempt, as its claim brought them.

        Raises:
            UnreadableRecord: One of them is a newer version's, or the duty is.
        """
        job_id, n = claim.attempt
        if not claim.brought[1:]:  # too large to be brought, or there is no such job
            return self.waiting(job_id, n)
        return self._read(f"{job_id}/{n}", claim.brought[1])

    def _read(self, attempt: str, entries: Sequence[bytes]) -> list[Callback]:
        now = self._scripts.clock.now()
        return [_callback(f"callback of {attempt}", one, now) for one in dict.fromkeys(entries)]

    def drop(self, claim: Claim, attempt: str, taken: Sequence[Callback]) -> None:
        """Forget these of an attempt, which the holder of a duty decided on. Twice is as once."""
        if taken:
            entries = [callback.entry for callback in taken]
            held = (claim.lane, claim.id, claim.token)
            self._scripts.words("drop_callbacks", attempt, *held, *entries)

    def allow_calls(self, job_id: str, calls: int, most: int, within: float) -> float:
        """Count calls to RunningHub that a job's callbacks cause, if they may be made now.

        Args:
            job_id: Whose callbacks.
            calls: How many are to be made.
            most: How many may be within that time.
            within: Seconds.

        Returns:
            0: they are counted. Else the seconds until so many may be made.
        """
        window = round(within * 1000)
        return int(self._scripts.run("allow_calls", job_id, calls, most, window)) / 1000

    def strays(self) -> int:
        """How many came for jobs that nobody knows; the last thousand are kept."""
        with reaching():
            return int(self._scripts.client.llen(keys.strays()))

    def last_stray(self) -> Stray | None:
        """The one that came last."""
        with reaching():
            found = self._scripts.client.lrange(keys.strays(), -1, -1)
        return next(map(_stray, found), None)


def _word(answer: Any) -> str:
    if isinstance(answer, Exception) or answer[0] == b"full":
        return "not kept"
    return str(answer[0].decode())


def _callback(name: str, entry: bytes, now: datetime) -> Callback:
    """A callback; a broken record is one whose body says nothing, so its attempt is asked about."""
    try:
        return _read(name, entry)
    except UnreadableRecord as unreadable:
        if unreadable.newer:
            raise
        return Callback(at=now, via="callback", body=entry, entry=entry)


def _read(name: str, entry: bytes) -> Callback:
    head, _, body = entry.partition(b"\n")
    facts = records.opened("callback", name, head)

    def made() -> Callback:
        at = datetime.fromtimestamp(facts["at"], UTC)
        return Callback(at=at, via=facts["via"], body=body, entry=entry)

    return records.made(name, facts, made)


def _stray(entry: bytes) -> Stray:
    head, _, rest = entry.partition(b"\n")
    kept = orjson.loads(head)
    if "job" in kept:  # of an older version, which kept callbacks as they came
        return Stray(datetime.fromtimestamp(kept["at"], UTC), "no such job", kept["job"])
    facts = orjson.loads(rest.partition(b"\n")[0])
    return Stray(datetime.fromtimestamp(kept["ms"] / 1000, UTC), kept["why"], facts["job"])
