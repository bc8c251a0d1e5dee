"""The last word before a paid byte leaves: whether it may, and that this is written down."""

from worker.jobs import Job
from worker.store import Claim
from worker.store.duties import boot_time
from worker.wiring import Wiring


class Departing:
    """The last word before a paid byte leaves, asked once the connection is open."""

    def __init__(self, w: Wiring, claim: Claim, job: Job) -> None:
        self._w = w
        self._claim = claim
        self._job = job
        self.left = False
        self.held_up = False

    def may_leave(self) -> bool:
        """Write down that it leaves; it does not if the lease ran out while that was written.

        A process that was stopped in between may wake after somebody else decided on the job: a
        lease that was renewed since proves nothing, so the one from before counts.
        """
        until = self._claim.until
        if not self._w.store.jobs.mark_left(self._job, self._claim.token):
            return False
        if boot_time() >= until:
            self.held_up = True
            return False
        self.left = True
        return True
