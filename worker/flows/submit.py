"""The one paid request of each attempt, and what its answer means."""

from dataclasses import replace

from runhook.worker.domain import moves, policy
from runhook.worker.domain.jobs import Attempt, Job, State
from runhook.worker.domain.moves import Move
from runhook.worker.domain.reports import (
    Accepted,
    Busy,
    Error,
    NeverLeft,
    Refused,
    SubmitAnswer,
    Uncertain,
)
from runhook.worker.errors import NotDurable, NotFound, StoreUnavailable, UnreadableRecord
from runhook.worker.flows.steps import fallback, refusals, transcript
from runhook.worker.flows.steps.accept import accept
from runhook.worker.flows.steps.departure import DepartureCheck, say_that_it_is_gone
from runhook.worker.flows.steps.earlier import settled_instead
from runhook.worker.flows.steps.first_look import first_look
from runhook.worker.flows.steps.outcomes import accepted, left_unconfirmed, returned
from runhook.worker.flows.steps.prepare import Unready, request_of
from runhook.worker.net.faults import unforeseen
from runhook.worker.store import Change, Claim, Closing, Duty, Lease, TimelineEntry, may_leave
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring


def send(w: Wiring, claim: Claim) -> None:
    """Send one job's paid request, unless an earlier holder may have sent it.

    No other flow costs money.

    Raises:
        StoreUnavailable: Redis does not answer. Whether the request left is on record there, so
            the duty can be done again without paying twice.
        UnreadableRecord: The job's record is not for this version; nothing was sent.
    """
    job_id, n = claim.attempt
    try:
        job = w.store.jobs.of(claim)
    except NotFound:
        return
    # A duty is done again when its holder's lease runs out: what is settled is not sent.
    if job.state is not State.SENDING or job.attempt.n != n:
        return
    # It left, and nobody wrote down what came of it: sent again it might be paid twice.
    if job.attempt.left_at is not None:
        lost = Uncertain(
            why="the worker that sent it ended before it wrote the answer down", outage=True
        )
        _settle_answer(w, job_id, n, lost, job.attempt.left_by, w.store.duties.closing(claim))
        return
    # Before it is prepared: behind a breaker that tripped since, an upload would be in vain.
    if not may_leave(claim):
        _return_unsent(w, claim)
        return
    w = transcript.listening(w)
    with w.store.duties.renewing(claim) as lease:
        answer = refusals.sorted_out(w, _send(w, claim, lease, job))
    if answer is None:  # the breaker tripped at the last moment, or another holder has the turn
        _return_unsent(w, claim)
        return
    _take_answer(w, claim, answer)


def _take_answer(w: Wiring, claim: Claim, answer: SubmitAnswer) -> None:
    """Remember what came of a submit, log it, and write it down."""
    job_id, n = claim.attempt
    departure = w.store.memory.departure(claim.token)
    ref = None
    if isinstance(answer, Accepted):
        ref = answer.ref
    refused = isinstance(answer, Refused | Busy | NeverLeft)
    # In memory before it is in Redis: should Redis lose it, this process still knows what may be
    # paid.
    w.store.memory.answered(departure, ref=ref, refused=refused)
    report(
        "submit.answered",
        job=job_id,
        attempt=n,
        answer=type(answer).__name__,
        why=getattr(answer, "why", getattr(answer, "message", None)),
    )
    try:
        _settle_answer(w, job_id, n, answer, departure, w.store.duties.closing(claim))
    except NotFound:
        say_that_it_is_gone(w, job_id, n, answer)


