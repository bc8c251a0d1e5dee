"""How each receiver stands, handlers and subscribers together: listening, failing, paused, gone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from runhook.worker.delivery import roster
from runhook.worker.delivery.roster import Member
from runhook.worker.domain.receivers import Health
from runhook.worker.store import Subscription
from runhook.worker.store.delivered import Waiting
from runhook.worker.store.rosters import Roster
from runhook.worker.wiring import Wiring

# In the order in which somebody should look at them.
Standing = Literal["gone", "disabled", "paused", "failing", "unreadable", "listening"]
ORDER: tuple[Standing, ...] = (
    "unreadable",
    "disabled",
    "paused",
    "failing",
    "gone",
    "listening",
)


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """A handler or a subscriber, and how deliveries to it go.

    Attributes:
        name: A handler's name, or a subscription's id.
        lane: `handlers` or `subscribers`.
        standing: `paused`: its breaker is open; `gone`: no process has it.
        url: Where a subscriber gets its events.
        why: Why it does not listen, where somebody said so.
        until: How long it is left alone.
        waiting: What it has not heard.
        health: How its last attempts went.
        seen_at: When a process last had the handler.
    """

    name: str
    lane: str
    standing: Standing
    url: str = ""
    why: str = ""
    until: datetime | None = None
    waiting: Waiting
    health: Health
    seen_at: datetime | None = None


def receivers(w: Wiring, known: Roster | None = None) -> list[Receiver]:
    """Every receiver, first those that somebody should look at.

    Args:
        w: The process's parts.
        known: Who there is, where that was read already.
    """
    known, now = known or w.store.rosters.look(), w.clock.now()
    stand = w.store.rosters.standings(known.handlers, known.subscriptions)
    health, waiting = stand.healths, stand.waiting
    members = roster.members_of(known, waiting, now)
    found = [_handler(one, health[one.name]) for one in members]
    found += [_subscriber(one, waiting[one.id], health[one.id], now) for one in stand.subscriptions]
    found += [
        Receiver(
            name=one.id,
            lane="subscribers",
            standing="unreadable",
            why=str(one),
            waiting=waiting[one.id],
            health=health[one.id],
        )
        for one in stand.unreadable
    ]
    return sorted(found, key=lambda one: (ORDER.index(one.standing), one.lane, one.name))


def subscriber(w: Wiring, one: Subscription) -> Receiver:
    """How one subscriber stands."""
    stand = w.store.rosters.standings((), [one.id])
    return _subscriber(one, stand.waiting[one.id], stand.healths[one.id], w.clock.now())


def _handler(member: Member, health: Health) -> Receiver:
    standing: Standing = "gone"
    if member.alive:
        standing = "listening"
    return Receiver(
        name=member.name,
        lane="handlers",
        standing=standing,
        waiting=Waiting(member.pending, member.dead, member.oldest),
        health=health,
        seen_at=member.seen_at,
    )


def _subscriber(one: Subscription, waiting: Waiting, health: Health, now: datetime) -> Receiver:
    standing, until = _standing(one, health, now)
    return Receiver(
        name=one.id,
        lane="subscribers",
        standing=standing,
        url=one.url,
        why=one.why,
        until=until,
        waiting=waiting,
        health=health,
    )


def _standing(one: Subscription, health: Health, now: datetime) -> tuple[Standing, datetime | None]:
    """How a subscriber stands, and until when it is left alone."""
    until = health.left_alone_until
    if not one.enabled:
        return "disabled", None
    if until and until > now:
        return "paused", until
    if health.failing_since:
        return "failing", None
    return "listening", None
