"""One job as users see it: with its place in the queue, and how far it is."""

from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.views import View, job_view
from runhook.worker.flows.steps.first_look import usual_seconds
from runhook.worker.wiring import Wiring


def shown(w: Wiring, job: Job, place: int | None = None) -> View:
    """The job's document as lists have it."""
    return job_view(job, place, base=w.settings.public_url)


def whole_view(w: Wiring, job: Job) -> View:
    """The job's document; of a queued one its place, of a running one its progress."""
    place = None
    if job.state is State.QUEUED:
        place = w.store.queue.position(w.client.line_of(job.spec.options), job.id)
    return shown(w, job, place) | {"progress": _progress(w, job)}


def _progress(w: Wiring, job: Job) -> View | None:
    """Of a running job: seconds since its submit, and how long those of its model usually take."""
    if job.state is not State.RUNNING or job.attempt.submitted_at is None:
        return None
    elapsed = (w.clock.now() - job.attempt.submitted_at).total_seconds()
    return {"elapsed": round(elapsed, 1), "usual": usual_seconds(w, job)}
