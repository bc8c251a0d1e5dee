"""Every job ends: what becomes of one whose time is over, whatever RunningHub says or does not say.

When its time is over RunningHub is asked once more. An answer that cannot be used is the last word
then. Silence is not, nor a refusal of the key: it is asked again, but not without end either.
"""

from contextlib import suppress
from datetime import datetime
from typing import Any

from runhook.worker.domain import moves, policy
from runhook.worker.domain.jobs import Job, SettledBy, State
from runhook.worker.domain.moves import Move
from runhook.worker.domain.reports import Error
from runhook.worker.errors import ProviderRefused, ProviderSilent
from runhook.worker.flows.steps import fallback, transcript
from runhook.worker.flows.steps.accept import accept
from runhook.worker.flows.steps.alerts import alert
from runhook.worker.flows.steps.outcomes import not_paid_again, requeued
from runhook.worker.store import Change, Duty, TimelineEntry
from runhook.worker.store.changes import Decision
from runhook.worker.wiring import Wiring


def since(job: Job) -> datetime:
    """From when a job's time is counted: its submit, or its owner's last word on its task."""
    sent = job.attempt.submitted_at or job.history.updated_at
    if job.attempt.unproved:
        # Proof of its owner's word may need the end of the task, so its time begins anew with it.
        return max(sent, job.attempt.unproved.at)
    return sent


def is_over(w: Wiring, job: Job) -> bool:
    """Whether the current attempt's time is over: RUNHOOK_JOB_TIMEOUT, or the time for proof."""
    return _gone(w, job) >= _limit(w, job)


def is_long_over(w: Wiring, job: Job) -> bool:
    """Whether it is so long over that the job ends even while RunningHub is silent."""
    limit = _limit(w, job)
    return _gone(w, job) >= limit + max(policy.LONGEST_SILENCE, limit)


def without_answer(w: Wiring, job: Job, n: int, silent: ProviderSilent) -> float | None:
    """RunningHub said nothing usable: seconds to the next look, or None when that was the last."""
    current = n == job.attempt.n and job.state in (State.RUNNING, State.UNCONFIRMED)
    if current and (is_long_over(w, job) or _is_last_word(w, job, silent)):
        _end_without_answer(w, job, silent)
        return None
    gone, limit = _gone(w, job), _limit(w, job)
    gap = max(policy.LEAST_GAP, gone / 4)
    if not current:
        # Only a late result could still come, for money already spent: asked seldom, and not after
        # the URLs of its outputs are dead.
        attempt = job.nth(n) or job.attempt
        past = (w.clock.now() - (attempt.ended_at or since(job))).total_seconds()
        if past >= w.client.capabilities.outputs_live.total_seconds():
            return None
        return min(policy.LATE_LOOK, gap)
    # The gaps grow with the age, so that an outage costs few calls, but a look falls on the
    # deadline.
    gap = min(policy.LONGEST_GAP, gap)
    if gone < limit:
        gap = min(gap, max(policy.SHORTEST_GAP, limit - gone))
    return gap


def end_running(w: Wiring, job: Job) -> None:
    """Its time is over: asked once more, cancelled where possible, failed.

    Raises:
        ProviderSilent: No usable answer; `without_answer` says what that means.
    """
    n, ref = job.attempt.n, job.attempt.ref or ""
    told = w.client.report(ref, job.spec.kind, legacy=job.attempt.legacy)
    by: SettledBy = "query"
    if told.state == "unknown":
        # A task that RunningHub has forgotten may have a record of its callback: one more free
        # question before a result that may be paid for is given up. What is no last word is let
        # through, for the record may be there.
        try:
            found = w.client.recorded(ref)
        except ProviderRefused as refused:
            if not _is_last_word(w, job, refused):
                raise
            found = None
        if found and found.report:
            told, by = found.report, "detail"
    accept(w, job.id, n, told, by)
    if told.state not in ("succeeded", "failed", "cancelled"):
        _time_out(w, job, f"Asked once more, it says that the task is {told.state}.")


def give_up(w: Wiring, job_id: str, n: int, said: str = "") -> None:
    """End an attempt that was not proved in time, as RUNHOOK_UNCONFIRMED says.

    It fails, and may have been charged; or it is sent again at the risk of paying twice.

    Args:
        w: The process's parts.
        job_id: Whose attempt.
        n: Which attempt.
        said: What RunningHub said last, as a sentence for the user with a space behind it.
    """

    def end(job: Job) -> Change:
        error = _unproved(w, job, said)
        # Only where its owner accepts paying twice, which is not three times, and never what its
        # owner wants cancelled.
        accepts = w.settings.unconfirmed == "resubmit" and not job.resubmitted
        if accepts and not job.history.cancel_wished:
            note = TimelineEntry("resubmitted at the risk of paying twice", {"attempt": n})
            again = moves.resubmit(job, w.clock.now())
            otherwise = _given_up(w, job, not_paid_again(error))
            return requeued(again, w, note, otherwise=otherwise)
        return _given_up(w, job, error)

    if_unconfirmed(w, job_id, n, end)


