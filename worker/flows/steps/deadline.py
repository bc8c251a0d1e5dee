"""Every job ends: what becomes of one whose time is over, whatever RunningHub says or does not say.

When its time is over RunningHub is asked once more. An answer that cannot be used is the last word
then. Silence is not: it is asked again, but not without end either.
"""

from contextlib import suppress
from datetime import datetime

from runhook.worker.domain import jobs
from runhook.worker.domain.jobs import Job, Move, SettledBy, State
from runhook.worker.domain.reports import Error
from runhook.worker.errors import ProviderRefused, ProviderSilent
from runhook.worker.flows.steps import transcript
from runhook.worker.flows.steps.accept import accept
from runhook.worker.flows.steps.alerts import alert
from runhook.worker.flows.steps.outcomes import requeued
from runhook.worker.store import Change, Duty, TimelineEntry
from runhook.worker.store.changes import Decision
from runhook.worker.wiring import Wiring

LEAST_GAP, LONGEST_GAP = 5.0, 300.0  # seconds between two questions that bring no answer
# Seconds of silence that a job is held for beyond its time: an outage of an hour costs nobody his
# result, and a longer time-out bears a longer one.
LONGEST_SILENCE = 3600.0
# Seconds after which a task that was not stopped there is asked about for the last time: its result
# lives for a day, and what is still running then is paid for anyway.
LATE_LOOK = 3600.0
RESULTS_LIVE = 86400.0  # seconds after its end in which a task may still bring something


def since(job: Job) -> datetime:
    """From when a job's time is counted: its submit, or its owner's last word on its task."""
    sent = job.attempt.submitted_at or job.history.updated_at
    return max(sent, job.attempt.unproved.at) if job.attempt.unproved else sent


def is_over(w: Wiring, job: Job) -> bool:
    """Whether the current attempt's time is over."""
    return _gone(w, job) >= _limit(w, job)


def is_long_over(w: Wiring, job: Job) -> bool:
    """Whether not even silence holds it any more."""
    limit = _limit(w, job)
    return _gone(w, job) >= limit + max(LONGEST_SILENCE, limit)


def without_answer(w: Wiring, job: Job, n: int, silent: ProviderSilent) -> float | None:
    """RunningHub said nothing usable: seconds to the next look, or None when that was the last."""
    current = n == job.attempt.n and job.state in (State.RUNNING, State.UNCONFIRMED)
    long_over = is_long_over(w, job)
    if current and (long_over or (silent.answered and is_over(w, job))):
        _end_without_answer(w, job, silent)
        return None
    gone, limit = _gone(w, job), _limit(w, job)
    gap = max(LEAST_GAP, gone / 4)
    if not current:
        attempt = job.nth(n) or job.attempt
        past = (w.clock.now() - (attempt.ended_at or since(job))).total_seconds()
        return min(LATE_LOOK, gap) if past < RESULTS_LIVE else None
    gap = min(LONGEST_GAP, gap)
    return gap if gone >= limit else min(gap, max(0.1, limit - gone))


def end_running(w: Wiring, job: Job) -> None:
    """Its time is over: asked once more, cancelled where possible, failed.

    Raises:
        ProviderSilent: No usable answer; `without_answer` says what that means.
    """
    n, ref = job.attempt.n, job.attempt.ref or ""
    told = w.client.report(ref, legacy=job.legacy(job.attempt))
    by: SettledBy = "query"
    if told.state == "unknown":
        with suppress(ProviderRefused):
            found = w.client.recorded(ref)
            told, by = (found.report, "detail") if found and found.report else (told, by)
    accept(w, job.id, n, told, by)
    if told.state not in ("succeeded", "failed", "cancelled"):
        _time_out(w, job, f"Asked once more, it says that the task is {told.state}.")


def give_up(w: Wiring, job_id: str, n: int, said: str = "") -> None:
    """No proof came in time: the owner's setting says what becomes of it."""

    def end(job: Job) -> Change:
        now = w.clock.now()
        if w.settings.unconfirmed == "resubmit" and not job.history.cancel_wished:
            note = TimelineEntry("resubmitted at the risk of paying twice", {"attempt": n})
            again = jobs.another_attempt(
                job, Move.RESUBMIT, now, ended=State.UNCONFIRMED, risk=True
            )
            return requeued(again, w, note)
        after = w.settings.unconfirmed_after
        detail = job.attempt.doubt.detail if job.attempt.doubt else {}
        risk = f" ({detail['money_at_risk']})" if detail.get("money_at_risk") else ""
        error = Error(
            "unconfirmed",
            f"Whether RunningHub accepted it was not proved within {after:g} s. {said}It may have"
            f" been charged{risk}: look into the account before asking again.",
            detail=detail,
        )
        note = TimelineEntry("given up unconfirmed", {"attempt": n})
        duties = _late_look(job) if job.attempt.ref or job.attempt.unproved else ()
        moved = jobs.end(job, Move.FAIL, None, now, error=error)
        return Change(moved, (note,), duties, "job.failed")

    if_unconfirmed(w, job_id, n, end)


def if_unconfirmed(w: Wiring, job_id: str, n: int, then: Decision) -> bool:
    """Change an attempt unless proof came meanwhile; whether it was changed."""

    def decide(job: Job) -> Change | None:
        still = job.attempt.n == n and job.state is State.UNCONFIRMED
        return then(job) if still else None

    return transcript.change(w, job_id, decide)[0] == "done"


def _end_without_answer(w: Wiring, job: Job, silent: ProviderSilent) -> None:
    said = f"Asked for the last time, RunningHub gave no usable answer ({silent})."
    if not silent.answered:
        gone = _gone(w, job)
        why = f"RunningHub did not answer in the {gone:.0f} s since it was sent ({silent})"
        why = f"{why}; it may be charged"
        alert(w, job.id, job.attempt.n, "given up in silence", why, asks=False)
    if job.state is State.RUNNING:
        _time_out(w, job, said)
    else:
        give_up(w, job.id, job.attempt.n, f"{said} ")


def _time_out(w: Wiring, job: Job, said: str) -> None:
    n, after = job.attempt.n, w.settings.job_timeout
    stopped = _cancelled_there(w, job.attempt.ref or "")

    def decide(now_job: Job) -> Change | None:
        if now_job.state is not State.RUNNING or now_job.attempt.n != n:
            return None
        did = "It was cancelled there" if stopped else "It could not be cancelled there"
        error = Error(
            "timeout",
            f"RunningHub did not end it within {after:g} s. {said} {did}; its run time may be"
            " charged.",
            detail={"cancelled_there": stopped},
        )
        note = TimelineEntry("timeout", {"attempt": n, "cancelled": stopped, "why": said})
        moved = jobs.end(now_job, Move.FAIL, "query", w.clock.now(), error=error)
        return Change(moved, (note,), () if stopped else _late_look(now_job), "job.failed")

    transcript.change(w, job.id, decide)


def _late_look(job: Job) -> tuple[Duty, ...]:
    return (Duty("reconcile", f"{job.id}/{job.attempt.n}", LATE_LOOK),)


def _cancelled_there(w: Wiring, ref: str) -> bool:
    try:
        w.client.cancel(ref)
    except ProviderSilent:
        return False
    return True


def _gone(w: Wiring, job: Job) -> float:
    return (w.clock.now() - since(job)).total_seconds()


def _limit(w: Wiring, job: Job) -> float:
    unconfirmed = job.state is State.UNCONFIRMED
    return w.settings.unconfirmed_after if unconfirmed else w.settings.job_timeout
