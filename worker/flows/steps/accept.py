"""The one way into a job's life for whatever RunningHub says of an attempt."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from runhook.worker.domain import moves, policy
from runhook.worker.domain.jobs import Attempt, Job, SettledBy, State
from runhook.worker.domain.moves import Move
from runhook.worker.domain.reports import Cost, Error, Report, TaskState, amounts
from runhook.worker.flows.steps import fallback, transcript
from runhook.worker.flows.steps.archiving import archiving
from runhook.worker.flows.steps.outcomes import accepted, ended_unpaid, requeued
from runhook.worker.money.sentences import bill_sentence
from runhook.worker.money.standing import Bill, bill_of
from runhook.worker.store import Change, Closing, Duty, TimelineEntry
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring

# What settles an attempt. `queued`, `running` and `unknown` change nothing here: whoever asked
# decides when to ask again.
ENDINGS: dict[TaskState, Move] = {
    "succeeded": Move.SUCCEED,
    "failed": Move.FAIL,
    "cancelled": Move.CANCEL,
}


def adopt(w: Wiring, job_id: str, n: int, ref: str, *, instead: bool = False) -> bool:
    """Proof came that RunningHub has the attempt under this ref.

    Args:
        w: The process's parts.
        job_id: Whose attempt.
        n: Which attempt.
        ref: The task's id.
        instead: Its owner says so, of an attempt that has another ref too. Else the first stays:
            the submit's own answer may have come while RunningHub was asked about this one.

    Returns:
        Whether it is the attempt's now.

    Raises:
        NotFound: There is no such job.
    """

    def decide(job: Job) -> Change | None:
        attempt, now = job.nth(n), w.clock.now()
        if attempt is None or (attempt.ref == ref and job.state is not State.UNCONFIRMED):
            return None
        if attempt.ref not in (None, ref) and not instead:
            return None
        if attempt is job.attempt and moves.may(job, Move.ACCEPT):
            return accepted(job, ref, now, "adopted", policy.ADOPTED_LOOK)
        # An attempt that the job went on from, or that failed unproved: its state stays until
        # RunningHub says how the task ended, so only the ref is kept and asked about.
        note = TimelineEntry("adopted", {"attempt": n, "ref": ref})
        duties = (Duty("reconcile", f"{job_id}/{n}", policy.ADOPTED_LOOK),)
        return Change(job=moves.with_attempt(job, n, now, ref=ref), notes=(note,), duties=duties)

    _, job = transcript.change(w, job_id, decide)
    attempt = job.nth(n)
    return attempt is not None and attempt.ref == ref


def accept(
    w: Wiring,
    job_id: str,
    n: int,
    told: Report,
    by: SettledBy,
    closing: Closing | None = None,
) -> str:
    """Apply what RunningHub reports of an attempt, whichever way the report came.

    A success that is paid for is never dropped: one that comes late turns `failed` into
    `succeeded`, and one of an earlier or cancelled attempt is kept beside the job's state.

    Args:
        w: The process's parts.
        job_id: Whose attempt.
        n: Which attempt.
        told: The report. Its ref is the attempt's.
        by: How it was learnt.
        closing: The end of the duty, if this is its last work.

    Returns:
        `done` if it changed the job, else `kept`.

    Raises:
        NotFound: There is no such job.
    """

    def decide(job: Job) -> Change | None:
        return archiving(w, job, n, _decided(w, job, n, told, by))

    moved, job = transcript.change(w, job_id, decide, closing)
    if moved == "done":
        report("job.moved", job=job_id, attempt=n, state=job.state.value, by=by)
    return moved


def _decided(w: Wiring, job: Job, n: int, told: Report, by: SettledBy) -> Change | None:
    """What a report means for a job as it is."""
    attempt = job.nth(n)
    if attempt is None or told.state not in ENDINGS:
        return None
    # Results may become readable a little after the success; settled now, they would be lost
    # although they are paid for.
    if told.state == "succeeded" and not told.outputs:
        return _ask_again_for_results(w, job, attempt, told, by)
    # What a query calls failed may still succeed, and a failure that was delivered cannot be
    # taken back.
    unsure = by == "query" and job.state is State.RUNNING
    if told.state == "failed" and unsure and _fresh_failure(w, attempt):
        return _ask_again_for_failure(w, job, attempt, told)
    return _settled(w, job, attempt, told, by)


def _settled(w: Wiring, job: Job, attempt: Attempt, told: Report, by: SettledBy) -> Change | None:
    now = w.clock.now()
    expires_at = now + w.client.capabilities.outputs_live
    cost = _cost_after(w, attempt, told)
    priced = replace(told, cost=cost, error=_with_bill(job, told, cost))
    changes = moves.results(priced, expires_at)
    # What is known of its outputs stays, where copies are kept too: later news names them again, or
    # none.
    changes["outputs"] = attempt.outputs or changes["outputs"]
    detail: dict[str, Any] = {"attempt": attempt.n, "ref": told.ref, "by": by}
    detail["outputs"] = len(told.outputs)
    if told.left_out:
        detail["left_out"] = "; ".join(told.left_out)
    note = TimelineEntry(told.state, detail)
    if attempt is not job.attempt:
        return _earlier_settled(w, job, attempt, changes, told, by)
    late = told.state == "succeeded" and job.state is State.FAILED
    if again := _another(w, job, told, by, note, changes):
        return again
    if job.state is State.RUNNING or late:
        moved = moves.end(job, ENDINGS[told.state], by, now, **changes)
        duties = _cost_look(moved, by)
        return Change(job=moved, notes=(note,), duties=duties, event=f"job.{moved.state}")
    if job.given_up or job.timed_out:
        known = _known_after_all(job, attempt, told, {**changes, "settled_by": by})
        if known is None:
            return None
        return Change(job=moves.with_attempt(job, attempt.n, now, **known), notes=(note,))
    news = (told.outputs and not attempt.outputs) or (cost and not attempt.cost)
    if job.state is State.CANCELLED and news:
        found = {"ref": told.ref, "outputs": changes["outputs"], "cost": changes["cost"]}
        kept = moves.with_attempt(job, attempt.n, now, **found)
        note = TimelineEntry(
            "arrived after cancel", {"ref": told.ref, "by": by, "state": told.state}
        )
        return Change(job=kept, notes=(note,))
    return _cost_told_late(job, attempt, changes, now)


def _cost_look(job: Job, by: SettledBy) -> tuple[Duty, ...]:
    """A question what it cost, of a job that ended with news which named no amount.

    The older callback of workflows tells its run time alone; the answer to a query has the amount.
    """
    if by == "query" or bill_of(job, job.attempt) is not Bill.UNPROVED:
        return ()
    return (Duty("reconcile", f"{job.id}/{job.attempt.n}", policy.COST_LOOK),)


def _cost_told_late(
    job: Job, attempt: Attempt, changes: dict[str, Any], now: datetime
) -> Change | None:
    """A cost that was not told before, or was told otherwise; all else is the same news again."""
    cost: Cost | None = changes["cost"]
    # Answers differ in what they say besides; only what was charged is news.
    if cost is None or not cost.names_amount:
        return None
    if attempt.cost and _charged(cost) == _charged(attempt.cost):
        return None
    note = TimelineEntry("cost told late", {"attempt": attempt.n, "cost": ", ".join(amounts(cost))})
    return Change(job=moves.with_attempt(job, attempt.n, now, cost=cost), notes=(note,))


def _charged(cost: Cost) -> tuple[str | None, str | None]:
    return cost.money, cost.coins


def _known_after_all(
    job: Job, attempt: Attempt, told: Report, changes: dict[str, object]
) -> dict[str, object] | None:
    """What RunningHub says of a task that failed here for want of its word: it stays failed."""
    error = attempt.error
    # With proof at last, all of it is news: its ref, its outputs and what it cost.
    if job.given_up:
        return changes
    if error is None or error.detail.get("ended_there"):
        return None
    # What has ended there will not be charged later, so a retry is no risk any more: `at_risk`
    # reads this mark.
    detail = {**error.detail, "ended_there": told.state}
    return {"error": replace(error, detail=detail), "cost": changes["cost"]}


def _with_bill(job: Job, told: Report, cost: Cost | None) -> Error | None:
    """Why a task failed, with what is known of its bill."""
    if told.error is None:
        return None
    bill = bill_sentence(job.spec.kind, told.state, cost)
    return replace(told.error, message=f"{told.error.message} {bill}")


def _cost_after(w: Wiring, attempt: Attempt, told: Report) -> Cost | None:
    """What is known of an attempt's cost, which news that names none leaves as it was."""
    cost = told.cost
    if cost is None:
        return attempt.cost
    if cost.money:
        # RunningHub names an amount without its currency, which depends on the site.
        cost = replace(cost, currency=w.settings.currency)
    return (attempt.cost or Cost()).corrected(cost)


