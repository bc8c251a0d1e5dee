"""Cancelling a job, right in every race: free before it leaves, asked of RunningHub after."""

from runhook.worker import jobs, transcript
from runhook.worker.errors import Conflict, ProviderRefused
from runhook.worker.jobs import Job, Move, State
from runhook.worker.store import Change, Duty, Note
from runhook.worker.wiring import Wiring

COST_LOOK = 30.0  # seconds after which a cancelled task is asked what it cost


def cancel(w: Wiring, job_id: str) -> Job:
    """Cancel a job, or wish it where nobody knows yet what RunningHub has.

    Returns:
        The job: cancelled, or as it was with the wish written down.

    Raises:
        NotFound: There is no such job.
        Conflict: It has ended, or RunningHub refuses; it stays as it is.
        ProviderSilent: RunningHub does not answer; it stays running.
    """

    def decide(job: Job) -> Change | None:
        if job.state in (State.SUCCEEDED, State.FAILED):
            raise Conflict(f"{job_id} has {job.state} and cannot be cancelled")
        if job.state is State.QUEUED or (job.state is State.SENDING and not job.attempt.left_at):
            return cancelled(job, w, "before it was sent; nothing was paid")
        if job.state in (State.SENDING, State.UNCONFIRMED) and not job.life.cancel_wished:
            note = Note("cancel wished", {"attempt": job.attempt.n})
            return Change(jobs.wish_cancel(job, w.clock.now()), (note,))
        return None

    _, job = w.store.jobs.change(job_id, decide)
    if job.state is not State.RUNNING:
        return job
    with transcript.of(w, job_id) as listening:
        return stop_running(listening, job)


def cancelled(job: Job, w: Wiring, why: str) -> Change:
    """The job cancelled by its owner's word."""
    n = job.attempt.n
    moved = jobs.end(job, Move.CANCEL, "user", w.clock.now(), error=None, doubt=None)
    duties: tuple[Duty, ...] = ()
    if moved.attempt.ref:
        duties = (Duty("reconcile", f"{job.id}/{n}", COST_LOOK),)
    return Change(moved, (Note("cancelled", {"attempt": n, "why": why}),), duties, "job.cancelled")


def stop_running(w: Wiring, job: Job) -> Job:
    """Ask RunningHub to stop a running job's task.

    Raises:
        Conflict: RunningHub refuses, or the job ended first.
        ProviderSilent: RunningHub does not answer.
    """
    n, ref = job.attempt.n, job.attempt.ref or ""
    try:
        w.client.cancel(ref)
    except ProviderRefused as refused:
        why = f"RunningHub refuses to cancel it: {refused}"
        transcript.note(w, job.id, Note("cancel refused", {"attempt": n, "why": str(refused)}))
        raise Conflict(f"{why}. It stays running") from refused

    def decide(now_job: Job) -> Change | None:
        if now_job.state is not State.RUNNING or now_job.attempt.n != n:
            return None
        return cancelled(now_job, w, "RunningHub stopped it; its run time so far may be charged")

    _, after = transcript.change(w, job.id, decide)
    if after.state is not State.CANCELLED:
        raise Conflict(f"{job.id} has {after.state} before it could be cancelled")
    return after


def carry_out_wish(w: Wiring, job: Job) -> None:
    """Cancel a job whose ref came home after its owner wished it; refused, it runs on."""

    def give_up(now_job: Job) -> Change | None:
        if not now_job.life.cancel_wished or now_job.state is not State.RUNNING:
            return None
        return Change(jobs.wish_cancel(now_job, w.clock.now(), wished=False))

    try:
        stop_running(w, job)
    except Conflict:
        w.store.jobs.change(job.id, give_up)