def _given_up(w: Wiring, job: Job, error: Error) -> Change:
    note = TimelineEntry("given up unconfirmed", {"attempt": job.attempt.n})
    moved = moves.end(job, Move.FAIL, None, w.clock.now(), error=error)
    duties: tuple[Duty, ...] = ()
    # With a task to ask about, a late success may still come home.
    if job.attempt.ref or job.attempt.unproved:
        duties = _late_look(job)
    return Change(job=moved, notes=(note,), duties=duties, event="job.failed")


def _unproved(w: Wiring, job: Job, said: str) -> Error:
    """Why a job fails for want of proof, and what that means for its owner's money."""
    detail: dict[str, Any] = {}
    if job.attempt.doubt:
        detail = job.attempt.doubt.detail
    charged = "charged"
    if at_risk := detail.get("money_at_risk"):
        charged = f"charged ({at_risk})"
    text = (
        f"Whether RunningHub accepted it was not proved within {w.settings.unconfirmed_after:g} s."
        f" {said}It may have been {charged}: look into the account before asking again."
    )
    return Error(code="unconfirmed", message=text, detail=detail)


def if_unconfirmed(w: Wiring, job_id: str, n: int, then: Decision) -> bool:
    """Change an attempt unless proof came meanwhile; whether it was changed."""

    def decide(job: Job) -> Change | None:
        if job.attempt.n != n or job.state is not State.UNCONFIRMED:
            return None
        return then(job)

    return transcript.change(w, job_id, decide)[0] == "done"


def _end_without_answer(w: Wiring, job: Job, silent: ProviderSilent) -> None:
    said = f"Asked for the last time, RunningHub gave no usable answer ({silent})."
    if not silent.answered:
        gone = _gone(w, job)
        # Silence to the end may leave a task that still runs and costs money, so its owner is told.
        why = f"RunningHub did not answer in the {gone:.0f} s since it was sent ({silent})"
        why = f"{why}; it may be charged"
        alert(w, job.id, job.attempt.n, "given up in silence", why, asks=False)
    if job.state is State.RUNNING:
        _time_out(w, job, said)
    else:
        give_up(w, job.id, job.attempt.n, f"{said} ")


def _time_out(w: Wiring, job: Job, said: str) -> None:
    n, after = job.attempt.n, w.settings.job_timeout
    did, duties = "It could not be cancelled there", _late_look(job)
    # Stopped there before it is failed here: a crash in between leaves a running job, which is
    # looked at again, and not a failed one whose task goes on costing money.
    stopped = _cancelled_there(w, job.attempt.ref or "")
    if stopped:
        did, duties = "It was cancelled there", ()
    other = None
    # Only behind a task that has ended: one that may still run would be paid for beside the next.
    if stopped and job.next_model and _has_ended(w, job):
        other = job.next_model

    def decide(now_job: Job) -> Change | None:
        if now_job.state is not State.RUNNING or now_job.attempt.n != n:
            return None
        error = Error(
            code="timeout",
            message=f"RunningHub did not end it within {after:g} s. {said} {did};"
            " its run time may be charged.",
            detail={"cancelled_there": stopped},
        )
        note = TimelineEntry("timeout", {"attempt": n, "cancelled": stopped, "why": said})
        if other and not now_job.history.cancel_wished:
            return fallback.go_on(w, now_job, other, "query", note, error=error)
        moved = moves.end(now_job, Move.FAIL, "query", w.clock.now(), error=error)
        return Change(job=moved, notes=(note,), duties=duties, event="job.failed")

    transcript.change(w, job.id, decide)


def _is_last_word(w: Wiring, job: Job, silent: ProviderSilent) -> bool:
    """Whether the job's time is over and asking once more would most likely bring the same."""
    over = _gone(w, job) - _limit(w, job)
    # A refused key says nothing of the task, and whoever changes a key mends it soon.
    if isinstance(silent, ProviderRefused) and w.client.explain(silent.code).refuses_key:
        return over >= min(policy.REFUSED_KEY_BORNE, _limit(w, job))
    # Silence may be an outage that ends, so it is borne for longer.
    return silent.answered and over >= 0


def _late_look(job: Job) -> tuple[Duty, ...]:
    return (Duty("reconcile", f"{job.id}/{job.attempt.n}", policy.LATE_LOOK),)


def _cancelled_there(w: Wiring, ref: str) -> bool:
    try:
        w.client.cancel(ref)
    except ProviderSilent:
        # A refusal or silence: nothing proves that it was stopped, so the risk is named.
        return False
    return True


def _has_ended(w: Wiring, job: Job) -> bool:
    """Whether RunningHub says that a task which it was asked to stop has ended without success."""
    # That it took the cancel is no proof: no page says what a cancel does to a model's task.
    with suppress(ProviderSilent):
        told = w.client.report(job.attempt.ref or "", job.spec.kind, legacy=job.attempt.legacy)
        if told.state == "succeeded":
            accept(w, job.id, job.attempt.n, told, "query")
        return told.state in ("failed", "cancelled")
    return False


def _gone(w: Wiring, job: Job) -> float:
    return (w.clock.now() - since(job)).total_seconds()


def _limit(w: Wiring, job: Job) -> float:
    if job.state is State.UNCONFIRMED:
        return w.settings.unconfirmed_after
    return w.settings.job_timeout
