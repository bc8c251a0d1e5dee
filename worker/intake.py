"""Taking in what RunningHub says: callbacks as they came, and the one way into a job's life.

Whatever is learnt about an attempt, from a callback, a resend, the record, a query or a submit's
own answer, goes through `accept`; who asked or how late it is does not matter.

Nothing here waits for RunningHub: the lane takes in everybody's callbacks. Those that cannot be
believed by themselves are left to `unbelieved`, which asks.
"""

from dataclasses import replace
from datetime import datetime

from runhook.worker import jobs, transcript
from runhook.worker.errors import NotFound, StoreUnavailable, UnreadableRecord
from runhook.worker.jobs import Attempt, Job, Move, SettledBy, State
from runhook.worker.outside import clean
from runhook.worker.reports import Cost, Error, Report, TaskState
from runhook.worker.runninghub import wire
from runhook.worker.runninghub.door import Unreadable
from runhook.worker.store import Callback, Change, Claim, Duty, Note
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring

EMPTY_LOOKS = (5, 15, 30, 60)  # seconds at which a success without results is asked about
FAILED_LOOK = 30  # seconds after which a failure that only a query reported is asked about again
ADOPTED_LOOK = 30.0  # seconds to the first look at an attempt that its callback brought home
ENDINGS: dict[TaskState, Move] = {
    "succeeded": Move.SUCCEED,
    "failed": Move.FAIL,
    "cancelled": Move.CANCEL,
}
EARLY_WAIT, EARLY_LONGEST = 1.0, 5.0  # seconds a callback waits for the submit's answer
# Seconds after which a callback that waits for proof is looked at here again: whoever decides on it
# says so at once, unless he is gone, of an older version or parked.
UNPROVED_LOOK = 900.0
UNBELIEVED = "callback/"  # before the attempt, the duty to ask about it for its callbacks' sake
LONGEST_WHY = 300  # characters of an exception's text


def take(w: Wiring, claim: Claim) -> None:
    """Take in an attempt's callbacks, oldest first; what becomes of one delays no other."""
    job_id, n = claim.attempt
    taken: list[Callback] = []
    waits: list[float] = []
    for callback in w.store.callbacks.waiting(job_id, n):
        if wait := _take_apart(w, job_id, n, callback):
            waits.append(wait)
        else:
            taken.append(callback)
    w.store.callbacks.drop(claim, claim.id, taken)
    claim.again_in = min(waits, default=None)


def _take_apart(w: Wiring, job_id: str, n: int, callback: Callback) -> float:
    """Take in one callback by itself; seconds to wait if it is too early to tell."""
    try:
        with transcript.of(w, job_id) as listening:
            return _take_one(listening, job_id, n, callback)
    except NotFound:
        return 0  # the job was forgotten meanwhile
    except (StoreUnavailable, UnreadableRecord):
        raise
    except Exception as error:  # noqa: BLE001 - its trouble is its own, whatever it is
        set_aside(w, job_id, n, error)
        return 0


def set_aside(w: Wiring, job_id: str, n: int, error: Exception) -> None:
    """A callback that raises what nobody foresaw is given up, and its owner told."""
    report("task.failed", lane="intake", duty=f"{job_id}/{n}", exc_info=True)
    why = f"{type(error).__name__}: {clean(str(error), LONGEST_WHY)}"
    alert(w, job_id, n, "callback set aside", f"a callback could not be taken in ({why})")


def _take_one(w: Wiring, job_id: str, n: int, callback: Callback) -> float:
    """Take in one callback; seconds to wait if it is too early to tell."""
    job = w.store.jobs.get(job_id)
    attempt = job.nth(n)
    if attempt is None:
        return 0
    try:
        told = wire.read_callback(callback.body)
    except Unreadable as error:
        report("callback.unreadable", job=job_id, attempt=n, why=str(error))
        disbelieve(w, job_id, n, f"unreadable: {error}")
        return 0
    if waits_for_proof(job, attempt, told):
        return _left_unproved(w, job, attempt, callback.at)
    if told.ref != attempt.ref:
        why = f"a callback speaks of task {told.ref}, not of {attempt.ref}"
        alert(w, job_id, n, "callback not believed", f"{why}; somebody may have this job's URL")
    elif w.settings.verify == "fetch":
        disbelieve(w, job_id, n, "RUNHOOK_VERIFY=fetch: RunningHub is asked first")
    else:
        accept(w, job_id, n, told, callback.by)
    return 0


