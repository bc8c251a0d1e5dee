"""When an attempt is asked about for the first time: after what its kind usually takes."""

from runhook.worker.domain import policy
from runhook.worker.domain.jobs import Job
from runhook.worker.wiring import Wiring

BY_KIND = {
    "image": 60.0,
    "audio": 60.0,
    "string": 60.0,
    "video": 300.0,
    "workflow": 300.0,
    "app": 300.0,
    "quick": 300.0,
    "3d": 600.0,
}
LONGEST_KIND = 600.0  # of a kind that only a newer version knows


def usual_seconds(w: Wiring, job: Job) -> float | None:
    """How long a job of this model usually takes from its submit: the median of those here."""
    seen = sorted(w.store.jobs.durations(job.spec.model))
    if not seen:
        return None
    return seen[len(seen) // 2]


def first_look(w: Wiring, job: Job) -> float:
    """Seconds after which a running job without callback is asked about."""
    if w.settings.overdue_after is not None:
        return w.settings.overdue_after
    if not w.settings.public_url or not job.called_back:
        return policy.NO_CALLBACK_LOOK
    seen = sorted(w.store.jobs.durations(job.spec.model))
    if len(seen) < policy.ENOUGH_DURATIONS:
        return BY_KIND.get(job.spec.kind, LONGEST_KIND)
    return max(policy.LEAST_OVERDUE, seen[int(len(seen) * policy.OVERDUE_PERCENTILE)])
