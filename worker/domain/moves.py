"""The one table of the moves that a job may make, and each as a function. Pure.

Functions here take a job and return the job after a move; nothing is read or written.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

from runhook.worker.domain.frozen import evolve
from runhook.worker.domain.jobs import Attempt, Job, SettledBy, State
from runhook.worker.domain.reports import Output, Report
from runhook.worker.errors import ImpossibleMove


class Move(StrEnum):
    """What can happen to a job."""

    DISPATCH = "dispatch"  # it is first in its queue and there is room
    RETURN = "return"  # surely not accepted, back to its queue: free
    ACCEPT = "accept"  # RunningHub has it
    LOSE_SIGHT = "lose sight"  # it may have been accepted, and nobody knows
    SUCCEED = "succeed"  # RunningHub made it
    FAIL = "fail"  # RunningHub refused or failed it, or its time is over
    CANCEL = "cancel"  # its owner or RunningHub's website stopped it
    RESUBMIT = "resubmit"  # the owner risks paying twice: a new attempt
    RETRY = "retry"  # the user wants a new paid attempt of one that failed
    FALL_BACK = "fall back"  # its model failed, and its owner named another one


TABLE: dict[tuple[State, Move], State] = {
    (State.QUEUED, Move.DISPATCH): State.SENDING,
    # A refusal that was none: its own callback proves that RunningHub has it.
    (State.QUEUED, Move.ACCEPT): State.RUNNING,
    # An earlier attempt succeeded after all, before the new one left; so too while it is sending.
    (State.QUEUED, Move.SUCCEED): State.SUCCEEDED,
    # It left, and Redis has forgotten that.
    (State.QUEUED, Move.LOSE_SIGHT): State.UNCONFIRMED,
    # Its owner's time for it is over before it left.
    (State.QUEUED, Move.FAIL): State.FAILED,
    (State.QUEUED, Move.CANCEL): State.CANCELLED,
    (State.SENDING, Move.RETURN): State.QUEUED,
    (State.SENDING, Move.ACCEPT): State.RUNNING,
    (State.SENDING, Move.LOSE_SIGHT): State.UNCONFIRMED,
    (State.SENDING, Move.FAIL): State.FAILED,
    (State.SENDING, Move.SUCCEED): State.SUCCEEDED,
    # The model refused it, and its owner named another one; from unconfirmed there is no such move.
    (State.SENDING, Move.FALL_BACK): State.QUEUED,
    # Not one byte left yet, or what left was surely refused.
    (State.SENDING, Move.CANCEL): State.CANCELLED,
    (State.UNCONFIRMED, Move.RETURN): State.QUEUED,
    (State.UNCONFIRMED, Move.ACCEPT): State.RUNNING,
    (State.UNCONFIRMED, Move.FAIL): State.FAILED,
    (State.UNCONFIRMED, Move.CANCEL): State.CANCELLED,
    (State.UNCONFIRMED, Move.RESUBMIT): State.QUEUED,
    (State.RUNNING, Move.SUCCEED): State.SUCCEEDED,
    (State.RUNNING, Move.FAIL): State.FAILED,
    (State.RUNNING, Move.CANCEL): State.CANCELLED,
    # RunningHub's own failure, and its owner allowed to pay for another attempt.
    (State.RUNNING, Move.RETRY): State.QUEUED,
    (State.RUNNING, Move.FALL_BACK): State.QUEUED,
    # The two ways out of an end: success proved late, and the user's retry.
    (State.FAILED, Move.SUCCEED): State.SUCCEEDED,
    (State.FAILED, Move.RETRY): State.QUEUED,
    (State.CANCELLED, Move.RETRY): State.QUEUED,
}


def move(job: Job, how: Move, now: datetime, **attempt_changes: Any) -> Job:
    """The job after a move; `attempt_changes` are written to its current attempt.

    Raises:
        ImpossibleMove: The table does not have it.
    """
    target = TABLE.get((job.state, how))
    if target is None:
        raise ImpossibleMove(f"{job.id} is {job.state} and cannot {how}")
    changed = with_attempt(job, job.attempt.n, now, **attempt_changes)
    history = evolve(changed.history, ended_at=None)
    if target is not State.QUEUED:
        history = evolve(history, waits_for=())
    if target.ended:
        history = evolve(history, ended_at=now)
    return evolve(changed, state=target, history=history)


def may(job: Job, how: Move) -> bool:
    """Whether the table has the move."""
    return (job.state, how) in TABLE


def accept(job: Job, ref: str, now: datetime) -> Job:
    """RunningHub has the current attempt under `ref`."""
    submitted = job.attempt.submitted_at or now
    return move(job, Move.ACCEPT, now, ref=ref, submitted_at=submitted, asked=0)


def back_to_queue(job: Job, now: datetime, **changes: Any) -> Job:
    """Surely not accepted: the same attempt stands in the queue again, as if it never left."""
    fresh = {
        "left_at": None,
        "left_by": None,
        "ref": None,
        "doubt": None,
        "doubt_busy": False,
        "asked": 0,
    }
    return move(job, Move.RETURN, now, **fresh, **changes)


def another_attempt(
    job: Job,
    how: Move,
    now: datetime,
    *,
    ended: State,
    risk: bool,
    model: str | None,
    **changes: Any,
) -> Job:
    """A new attempt of a model behind the current one, whose own end is `ended`."""
    over = {"state": ended, "ended_at": job.attempt.ended_at or now, **changes}
    moved = move(job, how, now, **over)
    n, legacy = moved.attempt.n + 1, moved.attempt.legacy
    fresh = Attempt(n=n, model=model, queued_at=now, legacy=legacy)
    attempts = (*moved.history.attempts, fresh)
    risky = moved.history.risk or risk
    history = evolve(
        moved.history,
        attempts=attempts,
        ended_at=None,
        risk=risky,
        cancel_wished=False,
        cancel_tree=False,
    )
    return evolve(moved, history=history)


def resubmit(job: Job, now: datetime) -> Job:
    """An unconfirmed attempt again, of the same model, at the risk of paying for both."""
    same = job.attempt.model
    return another_attempt(job, Move.RESUBMIT, now, ended=State.UNCONFIRMED, risk=True, model=same)


def end(job: Job, how: Move, by: SettledBy | None, now: datetime, **changes: Any) -> Job:
    """The current attempt, and the job with it, is over."""
    return move(job, how, now, ended_at=now, settled_by=by, **changes)


def settle_by(job: Job, n: int, now: datetime) -> Job:
    """The job that an earlier attempt has made; one behind it that never left is dropped.

    Args:
        job: The job, whose last attempt has not left, or has failed.
        n: The earlier attempt.
        now: The moment.
    """
    *before, last = job.history.attempts
    if job.state is State.FAILED:
        before.append(evolve(last, state=State.FAILED))
    history = evolve(job.history, attempts=tuple(before), settled=n)
    return move(evolve(job, history=history), Move.SUCCEED, now)


def wish_cancel(job: Job, now: datetime, *, wished: bool = True, tree: bool = False) -> Job:
    """The job to be cancelled once its ref is known; or no more, because it cannot be.

    Args:
        job: The job.
        now: The moment.
        wished: Whether it is to be.
        tree: Those that wait for it are to be cancelled with it.
    """
    history = evolve(job.history, updated_at=now, cancel_wished=wished, cancel_tree=tree)
    return evolve(job, history=history)


def with_waiters(job: Job, now: datetime, *, wished: bool = True) -> Job:
    """The job, whose cancel will be that of those that wait for it too; or no more."""
    return evolve(job, history=evolve(job.history, updated_at=now, cancel_tree=wished))


def wait_for(job: Job, others: Iterable[str], now: datetime) -> Job:
    """The job outside the queue until these have succeeded; none: it takes its place there."""
    history = evolve(job.history, updated_at=now, waits_for=tuple(others))
    return evolve(job, history=history)


def results(report: Report, expires_at: datetime) -> dict[str, Any]:
    """What a report brings, as changes of an attempt; its outputs' URLs die at that moment."""
    outputs = tuple(_expiring(output, expires_at) for output in report.outputs)
    return {"ref": report.ref, "outputs": outputs, "error": report.error, "cost": report.cost}


def _expiring(output: Output, expires_at: datetime) -> Output:
    """An output with the moment at which its URL dies; text lives as long as the job."""
    if not output.url:
        return output
    return evolve(output, expires_at=expires_at)


def with_attempt(job: Job, n: int, now: datetime, **changes: Any) -> Job:
    """The job with one attempt changed and its state as it was."""
    attempts = list(job.history.attempts)
    for place, attempt in enumerate(attempts):
        if attempt.n == n:
            attempts[place] = evolve(attempt, **changes)
    return evolve(job, history=evolve(job.history, updated_at=now, attempts=tuple(attempts)))
