"""Forgetting a job that has ended: its record and all that is its own, at its owner's word."""

from collections.abc import Iterator
from datetime import datetime

from runhook.worker.domain.jobs import Job
from runhook.worker.errors import Conflict
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring


def forget(w: Wiring, job_id: str) -> None:
    """Remove a job, its deliveries, its timeline and what the log says of it.

    Its files go soon after, and once the place of files answers. A delivery that is on its way may
    still be heard. Its idempotency key stays used while it is remembered: a repeat pays nothing.

    Raises:
        NotFound: There is no such job.
        Conflict: It has not ended.
    """
    job = w.store.jobs.get(job_id)
    # Looked at before it goes, because what it says of moments leads to its events.
    entries = w.store.events.of_job(job_id, _moments(w, job))
    state = job.state.value
    if job.state.ended:
        state = w.store.jobs.forget(job_id, entries)
    # Gone is done: the first answer was lost, or somebody else forgot it at the same moment.
    if state not in ("done", "gone"):
        raise Conflict(f"{job_id} is {state}: only a job that has ended can be forgotten")
    report("job.forgotten", job=job_id)


def _moments(w: Wiring, job: Job) -> Iterator[datetime]:
    """When something happened to it, by its record and its timeline."""
    yield job.spec.created_at
    yield job.history.updated_at
    for attempt in job.history.attempts:
        yield from (at for at in (attempt.submitted_at, attempt.ended_at) if at)
    for entry in w.store.jobs.timeline(job.id):
        if entry.get("at"):
            yield datetime.fromisoformat(entry["at"])