def waits_for_proof(job: Job, attempt: Attempt, told: Report) -> bool:
    """Whether a callback speaks of an attempt whose submit's answer has not told its task."""
    if attempt.ref is None:
        return True
    unconfirmed = job.state is State.UNCONFIRMED and attempt is job.attempt
    return unconfirmed and told.ref == attempt.ref


def is_early(w: Wiring, job: Job, attempt: Attempt, at: datetime) -> bool:
    """Whether the submit's answer may still be on its way to a callback that came then."""
    sending = job.state is State.SENDING and attempt is job.attempt
    return sending and (w.clock.now() - at).total_seconds() < EARLY_LONGEST


def _left_unproved(w: Wiring, job: Job, attempt: Attempt, at: datetime) -> float:
    """Leave a callback where it is for those who may wait for RunningHub; seconds to a look."""
    if is_early(w, job, attempt, at):
        return EARLY_WAIT  # the answer's record wakes this duty
    asking = asked_for(job.id, attempt.n)
    w.store.duties.wake(asking.lane, asking.id)
    return UNPROVED_LOOK


def asked_for(job_id: str, n: int) -> Duty:
    """The duty to ask about an attempt for its callbacks' sake, as often as that is allowed."""
    return Duty("reconcile", f"{UNBELIEVED}{job_id}/{n}")


def alert(w: Wiring, job_id: str, n: int, what: str, why: str, *, asks: bool = True) -> None:
    """Something about an attempt that its owner must hear of.

    Args:
        w: The process's parts.
        job_id: Whose attempt.
        n: Which attempt.
        what: What the timeline calls it.
        why: What happened, and what it means.
        asks: Have RunningHub asked about the attempt for it, if it has not ended.
    """
    report("alert", job=job_id, attempt=n, why=why)

    def decide(job: Job) -> Change:
        open_ = job.state in (State.RUNNING, State.UNCONFIRMED) and n == job.attempt.n
        duties = (asked_for(job_id, n),) if asks and open_ else ()
        note = Note(what, {"attempt": n, "why": why})
        return Change(job, (note,), duties, "runhook.alert", why=why)

    transcript.change(w, job_id, decide)


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
    """

    def decide(job: Job) -> Change | None:
        attempt, now = job.nth(n), w.clock.now()
        if attempt is None or (attempt.ref == ref and job.state is not State.UNCONFIRMED):
            return None
        if attempt.ref not in (None, ref) and not instead:
            return None
        if attempt is job.attempt and jobs.may(job, Move.ACCEPT):
            return accepted(job, ref, now, "adopted", ADOPTED_LOOK)
        note = Note("adopted", {"attempt": n, "ref": ref})
        duties = (Duty("reconcile", f"{job_id}/{n}", ADOPTED_LOOK),)
        return Change(jobs.with_attempt(job, n, now, ref=ref), (note,), duties)

    _, job = transcript.change(w, job_id, decide)
    attempt = job.nth(n)
    return attempt is not None and attempt.ref == ref


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
    note = Note(what, {"attempt": n, "ref": ref})
    duty = Duty("reconcile", f"{job.id}/{n}", 0 if job.life.cancel_wished else look)
    return Change(jobs.accept(job, ref, now), (note,), (duty,), "job.running", "open")


def requeued(job: Job, w: Wiring, *notes: Note) -> Change:
    """In the line again with a new attempt; its owner's time for it begins anew."""
    return Change(job, notes, expiry(w, job), "job.queued")


def expiry(w: Wiring, job: Job) -> tuple[Duty, ...]:
    """The duty to fail a job that is still queued when its owner's time for it is over."""
    if job.expires_at is None:
        return ()
    left = max(0.0, (job.expires_at - w.clock.now()).total_seconds())
    return (Duty("reconcile", f"expiry/{job.id}", left),)


