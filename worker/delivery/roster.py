"""The handlers of all processes, alive or gone: what waits for each, and ending what does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from runhook.worker.catalogue import nearest
from runhook.worker.domain import policy
from runhook.worker.errors import Conflict, NotFound
from runhook.worker.store import Delivery
from runhook.worker.store.delivered import Waiting
from runhook.worker.store.processes import Known
from runhook.worker.store.rosters import Roster
from runhook.worker.wiring import Wiring


@dataclass(frozen=True, kw_only=True)
class Member:
    """A handler, and what waits for it.

    Attributes:
        name: Its function's, or the one that `on` set.
        pending: Deliveries still to be made.
        dead: Deliveries that wait for somebody to redeliver them.
        oldest: When the oldest pending one happened.
        types: Events that it wants; None: no process has said so since it was ended.
        model: A glob over the job's model; None: all.
        alive: A process has it now.
        since: When a process first had it.
        seen_at: When a process last had it.
    """

    name: str
    pending: int
    dead: int
    oldest: datetime | None
    types: tuple[str, ...] | None = None
    model: str | None = None
    alive: bool = False
    since: datetime | None = None
    seen_at: datetime | None = None


def members(w: Wiring) -> list[Member]:
    """Every handler that a process ever had or that something waits for, by name."""
    roster = w.store.rosters.look()
    waiting = w.store.deliveries.waiting(roster.handlers)
    return members_of(roster, dict(zip(roster.handlers, waiting, strict=True)), w.clock.now())


def members_of(roster: Roster, waiting: Mapping[str, Waiting], now: datetime) -> list[Member]:
    """The same of what was read already; pure."""
    found = []
    for name in roster.handlers:
        held = waiting[name]
        member = Member(name=name, pending=held.pending, dead=held.dead, oldest=held.oldest)
        if one := roster.known.get(name):
            found.append(_known(member, one, now))
        elif member.pending:
            found.append(member)
    return found


def _known(member: Member, one: Known, now: datetime) -> Member:
    """A member with what processes said of it."""
    return replace(
        member,
        types=one.handler.types,
        model=one.handler.model,
        alive=one.seen_within(policy.HANDLER_LIVING, now),
        since=one.since,
        seen_at=one.seen,
    )


def end(w: Wiring, name: str) -> int:
    """End what waits for a handler that will not come back: dead, and removed in time.

    Returns:
        How many deliveries were still pending.

    Raises:
        NotFound: Nobody knows it, and nothing waits for it.
        Conflict: A process has it.
    """
    # Those whose record cannot be read too, or what waits for them could never be ended.
    unreadable = (one.id for one in w.store.processes.unreadable())
    known = (*(member.name for member in members(w)), *unreadable)
    left: Sequence[Delivery] = next(w.store.deliveries.listed(None, name, None), ())
    if name not in known and not any(one.lane == "handlers" for one in left):
        raise NotFound(f"handler {name!r}", nearest(name, known))
    # Checked where it is removed: a process may have come with it since it was listed.
    if not w.store.processes.forget(name, policy.HANDLER_LIVING):
        raise Conflict(
            f"a running process has the handler {name!r}; stop it and ask again in a minute"
        )
    ended = 0
    # Those already dead too: nobody will ask for them again, and they would be kept for ever.
    for state in ("pending", "dead"):
        for piece in w.store.deliveries.listed(state, name, None):
            ids = [delivery.id for delivery in piece]
            ended += w.store.deliveries.end(name, ids, "its handler was ended", final=True)
    return ended


def require_receiver(w: Wiring, name: str) -> None:
    """Raises NotFound where no handler or subscription is called so, and no delivery is to it."""
    known = w.store.deliveries.receivers()
    if name not in known and not any(w.store.deliveries.listed(None, name, None, 1)):
        raise NotFound(f"handler or subscription {name!r}", nearest(name, known))


def word_of_absence(w: Wiring, lane: str, name: str) -> str | None:
    """What becomes of a delivery whose handler no process has; None where one has it."""
    living = {handler.name for handler in w.store.processes.handlers(policy.HANDLER_LIVING)}
    if lane != "handlers" or name in living:
        return None
    return (
        f"no process that lives has the handler {name!r}: the delivery waits until one has it; "
        f"`runhook handlers --end {name}` ends what waits"
    )
