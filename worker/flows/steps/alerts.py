"""Alerts to an attempt's owner."""

from runhook.worker.domain.jobs import Job, State
from runhook.worker.flows.steps import transcript
from runhook.worker.store import Change, Duty, TimelineEntry
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring

VERIFY = "callback/"  # before the attempt, the duty to ask about it for its callbacks' sake


def asked_for(job_id: str, n: int) -> Duty:
    """The duty to ask about an attempt for its callbacks' sake, as often as that is allowed."""
    return Duty("reconcile", f"{VERIFY}{job_id}/{n}")


def alert(w: Wiring, job_id: str, n: int, what: str, why: str, *, asks: bool = True) -> None:
    """Alert an attempt's owner by the log, the timeline and an event; the job's state stays.

    Args:
        w: The process's parts.
        job_id: Whose attempt.
        n: Which attempt.
        what: What the timeline calls it.
        why: What happened, and what it may cost.
        asks: Have RunningHub asked about the attempt for it, if it has not ended.
    """
    # Logged first: the log has it even if Redis is away and cannot take the event.
    report("alert", job=job_id, attempt=n, why=why)

    def decide(job: Job) -> Change:
        # An ended attempt has nothing left to prove, so no call is spent on it.
        open_ = job.state in (State.RUNNING, State.UNCONFIRMED) and n == job.attempt.n
        duties: tuple[Duty, ...] = ()
        if asks and open_:
            duties = (asked_for(job_id, n),)
        note = TimelineEntry(what, {"attempt": n, "why": why})
        return Change(job=job, notes=(note,), duties=duties, event="runhook.alert", why=why)

    transcript.change(w, job_id, decide)