def _another(
    w: Wiring,
    job: Job,
    told: Report,
    by: SettledBy,
    note: TimelineEntry,
    changes: dict[str, Any],
) -> Change | None:
    """Another attempt where a failure is RunningHub's own and the owner allowed to pay for one.

    First of the same model, as often as `retries` says, and then of the next one of `fallback`.
    """
    # Another attempt costs money, so never one that its owner wants cancelled.
    if job.state is not State.RUNNING or told.state != "failed" or job.history.cancel_wished:
        return None
    # A fault of the graph or of its content would only fail again, at the same price.
    heals = told.error is not None and told.error.detail.get("infrastructure") is True
    if heals and job.retries_left > 0:
        again = moves.another_attempt(
            job,
            Move.RETRY,
            w.clock.now(),
            ended=State.FAILED,
            risk=False,
            model=job.attempt.model,
            settled_by=by,
            **changes,
        )
        paid = TimelineEntry("paid again", {"attempt": again.attempt.n})
        otherwise = ended_unpaid(w, job, by, note, **changes)
        return requeued(again, w, note, paid, otherwise=otherwise)
    if other := fallback.model_after(w, job, told.error):
        return fallback.go_on(w, job, other, by, note, **changes)
    return None


def _earlier_settled(
    w: Wiring, job: Job, attempt: Attempt, changes: dict[str, Any], told: Report, by: SettledBy
) -> Change | None:
    """News of an attempt that the job has gone on from."""
    now = w.clock.now()
    # That it failed is why there is another attempt; only its success is news, and only once.
    if attempt.state is State.SUCCEEDED or told.state != "succeeded":
        return _cost_told_late(job, attempt, changes, now)
    end_state = {"state": State.SUCCEEDED, "settled_by": by, "ended_at": now}
    note = TimelineEntry(
        "an earlier attempt succeeded", {"attempt": attempt.n, "ref": told.ref, "by": by}
    )
    kept = moves.with_attempt(job, attempt.n, now, **changes, **end_state)
    if job.unsent and job.state is State.CANCELLED:  # it stays so
        return Change(job=kept, notes=(note,))
    if job.unsent:
        settled = moves.settle_by(kept, attempt.n, now)
        return Change(job=settled, notes=(note,), event="job.succeeded")
    # The new attempt has left: neither payment can be taken back here, so the owner is told of
    # both.
    why = f"attempt {attempt.n} ({job.model_of(attempt)}) succeeded too; both may be charged"
    report("alert", job=job.id, attempt=attempt.n, ref=told.ref, why=why)
    return Change(job=kept, notes=(note,), event="runhook.alert", why=why)


