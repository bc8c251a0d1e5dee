"""Which flow a duty is for, by its lane and its name."""

from collections.abc import Callable

from runhook.worker.delivery import fanout
from runhook.worker.errors import UnreadableRecord
from runhook.worker.flows import (
    dispatch,
    expire,
    intake,
    limit,
    reconcile,
    submit,
    sweep,
    unbelieved,
)
from runhook.worker.flows.steps.alerts import UNBELIEVED
from runhook.worker.store import UNREADABLE_LOOK, Claim
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring

Flow = Callable[[Wiring, Claim], None]


def _leaving_unreadable(flow: Flow) -> Flow:
    """A flow that leaves what this version cannot read to a newer process; that is no failure."""

    def look(w: Wiring, claim: Claim) -> None:
        try:
            flow(w, claim)
        except UnreadableRecord as unreadable:
            report("record.unreadable", lane=claim.lane, duty=claim.id, why=str(unreadable))
            if not unreadable.newer:
                raise  # broken: nobody will ever read it, so that is counted
            claim.again_in = UNREADABLE_LOOK

    return look


def _look(w: Wiring, claim: Claim) -> None:
    """Whatever a duty of the lane `reconcile` names; without a prefix, an attempt."""
    if claim.id == "limit":
        limit.read_limit(w, claim)
    elif claim.id == "sweep":
        sweep.sweep(w, claim)
    elif claim.id.startswith("expiry/"):
        expire.expire(w, claim)
    elif claim.id.startswith(UNBELIEVED):
        unbelieved.look(w, claim)
    else:
        reconcile.examine(w, claim)


FLOWS: dict[str, Flow] = {
    "line": _leaving_unreadable(dispatch.advance),
    "send": _leaving_unreadable(submit.send),
    "intake": _leaving_unreadable(intake.take),
    "reconcile": _leaving_unreadable(_look),
    "fanout": _leaving_unreadable(fanout.open_event),
    "handlers": _leaving_unreadable(fanout.deliver_to_handler),
    "subscribers": _leaving_unreadable(fanout.deliver_to_subscriber),
}
