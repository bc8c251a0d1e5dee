"""What a callback may be taken for before RunningHub was asked about it."""

from datetime import datetime

from runhook.worker.domain import policy
from runhook.worker.domain.jobs import Attempt, Job, State
from runhook.worker.domain.reports import Report
from runhook.worker.flows.steps.alerts import alert
from runhook.worker.net.faults import unforeseen
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring


def set_aside(w: Wiring, job_id: str, n: int, error: Exception) -> None:
    """Give up a callback that raised an unforeseen error, and alert the job's owner.

    RunningHub is asked about an attempt that has not ended, so no result that is paid for is lost.
    """
    # The log gets the traceback. The alert leaves this machine, so it gets only what the exception
    # says.
    report("task.failed", lane="intake", duty=f"{job_id}/{n}", exc_info=True)
    why = unforeseen(error, policy.LONGEST_WHY)
    alert(w, job_id, n, "callback set aside", f"a callback could not be taken in ({why})")


def waits_for_proof(job: Job, attempt: Attempt, told: Report) -> bool:
    """Whether a callback is about an attempt whose task the answer to its submit has not proved."""
    if attempt.ref is None:
        return True
    # A task id that came with an error proves nothing by itself, and nor does a callback that names
    # it: RunningHub must know the task.
    unconfirmed = job.state is State.UNCONFIRMED and attempt is job.attempt
    return unconfirmed and told.ref == attempt.ref


def is_early(w: Wiring, job: Job, attempt: Attempt, at: datetime) -> bool:
    """Whether the submit's answer may still be on its way to a callback that came then."""
    # The answer to the submit will name the task; asking now would spend a call on the same news.
    sending = job.state is State.SENDING and attempt is job.attempt
    return sending and (w.clock.now() - at).total_seconds() < policy.EARLY_LONGEST
