"""Working through a lane: each duty that is due is claimed in its turn, done, and put down."""

import threading
import time
from dataclasses import dataclass, field

from runhook.worker.domain import policy
from runhook.worker.domain.frozen import evolve
from runhook.worker.domain.lanes import LANES
from runhook.worker.errors import StoreUnavailable
from runhook.worker.flows.lanes import FLOWS, Flow
from runhook.worker.store import Claim, Handed
from runhook.worker.store.claims import FIRST, Turn
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring


@dataclass(frozen=True)
class Shift:
    """How long a thread works through a lane before others should have it.

    Attributes:
        duties: Most that it begins.
        seconds: After which it asks for none.
        over: Set once the process ends: nobody asks for another.
    """

    duties: int
    seconds: float
    over: threading.Event = field(default_factory=threading.Event)


def drain(
    w: Wiring, lane: str, first: str = "", *, lingers: bool = False, shift: Shift | None = None
) -> int:
    """Work until nothing is due in a lane, or others should have this thread.

    What goes wrong with a duty is counted with that duty, and keeps none behind it waiting.

    Args:
        w: The process's parts.
        lane: Which.
        first: The duty to begin with, if it is due.
        lingers: With nothing due, wait a moment for more.
        shift: How long; None: as a thread that lanes share.

    Returns:
        How many duties were looked at.

    Raises:
        LostWrites: Redis has forgotten what it was told before.
        StoreUnavailable: Redis does not answer. What is held is woken again when its lease is over.
    """
    shift = shift or Shift(policy.DRAINED_AT_ONCE, policy.DRAIN_SECONDS)
    worked, begun = 0, time.monotonic()
    stop = begun + shift.seconds
    claim = w.store.duties.claim(lane, _first_turn(lane), first=first)
    while claim:
        worked += 1
        turn = claim.turn
        turn.lingers = lingers
        if worked < shift.duties and not shift.over.is_set():
            turn.ends = stop
        _attend(w, FLOWS[lane], claim)
        claim = turn.next
        if claim is None and turn.later:
            time.sleep(max(0.0, begun + policy.ROUND - time.monotonic()))
            begun = time.monotonic()
            claim = _of_next_round(w, lane, over=begun >= stop or shift.over.is_set())
        if claim is None and turn.asked and lingers:
            claim = _called(w, lane)
    return worked


def _first_turn(lane: str) -> Turn:
    """Before anything was given to whoever drains a lane, or in this round of it."""
    if LANES[lane].rounds:
        return Turn(round=FIRST)
    return Turn()


def _of_next_round(w: Wiring, lane: str, *, over: bool) -> Claim | None:
    """What a round begins with; None: nothing is due, or others should have this thread."""
    if over:
        w.store.duties.rest(lane, at_ease=True)
        return None
    return w.store.duties.claim(lane, _first_turn(lane))


def _called(w: Wiring, lane: str) -> Claim | None:
    """What a thread that lingers is called for; None: it waited in vain, and lingers no more."""
    while w.store.duties.listen():
        if claim := w.store.duties.claim(lane, Turn(lingers=True)):
            return claim
    return None


def _attend(w: Wiring, flow: Flow, claim: Claim) -> None:
    """Have a flow do a duty, put it down, and see which is next.

    Only a Redis that is away is not the duty's fault.
    """
    duties = w.store.duties
    try:
        answer = flow(evolve(w, claim=claim), claim)
        if not claim.turn.over and not isinstance(answer, Handed):
            duties.put_down(claim, answer)
    except StoreUnavailable as away:
        # The duty was put down before, and what was given for it must not wait for a lease.
        if claim.turn.next is None:
            raise
        report("redis.away", lane=claim.lane, duty=claim.id, why=str(away))
    except Exception as error:  # noqa: BLE001 - the duty stays, to be looked at again later
        report("task.failed", lane=claim.lane, duty=claim.id, exc_info=True)
        if not claim.turn.over:
            duties.fail(claim, error)
    if claim.turn.over or not claim.turn.drains:
        return
    # Nobody has said yet what this thread does next: the duty failed, or was handed to another.
    claim.turn.asked = claim.turn.goes_on
    if claim.turn.asked:
        claim.turn.next = duties.claim(claim.lane, claim.turn)
    else:
        duties.rest(claim.lane, at_ease=False)
