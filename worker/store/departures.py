"""The departure of a paid request: written down before its first byte, as durably as asked for."""

from collections.abc import Sequence

from runhook.worker.domain.frozen import evolve
from runhook.worker.domain.jobs import Job
from runhook.worker.errors import LostWrites, NotDurable
from runhook.worker.store.changes import LineOf, TimelineEntry
from runhook.worker.store.claims import Claim
from runhook.worker.store.durability import Durability
from runhook.worker.store.job_records import departed
from runhook.worker.store.memory import Departure, Memory
from runhook.worker.store.scripts import Scripts


class Departures:
    """Writing down that a paid request leaves, or that it did not after all."""

    def __init__(
        self, scripts: Scripts, durability: Durability, memory: Memory, line_of: LineOf
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
        args = (job.id, str(n), token, self._line_of(job.spec.options), note, *me, departure)
        # Record and wait in one round trip: the claim's lease runs meanwhile.
        said, *durable = self._scripts.run_and("mark_left", args, *self._durability.commands)
        if said == [b"backwards"]:
            raise LostWrites(f"Redis has forgotten token {seen}, which it gave")
        if said[0] != b"left":
            return False
        self._memory.saw(int(said[1]))
        if not self._durability.kept(durable):
            why = "Redis did not make its departure durable in time (RUNHOOK_DURABLE)"
            self.take_back(job, token, why)
            raise NotDurable(why)
        self._memory.left(Departure(job=job.id, n=n, token=departure))
        self._see_it_left(job, claim, said)
        return True

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