def expired(w: Wiring, job: Job) -> Change:
    """Its owner's time for it is over before it was sent."""
    seconds = job.ask.options["expires_in"]
    error = Error(
        "expired",
        f"It was still queued {seconds:g} s after it was asked for (expires_in). Nothing was paid.",
    )
    moved = jobs.end(job, Move.FAIL, None, w.clock.now(), error=error)
    return Change(moved, (Note("expired", {"attempt": job.attempt.n}),), event="job.failed")


def disbelieve(w: Wiring, job_id: str, n: int, why: str) -> None:
    """A callback is not believed: RunningHub is asked about an attempt that has not ended."""
    transcript.note(w, job_id)
    w.store.jobs.hasten(job_id, n, Note("callback not believed", {"attempt": n, "why": why}))


def accept(w: Wiring, job_id: str, n: int, told: Report, by: SettledBy) -> str:
    """Take in what RunningHub says of an attempt, whoever heard it.

    Args:
        w: The process's parts.
        job_id: Whose attempt.
        n: Which attempt.
        told: What RunningHub says. Its ref is the attempt's.
        by: How it was learnt.

    Returns:
        `done` if it changed the job, else `kept`.
    """

    def decide(job: Job) -> Change | None:
        attempt = job.nth(n)
        if attempt is None or told.state not in ENDINGS:
            return None
        if told.state == "succeeded" and not told.outputs:
            return _ask_again_for_results(w, job, attempt, told, by)
        unsure = by == "query" and job.state is State.RUNNING
        if told.state == "failed" and unsure and _fresh_failure(w, attempt):
            return _ask_again_for_failure(w, job, attempt, told)
        return _settled(w, job, attempt, told, by)

    word, job = transcript.change(w, job_id, decide)
    if word == "done":
        report("job.moved", job=job_id, attempt=n, state=job.state.value, by=by)
    return word


def _settled(w: Wiring, job: Job, attempt: Attempt, told: Report, by: SettledBy) -> Change | None:
    now = w.clock.now()
    changes = jobs.results(replace(told, cost=_priced(w, told.cost)), now)
    note = Note(
        told.state,
        {"attempt": attempt.n, "ref": told.ref, "by": by, "outputs": len(told.outputs)}
        | ({"left_out": "; ".join(told.left_out)} if told.left_out else {}),
    )
    if attempt is not job.attempt:
        return _earlier_settled(w, job, attempt, changes, told, by)
    late = told.state == "succeeded" and job.state is State.FAILED
    if job.state is State.RUNNING and _worth_another(job, told):
        again = jobs.another_attempt(
            job, Move.RETRY, now, ended=State.FAILED, risk=False, settled_by=by, **changes
        )
        return requeued(again, w, note, Note("paid again", {"attempt": again.attempt.n}))
    if job.state is State.RUNNING or late:
        moved = jobs.end(job, ENDINGS[told.state], by, now, **changes)
        return Change(moved, (note,), event=f"job.{moved.state}")
    if job.given_up or job.timed_out:
        known = _known_after_all(job, attempt, told, {**changes, "settled_by": by})
        kept = jobs.with_attempt(job, attempt.n, now, **known) if known else None
        return Change(kept, (note,)) if kept else None
    news = (told.outputs and not attempt.outputs) or (told.cost and not attempt.cost)
    if job.state is State.CANCELLED and news:
        found = {"ref": told.ref, "outputs": changes["outputs"], "cost": changes["cost"]}
        kept = jobs.with_attempt(job, attempt.n, now, **found)
        note = Note("arrived after cancel", {"ref": told.ref, "by": by, "state": told.state})
        return Change(kept, (note,))
    return None  # the same news again


