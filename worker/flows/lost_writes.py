"""When Redis has lost writes: the queue stops, and what may have been paid is written down again.

A fail-over to a replica that was behind, a power loss or an old dump can make Redis forget that a
request left. Sent again, it would be paid twice; so nothing leaves until its owner says so.
"""

from dataclasses import replace

from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.reports import Uncertain
from runhook.worker.errors import NotFound
from runhook.worker.flows.steps.first_look import first_look
from runhook.worker.flows.steps.outcomes import accepted, left_unconfirmed
from runhook.worker.store import Change, Departure, TimelineEntry
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring

WHY = (
    "Redis has lost writes: it may have forgotten that a paid request left. Look into the alerts "
    "and into RunningHub's account, then `runhook resume`"
)


def stop_the_queue(w: Wiring) -> int:
    """Redis has forgotten a token that this process was given: stop the queue and say so.

    Returns:
        The number of the loss, which every process then finds in Redis.

    Raises:
        StoreUnavailable: Redis does not answer or refuses.
    """
    memory = w.store.memory
    report("redis.lost_writes", fence=memory.fence)
    return w.store.queue.lost_writes(memory.process, memory.fence, WHY, f"{WHY}.")


def write_down_again(w: Wiring) -> None:
    """Have Redis know of every departure that this process remembers and RunningHub did not refuse.

    Raises:
        StoreUnavailable: Redis does not answer or refuses.
    """
    for departure in w.store.memory.may_be_paid():
        _write_down(w, departure)


def _write_down(w: Wiring, departure: Departure) -> None:
    def decide(job: Job) -> Change | None:
        attempt = job.nth(departure.n)
        # Redis has it, or has the proof that it was refused: this one was not lost.
        if attempt is None or departure.token in (attempt.left_by, *attempt.refused):
            return None
        # Whatever became of it, nobody sends this attempt again.
        if attempt is not job.attempt or job.state not in (State.QUEUED, State.SENDING):
            return None
        if attempt.left_at is not None:
            return _left_twice(w, job, departure)
        return _forgotten(w, job, departure)

    try:
        moved, job = w.store.jobs.change(departure.job, decide)
    except NotFound:
        _alert(w, departure, "Redis has forgotten the job")
        return
    attempt = job.nth(departure.n)
    # Alerted once the change is written: `decide` may be called several times.
    if attempt and departure.token in attempt.refused:
        return
    if attempt is None or attempt.left_by not in (None, departure.token):
        _alert(w, departure, "Redis forgot that its request left, and it left again")
    elif moved == "done":
        _alert(w, departure, "Redis forgot that its request left; it is written down again")


def _left_twice(w: Wiring, job: Job, departure: Departure) -> Change:
    """It has left again before anybody noticed: too late to prevent, so it is said."""
    history = replace(job.history, updated_at=w.clock.now(), risk=True)
    note = TimelineEntry("left twice", {"attempt": departure.n, "ref": departure.ref})
    return Change(job=replace(job, history=history), notes=(note,))


def _forgotten(w: Wiring, job: Job, departure: Departure) -> Change:
    if departure.ref:
        found = accepted(
            job,
            departure.ref,
            w.clock.now(),
            "accepted, and forgotten by Redis",
            first_look(w, job),
        )
    else:
        lost = Uncertain(why="Redis lost what was written about it after it left")
        found = left_unconfirmed(w, job, lost)
    return replace(found, left=departure.token)


def _alert(w: Wiring, departure: Departure, why: str) -> None:
    text = f"{departure.job}, attempt {departure.n}: {why}. RunningHub may charge it"
    if departure.ref:
        text = f"{text} as task {departure.ref}"
    text = f"{text}."
    report("alert", job=departure.job, attempt=departure.n, ref=departure.ref, why=text)
    w.store.events.alert(departure.job, text)
