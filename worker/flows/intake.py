"""Taking in callbacks as they came.

Nothing here waits for RunningHub: the lane takes in everybody's callbacks. Those that cannot be
believed by themselves are left to `verify`, which asks.
"""

from datetime import datetime

from runhook.worker.domain import policy
from runhook.worker.domain.jobs import Attempt, Job
from runhook.worker.domain.provider import Unreadable
from runhook.worker.errors import NotFound, StoreUnavailable, UnreadableRecord
from runhook.worker.flows.steps import transcript
from runhook.worker.flows.steps.accept import accept
from runhook.worker.flows.steps.alerts import alert, asked_for
from runhook.worker.flows.steps.callbacks import is_early, set_aside, waits_for_proof
from runhook.worker.store import Again, Answer, Callback, Claim, Closing, Handed, TimelineEntry
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring


def take(w: Wiring, claim: Claim) -> Answer:
    """Take in an attempt's callbacks, oldest first; what becomes of one delays no other.

    Raises:
        StoreUnavailable: Redis does not answer; the callbacks stay.
        UnreadableRecord: The job's record is not for this version; the callbacks stay.
    """
    taken: list[Callback] = []
    waits: list[float] = []
    callbacks = w.store.callbacks.of(claim)
    for callback in callbacks:
        # What the last one changes ends the duty too, in the same script.
        closing = None
        if callback is callbacks[-1] and not waits:
            closing = w.store.duties.closing(claim)
            closing.forgets(claim.id, [one.entry for one in (*taken, callback)])
        if wait := _take_apart(w, claim, callback, closing):
            waits.append(wait)
        else:
            taken.append(callback)
    if claim.turn.over:
        return Handed.OVER
    # Last, and only those that were looked at: if this process dies before, they are taken in
    # again, which changes nothing twice, and one that came meanwhile stays.
    w.store.callbacks.drop(claim, claim.id, taken)
    if waits:
        return Again(min(waits))
    return None


def _take_apart(w: Wiring, claim: Claim, callback: Callback, closing: Closing | None) -> float:
    """Take in one callback by itself; seconds to wait if it is too early to tell."""
    job_id, n = claim.attempt
    try:
        with transcript.of(w, job_id) as listening:
            return _take_one(listening, claim, callback, closing)
    except NotFound:
        return 0  # the job was forgotten meanwhile
    # Nobody has decided on the callback, so it stays where it is for the next try.
    except (StoreUnavailable, UnreadableRecord):
        raise
    except Exception as error:  # noqa: BLE001 - its trouble is its own, whatever it is
        set_aside(w, job_id, n, error)
        return 0


def _take_one(w: Wiring, claim: Claim, callback: Callback, closing: Closing | None) -> float:
    """Take in one callback; seconds to wait if it is too early to tell."""
    job_id, n = claim.attempt
    job = w.store.jobs.of(claim)
    attempt = job.nth(n)
    if attempt is None:
        return 0
    try:
        told = w.client.read_callback(callback.body)
    except Unreadable as error:
        report("callback.unreadable", job=job_id, attempt=n, why=str(error))
        # Set aside and not tried again: it will read no better. RunningHub can be asked instead.
        disbelieve(w, job_id, n, f"unreadable: {error}")
        return 0
    if waits_for_proof(job, attempt, told):
        return _left_unproved(w, job, attempt, callback.at)
    # Not settled by it: whoever knows the URL could end the job with results of another task.
    if told.ref != attempt.ref:
        why = f"a callback speaks of task {told.ref}, not of {attempt.ref}"
        alert(w, job_id, n, "callback not believed", f"{why}; somebody may have this job's URL")
    elif w.settings.verify == "fetch":
        disbelieve(w, job_id, n, "RUNHOOK_VERIFY=fetch: RunningHub is asked first")
    else:
        accept(w, job_id, n, told, callback.by, closing)
    return 0


def _left_unproved(w: Wiring, job: Job, attempt: Attempt, at: datetime) -> float:
    """Leave a callback where it is for those who may wait for RunningHub; seconds to a look."""
    if is_early(w, job, attempt, at):
        return policy.EARLY_WAIT  # the answer's record wakes this duty
    # By another lane: a question may take seconds, in which nobody's callbacks would be taken in.
    asking = asked_for(job.id, attempt.n)
    w.store.duties.wake(asking.lane, asking.id)
    return policy.UNPROVED_LOOK


def disbelieve(w: Wiring, job_id: str, n: int, why: str) -> None:
    """A callback is not believed: RunningHub is asked about an attempt that has not ended."""
    transcript.note(w, job_id)
    w.store.jobs.reconcile_now(
        job_id, n, TimelineEntry("callback not believed", {"attempt": n, "why": why})
    )
