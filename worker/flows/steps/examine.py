"""Asking about an attempt whatever state its job is in, and when to ask again."""

from runhook.worker.domain import moves, policy
from runhook.worker.domain.jobs import Attempt, Job, State
from runhook.worker.domain.moves import Move
from runhook.worker.domain.reports import Error
from runhook.worker.flows.steps import deadline, evidence, proof, transcript
from runhook.worker.flows.steps.accept import accept
from runhook.worker.flows.steps.cancelling import carry_out_wish
from runhook.worker.flows.steps.first_look import first_look
from runhook.worker.flows.steps.outcomes import returned
from runhook.worker.money.standing import Bill, bill_of
from runhook.worker.store import Change, TimelineEntry
from runhook.worker.wiring import Wiring


def look_now(w: Wiring, job: Job) -> None:
    """Ask about a job's current attempt out of turn.

    Raises:
        ProviderSilent: RunningHub does not answer.
    """
    n = job.attempt.n
    with transcript.of(w, job.id) as w:
        # Asked by a person: also of a job that no duty looks at any more.
        examine = _examine_past
        if worth_asking(job, n):
            examine = examine_attempt
        again_in = examine(w, job, n)
    if again_in is not None:
        w.store.duties.wake("reconcile", f"{job.id}/{n}", again_in)


def worth_asking(job: Job, n: int) -> bool:
    """Whether an answer about this attempt could still be news."""
    attempt = job.nth(n)
    if attempt is None:
        return False
    if attempt is not job.attempt:
        # Of an attempt that the job went on from, only a success would be news.
        return attempt.state is not State.SUCCEEDED
    return job.state in (State.RUNNING, State.UNCONFIRMED) or _over(job)


def _over(job: Job) -> bool:
    """It ended here without RunningHub's word on its end, or on its cost."""
    return job.given_up or job.timed_out or _unpriced(job)


def _unpriced(job: Job) -> bool:
    """RunningHub had it, and may charge what nobody has said yet; a query has not been asked."""
    attempt = job.attempt
    if attempt.ref is None or attempt.settled_by == "query":
        return False
    return job.state.ended and bill_of(job, attempt) is Bill.UNPROVED


def examine_attempt(w: Wiring, job: Job, n: int) -> float | None:
    """Ask about an attempt as its job's state wants it. Asking is free.

    Returns:
        Seconds to the next look; None when nothing is left to ask.

    Raises:
        ProviderSilent: No usable answer.
    """
    if n != job.attempt.n or _over(job):
        return _examine_past(w, job, n)
    if job.state is State.UNCONFIRMED:
        return _examine_unconfirmed(w, job)
    # Before the deadline: a wish that RunningHub refuses is dropped, so the next look comes to it.
    if job.history.cancel_wished:
        carry_out_wish(w, job)
        return first_look(w, job)
    if deadline.is_over(w, job):
        deadline.end_running(w, job)
        return None
    return evidence.ask(w, job)


def _examine_unconfirmed(w: Wiring, job: Job) -> float | None:
    """A submit that may have been accepted: known by its ref, or its time for proof is over."""
    attempt = job.attempt
    # Its owner's word first: it names the task which a lost answer did not.
    if attempt.unproved:
        return proof.examine(w, job, attempt, attempt.unproved)
    # RunningHub lists no tasks: without a task id only a callback or its owner can prove anything.
    if attempt.ref is None:
        return _wait_for_proof(w, job)
    if evidence.takes_home(w, job, attempt.ref):
        return first_look(w, job)
    # One answer that it is unknown may be too early; only the last of them, after a minute, counts.
    if attempt.asked + 1 < len(policy.UNKNOWN_LOOKS):
        _count_unknown(w, job.id, attempt.n)
        return policy.UNKNOWN_LOOKS[attempt.asked + 1] - policy.UNKNOWN_LOOKS[attempt.asked]
    if attempt.doubt is None or attempt.doubt.provider_code is None:
        left = _wait_for_proof(w, job)  # nobody refused it: the id stood in an unreadable answer
        return left and min(left, policy.LONGEST_GAP)
    _refused_after_all(w, job.id, attempt)
    return None


def _wait_for_proof(w: Wiring, job: Job) -> float | None:
    """Seconds until its time for proof is over; None: it is, and the job is given up."""
    left = w.settings.unconfirmed_after - (w.clock.now() - deadline.since(job)).total_seconds()
    if left > 0:
        return left
    deadline.give_up(w, job.id, job.attempt.n)
    return None


def _examine_past(w: Wiring, job: Job, n: int) -> float | None:
    """An attempt that was given up or gone on from: its success would still be news."""
    attempt = job.nth(n)
    if attempt and attempt.unproved:
        return proof.examine(w, job, attempt, attempt.unproved)
    if attempt is None or attempt.ref is None:
        return None
    told = w.client.report(attempt.ref, job.spec.kind, legacy=attempt.legacy)
    accept(w, job.id, n, told, "query")
    # An old attempt whose task was named late has its whole time from then on.
    known = attempt.submitted_at or job.spec.created_at
    if attempt.named:
        known = attempt.named.at
    gone = (w.clock.now() - known).total_seconds()
    if told.state not in ("queued", "running") or gone > w.settings.job_timeout:
        return None
    return max(policy.LEAST_GAP, gone / 2)


def _count_unknown(w: Wiring, job_id: str, n: int) -> None:
    def once_more(job: Job) -> Change:
        asked = moves.with_attempt(job, n, w.clock.now(), asked=job.attempt.asked + 1)
        return Change(
            job=asked,
            notes=(TimelineEntry("unknown there", {"attempt": n, "ref": job.attempt.ref}),),
        )

    deadline.if_unconfirmed(w, job_id, n, once_more)


def _refused_after_all(w: Wiring, job_id: str, doubted: Attempt) -> None:
    """A task id came with an error, and RunningHub knows no such task each time it is asked."""
    n, departure = doubted.n, doubted.left_by or ""

    def refuse(job: Job) -> Change | None:
        if job.attempt.left_by != doubted.left_by:
            return None  # it left again since RunningHub was asked
        now, doubt = w.clock.now(), job.attempt.doubt
        note = TimelineEntry("refused after all", {"attempt": n, "ref": job.attempt.ref})
        # The error only asked to wait, so surely refused means: send it again.
        if job.attempt.doubt_busy:
            return returned(w, job, note, {"refused": (*job.attempt.refused, departure)})
        doubt = doubt or Error(code="unconfirmed", message="")
        error = Error(
            code="rejected",
            message=f"RunningHub refused it ({doubt.detail.get('why', '')}) and knows no such"
            f" task, asked {len(policy.UNKNOWN_LOOKS)} times. Nothing was paid.",
            provider_code=doubt.provider_code,
        )
        moved = moves.end(job, Move.FAIL, "query", now, error=error)
        return Change(job=moved, notes=(note,), event="job.failed")

    if deadline.if_unconfirmed(w, job_id, n, refuse):
        # Else this process would take it for paid, should Redis lose writes later.
        w.store.memory.answered(departure, ref=None, refused=True)
