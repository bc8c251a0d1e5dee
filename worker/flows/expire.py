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
        over = job.expires_at is not None and w.clock.now() >= job.expires_at
        return expired(w, job) if over and job.state is State.QUEUED else None

    with suppress(NotFound):
        w.store.jobs.change(job_id, decide)
