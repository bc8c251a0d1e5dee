"""Which flow a duty is for, by its lane and its name."""

from collections.abc import Callable

from runhook.worker.delivery import fanout, telling
from runhook.worker.domain import policy
from runhook.worker.errors import UnreadableRecord
from runhook.worker.flows import (
    archive,
    dispatch,
    expire,
    follow_up,
    intake,
    limit,
    reconcile,
    settle,
    submit,
    sweep,
    verify,
)
from runhook.worker.flows.steps.alerts import VERIFY
from runhook.worker.flows.steps.outcomes import EXPIRY
from runhook.worker.store import Again, Answer, Claim
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring

Flow = Callable[[Wiring, Claim], Answer]


def _leaving_unreadable(flow: Flow) -> Flow:
    """A flow that leaves what this version cannot read to a newer process; that is no failure."""

    def look(w: Wiring, claim: Claim) -> Answer:
        try:
            return flow(w, claim)
        except UnreadableRecord as unreadable:
            report("record.unreadable", lane=claim.lane, duty=claim.id, why=str(unreadable))
            if not unreadable.newer:
                raise  # broken: nobody will ever read it, so that is counted
            return Again(policy.UNREADABLE_LOOK)

    return look


def _look(w: Wiring, claim: Claim) -> Answer:
    """Whatever a duty of the lane `reconcile` names; without a prefix, an attempt."""
    if claim.id == "limit":
        return limit.read_limit(w)
    if claim.id == "sweep":
        # It looks through all jobs that stand, and removes up to a thousand files one by one.
        with w.store.duties.renewing(claim):
            return sweep.sweep(w)
    if claim.id.startswith(EXPIRY):
        expire.expire(w, claim.id.removeprefix(EXPIRY))
        return None
    if claim.id.startswith(VERIFY):
        return verify.look(w, claim)
    return reconcile.examine(w, claim)


def _take_in(w: Wiring, claim: Claim) -> Answer:
    """Whatever a duty of the lane `intake` names; without a prefix, an attempt's callbacks."""
    if claim.id.startswith(settle.WAITERS):
        return settle.settle(w, claim)
    return intake.take(w, claim)


def _tell_handler(w: Wiring, claim: Claim) -> Answer:
    return telling.deliver_to_handler(w, claim, follow_up.submitter)


FLOWS: dict[str, Flow] = {
    "line": _leaving_unreadable(dispatch.advance),
    "send": _leaving_unreadable(submit.send),
    "intake": _leaving_unreadable(_take_in),
    "reconcile": _leaving_unreadable(_look),
    "archive": _leaving_unreadable(archive.archive),
    "fanout": _leaving_unreadable(fanout.open_event),
    "handlers": _leaving_unreadable(_tell_handler),
    "subscribers": _leaving_unreadable(telling.deliver_to_subscriber),
}
