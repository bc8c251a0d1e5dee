"""What becomes of jobs that wait for one that has ended: queued, failed or cancelled, all free."""

from collections.abc import Iterator

from runhook.worker import catalogue
from runhook.worker.domain import moves, policy
from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.moves import Move
from runhook.worker.domain.outputs import output_names
from runhook.worker.domain.reports import Error
from runhook.worker.errors import NotFound, StoreUnavailable
from runhook.worker.flows.steps.outcomes import cancelled
from runhook.worker.store import Again, Answer, Change, Claim, TimelineEntry
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring

WAITERS = "waiters/"  # before the job, the duty to settle those who wait for it


def settle(w: Wiring, claim: Claim) -> Answer:
    """Settle those who wait for a job that has ended, or is no more; thousands in several turns.

    What becomes of one delays no other. Each is decided on by itself and as it is then, so whoever
    was cancelled or expired meanwhile stays so, and doing it again changes nothing.

    Raises:
        StoreUnavailable: Redis does not answer.
        UnreadableRecord: The job's record is not for this version, or that of one who waits.
    """
    job_id = claim.id.removeprefix(WAITERS)
    try:
        job = w.store.jobs.get(job_id)
    except NotFound:
        job = None
    if job and not job.state.ended:
        return None  # it was retried meanwhile, and its next end brings this duty again
    settled, trouble = 0, None
    for waiter in _waiters(w, job_id):
        try:
            _settle_one(w, job_id, job, waiter)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - it is that job's own
            report("task.failed", lane=claim.lane, duty=waiter, exc_info=True)
            trouble = error
            continue
        settled += 1
        if settled == policy.SETTLED_AT_ONCE:
            return Again(0)
    if trouble:
        raise trouble
    return None


def _waiters(w: Wiring, job_id: str) -> Iterator[str]:
    behind = ""
    while names := w.store.lineage.waiters(job_id, behind, policy.SETTLED_AT_ONCE):
        yield from names
        behind = names[-1]


def _settle_one(w: Wiring, job_id: str, job: Job | None, waiter: str) -> None:
    def decide(waiting: Job) -> Change | None:
        if waiting.state is not State.QUEUED or job_id not in waiting.history.waits_for:
            return None
        return _settled(w, waiting, job_id, job)

    try:
        moved, _ = w.store.jobs.change(waiter, decide)
    except NotFound:
        moved = "kept"
    # A change takes it out of the list itself.
    if moved == "kept":
        w.store.lineage.leave(job_id, waiter)


def _settled(w: Wiring, waiting: Job, job_id: str, job: Job | None) -> Change:
    if job is None:
        return _failed(w, waiting, job_id, "is not kept any more")
    if job.state is State.CANCELLED and job.history.cancel_tree:
        why = f"{job_id}, which it waited for, was cancelled with all that waits; nothing was paid"
        return cancelled(waiting, w, why, tree=True)
    if job.state is not State.SUCCEEDED:
        return _failed(w, waiting, job_id, job.state.became)
    count = len(job.attempt.outputs)
    files = catalogue.file_values(waiting.spec.model, waiting.spec.input)
    named = (one.n for one in output_names(files) if one.job == job_id)
    wanted = max(named, default=0)
    if wanted >= count:
        return _failed(
            w, waiting, job_id, f"has no output {wanted}: it made {count}, counted from 0"
        )
    left = [other for other in waiting.history.waits_for if other != job_id]
    note = TimelineEntry("input ready", {"job": job_id, "waits_for": len(left)})
    return Change(job=moves.wait_for(waiting, left, w.clock.now()), notes=(note,))


def _failed(w: Wiring, waiting: Job, job_id: str, why: str) -> Change:
    error = Error(
        code="input_failed",
        message=f"It needs an output of {job_id}, which {why}. It was not sent, nothing was paid.",
        detail={"job": job_id},
    )
    moved = moves.end(waiting, Move.FAIL, None, w.clock.now(), error=error)
    note = TimelineEntry("input failed", {"job": job_id, "why": why})
    return Change(job=moved, notes=(note,), event="job.failed")
