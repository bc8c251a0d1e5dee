"""What may become of a job, each as the change that several flows make of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from runhook.worker.domain import moves, policy
from runhook.worker.domain.jobs import Job, SettledBy
from runhook.worker.domain.moves import Move
from runhook.worker.domain.reports import Error, Uncertain
from runhook.worker.errors import InvalidRequest
from runhook.worker.flows.steps.pricing import quote_of, with_money
from runhook.worker.store import Change, Duty, TimelineEntry
from runhook.worker.store.changes import Breaker
from runhook.worker.wiring import Wiring

# Why a job is not paid again although its owner allowed it.
NO_BUDGET = "the day's budget (RUNHOOK_BUDGET_DAY) has no room for another attempt"
EXPIRY = "expiry/"  # before the job, the duty to fail it when its owner's time for it is over


def returned(
    w: Wiring,
    job: Job,
    note: TimelineEntry,
    attempt: Mapping[str, Any] | None = None,
    **change: Any,
) -> Change:
    """Surely not accepted: back to the queue, unless its owner wished it cancelled meanwhile."""
    if job.history.cancel_wished:
        # A task's id may have come with the refusal; without it nothing is held for a bill.
        free = moves.with_attempt(job, job.attempt.n, w.clock.now(), ref=None)
        ended = cancelled(free, w, "it was not accepted; nothing was paid")
        # `change` goes along: a breaker trips for everybody, though this job ends here.
        return replace(ended, notes=(note, *ended.notes), **change)
    back = moves.back_to_queue(job, w.clock.now(), **(attempt or {}))
    # The duty to expire it may have come due while it was sending, and found nothing to do.
    return Change(job=back, notes=(note,), duties=expiry(w, job), **change)


def left_unconfirmed(w: Wiring, job: Job, answer: Uncertain) -> Change:
    """It may have been accepted: unconfirmed until proof comes or its time for that is over."""
    now, n = w.clock.now(), job.attempt.n
    risk, charged = _money_at_risk(job), "charged"
    if risk:
        charged = f"charged ({risk})"
    message = (
        f"RunningHub's answer is missing ({answer.why}). It may have been accepted and {charged}; "
        "it is not sent again without proof."
    )
    detail = {"why": answer.why, "money_at_risk": risk}
    error = Error(code="unconfirmed", message=message, provider_code=answer.code, detail=detail)
    moved = moves.move(
        job,
        Move.LOSE_SIGHT,
        now,
        ref=answer.ref,
        doubt=error,
        doubt_busy=answer.busy,
        submitted_at=now,
        asked=0,
    )
    after: float = w.settings.unconfirmed_after
    if answer.ref:
        after = policy.UNKNOWN_LOOKS[0]
    note = TimelineEntry("unconfirmed", {"attempt": n, "why": answer.why, "ref": answer.ref})
    # Intake too: its callback may have come first, and waits for this.
    duties = (Duty("reconcile", f"{job.id}/{n}", after), Duty("intake", f"{job.id}/{n}"))
    # What hid this answer may hide the next one, so no more money is put at risk.
    breaker: Breaker = "trip"
    if answer.outage:
        breaker = "trip-ask"
    return Change(
        job=moved,
        notes=(note,),
        duties=duties,
        event="job.unconfirmed",
        breaker=breaker,
        why=answer.why,
    )


def _money_at_risk(job: Job) -> str | None:
    """What the attempt costs if it was accepted, by the catalogue; None where that is not known."""
    quote = quote_of(job)
    if quote is None or quote.money is None:
        return None
    return f"{quote.money:f} {quote.currency}"


def cancelled(job: Job, w: Wiring, why: str, *, tree: bool = False) -> Change:
    """The job cancelled by its owner's word; `tree`: with those that wait for it."""
    n, now = job.attempt.n, w.clock.now()
    if tree:
        job = moves.with_waiters(job, now)
    moved = moves.end(job, Move.CANCEL, "user", now, error=None, doubt=None)
    duties: tuple[Duty, ...] = ()
    # The run time until it was stopped is charged; RunningHub tells how much a little later.
    if moved.attempt.ref:
        duties = (Duty("reconcile", f"{job.id}/{n}", policy.COST_LOOK),)
    return Change(
        job=moved,
        notes=(TimelineEntry("cancelled", {"attempt": n, "why": why}),),
        duties=duties,
        event="job.cancelled",
    )


def accepted(job: Job, ref: str, now: datetime, what: str, look: float) -> Change:
    """RunningHub has the current attempt under this ref, however that was learnt.

    Args:
        job: The job.
        ref: The task's id.
        now: The moment.
        what: What the timeline calls it.
        look: Seconds until it is asked about if nothing comes.
    """
    n = job.attempt.n
    note = TimelineEntry(what, {"attempt": n, "ref": ref})
    if job.history.cancel_wished:
        # The wish waited for a task id to cancel: carried out at once, while every second costs.
        look = 0
    duty = Duty("reconcile", f"{job.id}/{n}", look)
    return Change(
        job=moves.accept(job, ref, now),
        notes=(note,),
        duties=(duty,),
        event="job.running",
        breaker="reset",
    )


def requeued(job: Job, w: Wiring, *notes: TimelineEntry, otherwise: Change | None = None) -> Change:
    """In the queue again with a new attempt; its owner's time for it begins anew.

    Args:
        job: With the new attempt.
        w: The process's parts.
        notes: What its timeline says of it.
        otherwise: What becomes of it where the day's budget has no room for the new attempt.

    Raises:
        InvalidRequest: There is a budget, nobody knows what to hold of it, and `otherwise` is none.
    """
    try:
        again = with_money(w, job)
    except InvalidRequest:
        if otherwise is None:
            raise
        return otherwise
    return Change(
        job=again,
        notes=notes,
        duties=expiry(w, again),
        event="job.queued",
        otherwise=otherwise,
    )


def not_paid_again(error: Error) -> Error:
    """Why a job failed, and why it was not paid again."""
    return replace(error, message=f"{error.message} It is not paid again: {NO_BUDGET}.")


def ended_unpaid(
    w: Wiring, job: Job, by: SettledBy, *notes: TimelineEntry, error: Error, **attempt: Any
) -> Change:
    """It failed, and would be paid again were there room for that in the day's budget."""
    now, said = w.clock.now(), not_paid_again(error)
    failed = moves.end(job, Move.FAIL, by, now, error=said, **attempt)
    note = TimelineEntry("not paid again", {"attempt": job.attempt.n, "why": NO_BUDGET})
    return Change(job=failed, notes=(*notes, note), event="job.failed")


def expiry(w: Wiring, job: Job) -> tuple[Duty, ...]:
    """The duty to fail a job that is still queued when its owner's time for it is over."""
    if job.expires_at is None:
        return ()
    left = max(0.0, (job.expires_at - w.clock.now()).total_seconds())
    return (Duty("reconcile", f"{EXPIRY}{job.id}", left),)


def expired(w: Wiring, job: Job) -> Change:
    """Its owner's time for it is over before it was sent."""
    seconds = job.spec.options["expires_in"]
    error = Error(
        code="expired",
        message=f"It was still queued {seconds} s after it was asked for (expires_in)."
        " Nothing was paid.",
    )
    moved = moves.end(job, Move.FAIL, None, w.clock.now(), error=error)
    return Change(
        job=moved, notes=(TimelineEntry("expired", {"attempt": job.attempt.n}),), event="job.failed"
    )
