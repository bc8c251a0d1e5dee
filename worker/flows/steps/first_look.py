"""When an attempt is asked about for the first time: after what its kind usually takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from runhook.worker.domain import policy
from runhook.worker.domain.jobs import Job
from runhook.worker.wiring import Wiring


@dataclass(frozen=True)
class Usually:
    """How long jobs of one model took here, in seconds from their submit: half of them, and most.

    The median and not the mean, which one job that hung for an hour would spoil.
    """

    p50: float
    p95: float


def usually(durations: Sequence[float]) -> Usually | None:
    """What jobs of a model usually take, by its last ones here in order; None: none was yet."""
    if not durations:
        return None
    p95 = durations[int(len(durations) * policy.OVERDUE_PERCENTILE)]
    return Usually(durations[len(durations) // 2], p95)


def first_look(w: Wiring, job: Job) -> float:
    """Seconds after which a running job without callback is asked about."""
    if w.settings.overdue_after is not None:
        return w.settings.overdue_after
    kind = w.client.capabilities.kind(job.spec.kind)
    if not w.settings.public_url or not kind.calls_back:
        # No callback can come: asking is the only way to learn of the end.
        return policy.NO_CALLBACK_LOOK
    seen = w.store.durations.lately(job.current_model)
    known = usually(seen)
    if known is None or len(seen) < policy.ENOUGH_DURATIONS:
        return kind.usual_seconds
    return max(policy.LEAST_OVERDUE, known.p95)