def _send(w: Wiring, claim: Claim, lease: Lease, job: Job) -> SubmitAnswer | None:
    """Prepare the request and send it; None when it may not leave now."""
    try:
        wanted = request_of(w, job)
    except Unready as unready:
        # Not one byte left, and why is said in the words of an answer, so all go one way from here.
        return unready.why
    except StoreUnavailable:
        raise
    except UnreadableRecord as unreadable:
        if unreadable.newer:
            return NeverLeft(why=f"{unreadable}.", again_in=policy.UNREADABLE_LOOK)
        return NeverLeft(why=f"{unreadable}.", counted=True)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this job's and free
        report("task.failed", lane="send", duty=claim.id, exc_info=True)
        return NeverLeft(why=f"{unforeseen(error, policy.LONGEST_WHY)}.", counted=True)
    departing = DepartureCheck(w, claim, lease, job)
    try:
        answer = w.client.submit(wanted, departing.may_leave)
    except StoreUnavailable:
        raise
    # As if RunningHub were busy: the breaker trips, for the next departure would be no safer.
    except NotDurable as undurable:
        report("redis.not_durable", why=str(undurable))
        return Busy(code="not_durable", message=f"{undurable}")
    except Exception as error:  # noqa: BLE001 - who pays is known all the same
        report("task.failed", lane="send", duty=claim.id, exc_info=True)
        why = f"{unforeseen(error, policy.LONGEST_WHY)}."
        # The request may be paid for whatever raised here, so it is never sent again by itself.
        if departing.left:
            return Uncertain(why=f"its answer could not be read: {why}")
        return NeverLeft(why=why, counted=True)
    if departing.held_up:
        return NeverLeft(
            why="its process was held up until its turn was over.", again_in=policy.NOT_LEFT_ASIDE
        )
    return answer


def _return_unsent(w: Wiring, claim: Claim) -> None:
    """Back to the queue if nobody let it leave: free, and the breaker stays as it is.

    A departure of this claim may be on record, where Redis's word that it may leave came too late:
    not one byte left, whatever others took it for since.
    """
    job_id, n = claim.attempt
    mine = w.store.memory.departure(claim.token)

    def decide(job: Job) -> Change | None:
        attempt, sending = job.attempt, job.state is State.SENDING
        own = attempt.left_by == mine and job.state in (State.SENDING, State.UNCONFIRMED)
        if attempt.n != n or not (own or (sending and not attempt.left_at)):
            return None
        note = TimelineEntry("may not leave now", {"attempt": n})
        back = returned(w, job, note, aside=policy.NOT_LEFT_ASIDE)
        return settled_instead(job, back, w.clock.now())

    w.store.jobs.change(job_id, decide, claim=claim, closing=w.store.duties.closing(claim))


def _settle_answer(
    w: Wiring,
    job_id: str,
    n: int,
    answer: SubmitAnswer,
    departure: str | None,
    closing: Closing | None = None,
) -> None:
    """Write down what came of a submit, known by its departure.

    An answer to an earlier attempt is kept with it; one to an earlier departure of this attempt
    says nothing of the later one.
    """

    def decide(job: Job) -> Change | None:
        attempt = job.nth(n)
        if attempt is None:
            return None
        current = attempt is job.attempt and attempt.left_by in (None, departure)
        if not current or job.state not in (State.SENDING, State.UNCONFIRMED):
            return _late_answer(w, job, attempt, answer)
        return _after_answer(w, job, answer)

    if isinstance(answer, Accepted) and answer.report:
        transcript.change(w, job_id, decide)
        accept(w, job_id, n, answer.report, "submit", closing)
    else:
        transcript.change(w, job_id, decide, closing)
    transcript.note(w, job_id)


def _after_answer(w: Wiring, job: Job, answer: SubmitAnswer) -> Change | None:
    now, n = w.clock.now(), job.attempt.n
    sending = job.state is State.SENDING
    match answer:
        case Accepted(ref):
            return accepted(job, ref, now, "accepted", first_look(w, job))
        case Refused(error, other_path=True) if not job.attempt.legacy:
            note = TimelineEntry("not on this path", {"attempt": n, "code": error.provider_code})
            # It speaks of the key and not of this job, so the others are spared the same refusal.
            w.store.assets.let_apps_go_legacy()
            return returned(w, job, note, {"legacy": True})
        case Refused():
            return _refused(w, job, answer)
        case Busy():
            return _busy(w, job, answer)
        case NeverLeft():
            return _never_left(w, job, answer)
        # Of an unconfirmed one the first doubt stays, with its time for proof.
        case Uncertain() if sending:
            return left_unconfirmed(w, job, answer)
    return None  # unconfirmed already, and this proves nothing more


