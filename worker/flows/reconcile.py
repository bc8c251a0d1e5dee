"""Late news: asking RunningHub about an attempt whose callback is overdue."""

from runhook.worker.domain import policy
from runhook.worker.errors import NotFound, ProviderSilent, StoreUnavailable, UnreadableRecord
from runhook.worker.flows.steps import deadline, transcript
from runhook.worker.flows.steps.examine import examine_attempt, worth_asking
from runhook.worker.net.faults import unforeseen
from runhook.worker.store import Again, Answer, Claim, TimelineEntry, again
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring


def examine(w: Wiring, claim: Claim) -> Answer:
    """Ask about one attempt, and say when to look again."""
    job_id, n = claim.attempt
    try:
        job = w.store.jobs.of(claim)
    except NotFound:
        return None
    # Before a turn of the pace is taken: what is settled needs no question.
    if not worth_asking(job, n):
        return None
    wait = w.store.queue.wait_for("take")
    # However crowded the pace is, a job that is long past its time is not held by it.
    if wait and not deadline.is_long_over(w, job):
        return Again(wait)
    seconds: float | None
    with transcript.of(w, job_id) as listening:
        try:
            seconds = examine_attempt(listening, job, n)
            w.store.queue.wait_for("good")
        except ProviderSilent as silent:
            w.store.queue.wait_for(silent.pace)
            note = TimelineEntry("no answer", {"attempt": n, "why": str(silent)})
            transcript.note(listening, job_id, note)
            seconds = deadline.without_answer(listening, job, n, silent)
        # None of these says anything of the task, so none may end the job.
        except (StoreUnavailable, UnreadableRecord, NotFound):
            raise
        except Exception as error:  # noqa: BLE001 - as good as silence, which has an end
            report("task.failed", lane="reconcile", duty=claim.id, exc_info=True)
            broken = ProviderSilent(unforeseen(error, policy.LONGEST_WHY))
            seconds = deadline.without_answer(listening, job, n, broken)
    return again(seconds)
