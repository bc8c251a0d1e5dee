"""A job that an earlier attempt has made: it neither fails nor is paid again."""

from datetime import datetime

from runhook.worker.domain import moves
from runhook.worker.domain.frozen import evolve
from runhook.worker.domain.jobs import Attempt, Job, State
from runhook.worker.store import Change, TimelineEntry


def settled_instead(job: Job, wanted: Change, now: datetime) -> Change:
    """What a change becomes where the attempt that it ends is not the one that made the job.

    An earlier one may succeed late, while a new one is under way that cannot be taken back. When
    that fails, or is to be sent or paid for again, there is nothing left to want.

    Args:
        job: As it is.
        wanted: What its current attempt's end would make of it.
        now: The moment.
    """
    made = _maker(job)
    over = wanted.job.state in (State.QUEUED, State.FAILED) and not job.state.ended
    if made is None or not over or job.state is State.QUEUED:
        return wanted
    note = TimelineEntry("settled by an earlier attempt", {"attempt": made.n, "ref": made.ref})
    return evolve(
        wanted,
        job=moves.settle_by(wanted.job, made.n, now),
        notes=(*wanted.notes, note),
        event="job.succeeded",
        aside=0,
        otherwise=None,
    )


def _maker(job: Job) -> Attempt | None:
    """The attempt before the current one that has succeeded; mostly there is none."""
    earlier = (one for one in job.history.attempts if one is not job.attempt)
    return next((one for one in earlier if one.state is State.SUCCEEDED), None)
