"""Failing what is still queued after its owner's time for it."""

from contextlib import suppress

from runhook.worker.domain.jobs import Job, State
from runhook.worker.errors import NotFound
from runhook.worker.flows.steps.outcomes import expired
from runhook.worker.store import Change
from runhook.worker.wiring import Wiring


def expire(w: Wiring, job_id: str) -> None:
    """Fail a job that is still queued after the time its owner gave it. Free."""

    def decide(job: Job) -> Change | None:
        # By the job as it is now and not when the duty was made: since then it may have been sent,
        # or retried with its time begun anew.
        if job.state is not State.QUEUED or not job.is_expired(w.clock.now()):
            return None
        return expired(w, job)

    with suppress(NotFound):
        w.store.jobs.change(job_id, decide)
