"""The departure of a paid request: written down before its first byte, as durably as asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runhook.worker.domain.frozen import evolve
from runhook.worker.domain.jobs import Job
from runhook.worker.errors import LostWrites, NotDurable
from runhook.worker.store.calls import Word
from runhook.worker.store.changes import LineOf, TimelineEntry
from runhook.worker.store.claims import Claim
from runhook.worker.store.connection import reaching
from runhook.worker.store.durability import Keeps
from runhook.worker.store.job_records import departed
from runhook.worker.store.memory import Departure, Memory
from runhook.worker.store.scripts import Scripts
from runhook.worker.store.together import Together


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A departure to be recorded.

    Attributes:
        name: Its name.
        words: What the script takes.
    """

    name: str
    words: Sequence[Word]

    @property
    def written(self) -> bytes:
        """As it stands in the record, behind a time: no other ends and none begins alike."""
        return f":{self.name}\r\n".encode()


class Departures:
    """Writing down that a paid request leaves, or that it did not after all."""

    def __init__(
        self, scripts: Scripts, durability: Keeps, memory: Memory, line_of: LineOf
    ) -> None:
        """Args:
        scripts: Redis.
        durability: How durable a departure is before its first byte.
        memory: What this process knows of Redis.
        line_of: Which line a job with such options stands in.
        """
        self._scripts = scripts
        self._durability = durability
        self._memory = memory
        self._line_of = line_of
        self._marks = Together(self._mark)

    def mark_left(self, job: Job, claim: Claim) -> bool:
        """The paid request may leave now, if this holder has its turn and no breaker tripped.

        It is then on record as durably as RUNHOOK_DURABLE says; what cannot be kept so does not
        leave.

        Raises:
            NotDurable: It could not be kept so; nothing leaves.
            LostWrites: Redis has forgotten what it was told before.
            StoreUnavailable: Redis does not answer or refuses.
        """
        n, seen = job.attempt.n, self._memory.fence
        note = TimelineEntry("request left", {"attempt": n}).packed()
        token = claim.token
        departure = self._memory.departure(token)
        me = (self._memory.process, seen)
        words = (job.id, str(n), token, self._line_of(job.spec.options), note, *me, departure)
        with reaching():
            said, is_durable = self._recorded(Mark(name=departure, words=words))
        if said == [b"backwards"]:
            raise LostWrites(f"Redis has forgotten token {seen}, which it gave")
        if said[0] != b"left":
            return False
        self._memory.saw(int(said[1]))
        if not is_durable:
            why = "its departure could not be made durable in time (RUNHOOK_DURABLE)"
            self.take_back(job, token, why)
            raise NotDurable(why)
        self._memory.left(Departure(job=job.id, n=n, token=departure))
        self._see_it_left(job, claim, said)
        return True

    def _recorded(self, mark: Mark) -> tuple[Sequence[bytes], bool]:
        """What `_mark` says of one; raises what went wrong."""
        if self._durability.shared:
            return self._marks.one(mark)
        answer = self._mark([mark])[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _mark(self, many: Sequence[Mark]) -> list[tuple[Sequence[bytes], bool] | Exception]:
        """Record departures and wait until they are kept: the claims' leases run meanwhile.

        Returns:
            Of each what the script said, and whether that is as durable as it must be.
        """
        with self._durability.watch() as kept_of:
            calls = [one.words for one in many]
            found = self._scripts.each("mark_left", calls, *self._durability.commands)
            said, durable = found[: len(many)], found[len(many) :]
            left = [one.written for one, word in zip(many, said, strict=True) if _left(word)]
            kept = kept_of(durable, left) if left else ()
        return [
            word if isinstance(word, Exception) else (word, one.written in kept)
            for one, word in zip(many, said, strict=True)
        ]

    def _see_it_left(self, job: Job, claim: Claim, said: Sequence[bytes]) -> None:
        """The job as it lies in Redis now; if it was changed before it left, it is read again."""
        held, (_, _, rev, left) = claim.seen(job.id), said
        if held and int(rev) == held.job.rev + 1:
            gone = departed(held.job, job.attempt.n, left)
            claim.turn.held = evolve(held, job=evolve(gone, rev=int(rev)))
        else:
            claim.turn.held = None

    def take_back(self, job: Job, token: str, why: str) -> None:
        """The request that was to leave under this token did not: not one byte."""
        n = job.attempt.n
        note = TimelineEntry("did not leave", {"attempt": n, "why": why}).packed()
        self._scripts.words("take_back", job.id, str(n), self._memory.departure(token), note)


def _left(said: Any) -> bool:
    return not isinstance(said, Exception) and said[0] == b"left"