def _known_after_all(
    job: Job, attempt: Attempt, told: Report, changes: dict[str, object]
) -> dict[str, object] | None:
    """What RunningHub says of a task that failed here for want of its word: it stays failed."""
    error = attempt.error
    if job.given_up:
        return changes
    if error is None or error.detail.get("ended_there"):
        return None
    detail = {**error.detail, "ended_there": told.state}
    return {"error": replace(error, detail=detail), "cost": changes["cost"] or attempt.cost}


def _priced(w: Wiring, cost: Cost | None) -> Cost | None:
    """A cost with the account's currency."""
    return replace(cost, currency=w.settings.currency) if cost and cost.money else cost


def _worth_another(job: Job, told: Report) -> bool:
    """RunningHub's own infrastructure failed, and the owner allowed to pay for another attempt."""
    if told.state != "failed" or told.error is None or job.life.cancel_wished:
        return False
    return job.retries_left > 0 and told.error.detail.get("infrastructure") is True


def _earlier_settled(
    w: Wiring, job: Job, attempt: Attempt, changes: dict[str, object], told: Report, by: SettledBy
) -> Change | None:
    """News of an attempt that the job has gone on from."""
    now = w.clock.now()
    if attempt.state is State.SUCCEEDED or told.state != "succeeded":
        return None
    end_state = {"state": State.SUCCEEDED, "settled_by": by, "ended_at": now}
    note = Note("an earlier attempt succeeded", {"attempt": attempt.n, "ref": told.ref, "by": by})
    kept = jobs.with_attempt(job, attempt.n, now, **changes, **end_state)
    if job.state is State.QUEUED or (job.state is State.SENDING and not job.attempt.left_at):
        # The new attempt never left, so it is dropped and the earlier one settles the job.
        life = replace(kept.life, attempts=kept.life.attempts[:-1], settled=attempt.n)
        moved = jobs.end(replace(kept, life=life), Move.SUCCEED, by, now)
        return Change(moved, (note,), event="job.succeeded")
    why = f"attempt {attempt.n} succeeded too; both may be charged"
    report("alert", job=job.id, attempt=attempt.n, ref=told.ref, why=why)
    return Change(kept, (note,), event="runhook.alert", why=why)


def _ask_again_for_results(
    w: Wiring, job: Job, attempt: Attempt, told: Report, by: SettledBy
) -> Change | None:
    """Success without results: asked again for a minute, then it failed."""
    if attempt is not job.attempt or job.state is not State.RUNNING:
        return None
    now, cost = w.clock.now(), _priced(w, told.cost) or attempt.cost
    since = attempt.empty_since or now
    gone = (now - since).total_seconds()
    after = next((look - gone for look in EMPTY_LOOKS if look > gone + 0.5), None)
    if after is None:
        error = Error(
            "no_output",
            "RunningHub reports success without results, each time it is asked. It may be charged.",
        )
        moved = jobs.end(job, Move.FAIL, by, now, error=error, cost=cost)
        return Change(moved, (Note("no results", {"attempt": attempt.n}),), event="job.failed")
    asked = jobs.with_attempt(job, attempt.n, now, empty_since=since, cost=cost)
    note = Note("success without results", {"attempt": attempt.n, "by": by, "again_in": after})
    return Change(asked, (note,), (Duty("reconcile", f"{job.id}/{attempt.n}", after),))


def _fresh_failure(w: Wiring, attempt: Attempt) -> bool:
    seen = attempt.failure_seen_at
    return seen is None or (w.clock.now() - seen).total_seconds() < FAILED_LOOK - 0.5


def _ask_again_for_failure(w: Wiring, job: Job, attempt: Attempt, told: Report) -> Change | None:
    """A failure that only a query reports may be followed by success: asked once more."""
    if attempt is not job.attempt or job.state is not State.RUNNING:
        return None
    now = w.clock.now()
    since = attempt.failure_seen_at or now
    after = FAILED_LOOK - (now - since).total_seconds()
    seen = jobs.with_attempt(job, attempt.n, now, failure_seen_at=since)
    why = told.error.message if told.error else ""
    note = Note("query says failed", {"attempt": attempt.n, "why": why, "again_in": after})
    return Change(seen, (note,), (Duty("reconcile", f"{job.id}/{attempt.n}", after),))
