"""Telling: an event's deliveries are opened, and each handler is told until it has heard."""

import random

from worker import handlers
from worker.document import job_document
from worker.errors import NotFound
from worker.handlers import Event, Handler, Outcome
from worker.jobs import State
from worker.store import Claim, Delivery, StoredEvent, Turn
from worker.telemetry import report
from worker.wiring import Wiring

JITTER = 0.2
UNKNOWN_LOOK = 60.0  # seconds until a delivery whose handler this process lacks is tried again


def open_event(w: Wiring, claim: Claim) -> None:
    """Open a delivery for every handler that wants this event; doing it again opens none twice."""
    try:
        event = w.store.deliveries.event(claim.id)
    except NotFound:
        return
    only = event.job.ask.handlers
    wanted = [
        (handler.name, jittered(w.settings.retry_schedule[0]))
        for handler in w.store.processes.handlers()
        if (only is None or handler.name in only)
        and handlers.wants(handler.types, handler.model, event.type, event.job.ask.model)
    ]
    if wanted:
        w.store.deliveries.open(event, wanted)


def deliver(w: Wiring, claim: Claim) -> None:
    """Tell one handler of one event, and write down how it went."""
    try:
        delivery = w.store.deliveries.get(claim.id)
    except NotFound:
        return
    if delivery.state != "pending":
        return
    handler = w.handlers.get(delivery.handler)
    if handler is None:
        report("handler.unknown", handler=delivery.handler, delivery=delivery.id)
        claim.again_in = UNKNOWN_LOOK
        return
    n = w.store.deliveries.begin(claim)
    turn = _tell(w, claim, delivery, handler, n)
    w.store.deliveries.record(claim, delivery, n, turn)
    report(
        "delivery.recorded",
        delivery=delivery.id,
        state=turn.state,
        outcome=turn.outcome,
        n=n,
        why=turn.why,
    )


def _tell(w: Wiring, claim: Claim, delivery: Delivery, handler: Handler, n: int) -> Turn:
    try:
        event = w.store.deliveries.event(delivery.event)
    except NotFound:
        return Turn("dead", "lost", 0, "the event was removed before the handler could be told")
    if event.type == "job.failed" and event.state_now is State.SUCCEEDED:
        return Turn("superseded", "superseded", 0, "success came late and is told instead")
    if n > len(w.settings.retry_schedule):
        return Turn("dead", "lost", 0, "its last attempt never came back")
    with w.store.duties.renewing(claim):
        outcome = handlers.run(handler, told(event))
    return _turn(w, outcome, n)


def told(event: StoredEvent) -> Event:
    """An event as a Python handler sees it."""
    job = handlers.attributes(job_document(event.job))
    return Event(event.id, event.type, event.time, job, event.previous_state)


def jittered(seconds: float) -> float:
    """Give or take a fifth, so that many do not come back at the same moment."""
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311


def _turn(w: Wiring, outcome: Outcome, n: int) -> Turn:
    schedule = w.settings.retry_schedule
    match outcome.word:
        case "done":
            return Turn("done", "done", outcome.took)
        case "dead":
            return Turn("dead", "stopped", outcome.took, outcome.why)
        case _ if n >= len(schedule):
            why = f"{outcome.why}; that was the last of {len(schedule)} attempts"
            return Turn("dead", outcome.word, outcome.took, why)
        case "again" if outcome.after is not None:
            return Turn("pending", "again", outcome.took, outcome.why, max(0.0, outcome.after))
        case _:
            return Turn("pending", outcome.word, outcome.took, outcome.why, jittered(schedule[n]))