def _busy(w: Wiring, job: Job, busy: Busy) -> Change:
    """Back to the queue, and a breaker trips: everybody's, or that of its own machines."""
    detail = {"attempt": job.attempt.n, "code": busy.code, "why": busy.message}
    what, line = "busy", "main"
    if busy.advice:
        what = "key refused"
    if busy.own_machines:
        line = w.client.line_of(job.spec.options)
    entry = TimelineEntry(what, detail)
    back = returned(w, job, entry, breaker="trip", breaker_of=line, why=busy.message)
    return replace(back, advice=busy.advice)


def _never_left(w: Wiring, job: Job, answer: NeverLeft) -> Change:
    """Back to the queue; what one request needs is not tried without end."""
    note = TimelineEntry("never left", {"attempt": job.attempt.n, "why": answer.why})
    # Nobody's trouble: neither counted against the job nor the queue's.
    if answer.again_in is not None:
        return returned(w, job, note, aside=answer.again_in)
    # RunningHub cannot be reached, which every other job would find too.
    if not answer.counted:
        return returned(w, job, note, breaker="trip-ask", why=answer.why)
    unready = job.attempt.unready + 1
    if unready > len(policy.OWN_TROUBLE):
        message = f"It was not sent: {answer.why} This was so {unready} times. Nothing was paid."
        code = "asset"
        if answer.code:
            code = "rejected"
        return _refused(
            w,
            job,
            Refused(Error(code=code, message=message, provider_code=answer.code), sent=False),
        )
    aside = policy.OWN_TROUBLE[unready - 1]
    return returned(w, job, note, {"unready": unready}, aside=aside)


def _refused(w: Wiring, job: Job, refused: Refused) -> Change:
    now, n, error = w.clock.now(), job.attempt.n, refused.error
    what, submitted_at = "not sent", None
    if refused.sent:
        what, submitted_at = "refused", now
    detail = {"attempt": n, "code": error.provider_code or error.code, "why": error.message}
    note = TimelineEntry(what, detail)
    # What was not sent fails for its file or its price, and what is unconfirmed waits for proof.
    may_go_on = refused.sent and job.state is State.SENDING
    if may_go_on and (other := fallback.model_after(w, job, error)):
        return fallback.go_on(w, job, other, "submit", note, error=error, submitted_at=now)
    moved = moves.end(job, Move.FAIL, "submit", now, error=error, submitted_at=submitted_at)
    return Change(job=moved, notes=(note,), event="job.failed")


def _late_answer(w: Wiring, job: Job, attempt: Attempt, answer: SubmitAnswer) -> Change | None:
    """An answer after the attempt was given up, or after its callback: a fact to keep."""
    if not isinstance(answer, Accepted) or attempt.ref == answer.ref:
        return None
    now = w.clock.now()
    # What was taken for refused was accepted: it must not leave a second time.
    if attempt is job.attempt and job.state is State.QUEUED:
        return accepted(job, answer.ref, now, "accepted late", first_look(w, job))
    note = TimelineEntry("accepted late", {"attempt": attempt.n, "ref": answer.ref})
    # A ref that it already has stays: this one is in the timeline and in the alert.
    kept = moves.with_attempt(job, attempt.n, now, ref=attempt.ref or answer.ref)
    which = f"attempt {attempt.n} ({job.model_of(attempt)})"
    why = f"RunningHub accepted {which}, which was given up; it may be charged"
    report("alert", job=job.id, attempt=attempt.n, ref=answer.ref, why=why)
    duty = Duty("reconcile", f"{job.id}/{attempt.n}")
    return Change(job=kept, notes=(note,), duties=(duty,), event="runhook.alert", why=why)