def _ask_again_for_results(
    w: Wiring, job: Job, attempt: Attempt, told: Report, by: SettledBy
) -> Change | None:
    """Success without results: asked again for a minute, then it failed."""
    if attempt is not job.attempt or job.state is not State.RUNNING:
        return None
    now, cost = w.clock.now(), _cost_after(w, attempt, told)
    since = attempt.empty_since or now
    gone = (now - since).total_seconds()
    ahead = (look - gone for look in policy.EMPTY_LOOKS if look > gone + policy.EARLY_BY)
    after = next(ahead, None)
    if after is None:
        # Its cost is kept without its results: RunningHub may charge for such a run.
        error = Error(
            code="no_output",
            message="RunningHub reports success without results, each time it is asked."
            " It may be charged.",
        )
        moved = moves.end(job, Move.FAIL, by, now, error=error, cost=cost)
        return Change(
            job=moved,
            notes=(TimelineEntry("no results", {"attempt": attempt.n}),),
            event="job.failed",
        )
    asked = moves.with_attempt(job, attempt.n, now, empty_since=since, cost=cost)
    note = TimelineEntry(
        "success without results", {"attempt": attempt.n, "by": by, "again_in": after}
    )
    return Change(
        job=asked, notes=(note,), duties=(Duty("reconcile", f"{job.id}/{attempt.n}", after),)
    )


def _fresh_failure(w: Wiring, attempt: Attempt) -> bool:
    seen = attempt.failure_seen_at
    if seen is None:
        return True
    return (w.clock.now() - seen).total_seconds() < policy.FAILED_LOOK - policy.EARLY_BY


def _ask_again_for_failure(w: Wiring, job: Job, attempt: Attempt, told: Report) -> Change | None:
    """A failure that only a query reports may be followed by success: asked once more."""
    if attempt is not job.attempt or job.state is not State.RUNNING:
        return None
    now = w.clock.now()
    since = attempt.failure_seen_at or now
    after = policy.FAILED_LOOK - (now - since).total_seconds()
    seen = moves.with_attempt(job, attempt.n, now, failure_seen_at=since)
    detail: dict[str, Any] = {"attempt": attempt.n, "why": "", "again_in": after}
    if told.error:
        detail["why"] = told.error.message
    note = TimelineEntry("query says failed", detail)
    return Change(
        job=seen, notes=(note,), duties=(Duty("reconcile", f"{job.id}/{attempt.n}", after),)
    )
