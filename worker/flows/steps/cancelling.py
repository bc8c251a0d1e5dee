"""Having RunningHub stop a running task."""

from runhook.worker.domain import moves
from runhook.worker.domain.jobs import Job, State
from runhook.worker.errors import Conflict, ProviderRefused
from runhook.worker.flows.steps import transcript
from runhook.worker.flows.steps.outcomes import cancelled
from runhook.worker.store import Change, TimelineEntry
from runhook.worker.wiring import Wiring


def stop_running(w: Wiring, job: Job) -> Job:
    """Ask RunningHub to stop a running job's task.

    Raises:
        Conflict: RunningHub refuses, or the job ended first.
        ProviderSilent: RunningHub does not answer.
    """
    n, ref = job.attempt.n, job.attempt.ref or ""
    try:
        w.client.cancel(ref)
    # ProviderSilent is let through: whether the task was stopped is not known, so the job stays
    # running and ends by what RunningHub reports of it.
    except ProviderRefused as refused:
        _note_refusal(w, job, refused)
        why = f"RunningHub refuses to cancel it: {refused}".rstrip(".")
        raise Conflict(f"{why}. It stays running") from refused

    def decide(now_job: Job) -> Change | None:
        # A callback may have been faster: a result that is paid for is worth more than the cancel.
        if now_job.state is not State.RUNNING or now_job.attempt.n != n:
            return None
        return cancelled(now_job, w, "RunningHub stopped it; its run time so far may be charged")

    _, after = transcript.change(w, job.id, decide)
    if after.state is not State.CANCELLED:
        raise Conflict(
            f"{job.id} has {after.state} before it could be cancelled; what that cost stays charged"
        )
    return after


def _note_refusal(w: Wiring, job: Job, refused: ProviderRefused) -> None:
    n = job.attempt.n
    note = TimelineEntry("cancel refused", {"attempt": n, "why": str(refused)})

    def decide(now_job: Job) -> Change:
        # Else a later cancel of the job alone would be that of those that wait for it too.
        if now_job.state is State.RUNNING and now_job.attempt.n == n:
            now_job = moves.with_waiters(now_job, w.clock.now(), wished=False)
        return Change(job=now_job, notes=(note,))

    transcript.change(w, job.id, decide)


def carry_out_wish(w: Wiring, job: Job) -> None:
    """Cancel a job whose task became known after its owner wished it; refused, it runs on.

    Raises:
        ProviderSilent: RunningHub does not answer; the wish stays.
    """

    def give_up(now_job: Job) -> Change | None:
        if not now_job.history.cancel_wished or now_job.state is not State.RUNNING:
            return None
        return Change(job=moves.wish_cancel(now_job, w.clock.now(), wished=False))

    try:
        stop_running(w, job)
    except Conflict:
        # A wish that stayed would ask for the same cancel at every look, and the look would never
        # come to the deadline.
        w.store.jobs.change(job.id, give_up)
