"""The last word before a paid byte leaves, and the word to its owner if its job then went."""

from runhook.worker.domain.jobs import Job
from runhook.worker.domain.reports import Busy, NeverLeft, Refused, SubmitAnswer
from runhook.worker.store import Claim, Lease
from runhook.worker.store.claims import boot_time
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring


class DepartureCheck:
    """The last word before a paid byte leaves, asked once the connection is open."""

    def __init__(self, w: Wiring, claim: Claim, lease: Lease, job: Job) -> None:
        self._w = w
        self._claim = claim
        self._lease = lease
        self._job = job
        self.left = False
        self.held_up = False

    def may_leave(self) -> bool:
        """Write down that it leaves; it does not if the lease ran out while that was written.

        A process that was stopped in between may wake after somebody else decided on the job: a
        lease that was renewed since proves nothing, so the one from before counts.
        """
        # Read before the round trip to Redis, which is where a process may be held up.
        until = self._lease.until
        if not self._w.store.departures.mark_left(self._job, self._claim):
            return False
        # By the clock that also counts while the machine sleeps or the process is stopped.
        if boot_time() >= until:
            self.held_up = True
            return False
        # From here on the attempt counts as paid until an answer proves that it is not.
        self.left = True
        return True


def say_that_it_is_gone(w: Wiring, job_id: str, n: int, answer: SubmitAnswer) -> None:
    """Alert that an answer which may cost money came for a job that Redis has lost.

    A Redis that was put back to an older copy has jobs go so.
    """
    if isinstance(answer, Refused | Busy | NeverLeft):
        return  # nothing is paid
    why = f"{job_id}, attempt {n}: the job is not in Redis any more, and RunningHub may have it"
    if answer.ref:
        why = f"{why} as task {answer.ref}"
    why = f"{why} and charge it. Look into RunningHub's account before you ask for it again."
    report("alert", job=job_id, attempt=n, why=why)
    w.store.events.alert(job_id, why)
