"""Cancelling a job, right in every race: free before it leaves, asked of RunningHub after."""

from runhook.worker.domain import moves
from runhook.worker.domain.jobs import Job, State
from runhook.worker.errors import Conflict
from runhook.worker.flows.steps import transcript
from runhook.worker.flows.steps.cancelling import stop_running
from runhook.worker.flows.steps.outcomes import cancelled
from runhook.worker.store import Change, TimelineEntry
from runhook.worker.wiring import Wiring


def cancel(w: Wiring, job_id: str, *, tree: bool = False) -> Job:
    """Cancel a job, or wish it where nobody knows yet what RunningHub has.

    Args:
        w: The process's parts.
        job_id: Which.
        tree: Cancel with it what waits for it, and what waits for that; else those fail, free.

    Returns:
        The job: cancelled, or as it was with the wish written down.

    Raises:
        NotFound: There is no such job.
        Conflict: It has ended, or RunningHub refuses; it stays as it is.
        ProviderSilent: RunningHub does not answer; it stays running.
    """
    _, job = w.store.jobs.change(job_id, lambda job: _decided(w, job, tree))
    # Asked outside of the change: a decision may be made several times, and RunningHub is asked
    # once.
    if job.state is not State.RUNNING:
        return job
    with transcript.of(w, job_id) as listening:
        return stop_running(listening, job)


def _decided(w: Wiring, job: Job, tree: bool) -> Change | None:
    """What can be done here without asking RunningHub."""
    if job.state in (State.SUCCEEDED, State.FAILED):
        raise Conflict(f"{job.id} has {job.state} and cannot be cancelled")
    # Not one byte has left: a sender that is about to start is told no when it asks whether it may.
    if job.state is State.QUEUED or (job.state is State.SENDING and not job.attempt.left_at):
        return cancelled(job, w, "before it was sent; nothing was paid", tree=tree)
    # Without a task id nothing can be cancelled there; whatever brings the id carries out the wish.
    # Of what waits for it the last word counts, also where RunningHub did not answer the first.
    wished = job.history.cancel_wished and job.history.cancel_tree == tree
    if job.state in (State.SENDING, State.UNCONFIRMED) and not wished:
        note = TimelineEntry("cancel wished", {"attempt": job.attempt.n})
        return Change(job=moves.wish_cancel(job, w.clock.now(), tree=tree), notes=(note,))
    # Before RunningHub is asked: its callback may tell of the end before its answer does.
    if job.state is State.RUNNING and job.history.cancel_tree != tree:
        return Change(job=moves.with_waiters(job, w.clock.now(), wished=tree))
    return None
