"""Fan-out: an event's deliveries are opened, one for each receiver that wants it."""

import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from runhook.worker.domain import events, policy
from runhook.worker.domain.events import Event
from runhook.worker.domain.receivers import Recipient
from runhook.worker.errors import NotFound, UnreadableRecord
from runhook.worker.store import (
    MISSED,
    Again,
    Answer,
    Change,
    Claim,
    Listeners,
    Published,
    Recipients,
    Subscription,
    is_event_id,
)
from runhook.worker.store.processes import HANDLER_KEPT
from runhook.worker.wiring import Wiring


def open_event(w: Wiring, claim: Claim) -> Answer:
    """Open a delivery for everybody who wants an event; doing it again opens none twice.

    The duty names the event, or `<event>/<receiver>` for one who missed it; or `missed/<receiver>`.
    A receiver that cannot be read keeps no other waiting: what it may want is remembered for it.

    Raises:
        UnreadableRecord: The event is not for this version, or nor is whoever missed some.
    """
    event_id, _, receiver = claim.id.partition("/")
    if event_id == MISSED:
        return _catch_up(w, receiver)
    # Not dropped: only a newer process, which made this duty, knows what it means.
    if not is_event_id(event_id):
        raise UnreadableRecord(f"duty fanout {claim.id}", "it is not known", newer=True)
    # Over its retention, or lost by Redis: there is nothing left to deliver.
    with suppress(NotFound):
        event = w.store.events.of_claim(claim)
        who = _audience(w, w.store.audience.at(claim.brought[2]))
        wanted = [one for one in who_wants(who, event) if receiver in ("", one.handler)]
        missing = [name for name in who.unreadable if receiver in ("", name)]
        # Last: what can be read is delivered first, whatever becomes of the rest.
        if missing:
            w.store.deliveries.open(event, wanted)
            w.store.deliveries.miss(event, missing)
        elif wanted:
            w.store.deliveries.open(event, wanted, w.store.duties.closing(claim))
    return None


def _catch_up(w: Wiring, receiver: str) -> Answer:
    """Have what a receiver missed opened for it, if its record can be read now."""
    if unreadable := audience(w).unreadable.get(receiver):
        raise unreadable
    if w.store.deliveries.catch_up(receiver, policy.CAUGHT_UP_AT_ONCE) == policy.CAUGHT_UP_AT_ONCE:
        return Again(0)  # there may be more
    return None


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Every receiver that an event may be delivered to.

    Attributes:
        handlers: Those that a process has published.
        subscriptions: All of them, disabled ones too.
        first: Seconds before the first attempt.
        unreadable: By name, those whose record cannot be read here, and why.
    """

    handlers: Sequence[Published]
    subscriptions: Sequence[Subscription]
    first: float
    unreadable: Mapping[str, UnreadableRecord]

    @property
    def closed(self) -> set[str]:
        """Subscribers that are disabled."""
        return {one.id for one in self.subscriptions if not one.enabled}


def audience(w: Wiring) -> Audience:
    """Every receiver that is known now, whether its record can be read here or not."""
    return _audience(w, w.store.audience.now())


def _audience(w: Wiring, found: Listeners) -> Audience:
    return Audience(
        handlers=found.handlers_within(HANDLER_KEPT, w.clock.now()),
        subscriptions=found.subscriptions,
        first=w.settings.retry_schedule[0],
        unreadable={one.id: one for one in found.unreadable},
    )


def who_wants(who: Audience, event: Event) -> list[Recipient]:
    """Every handler and subscriber that an event is delivered to.

    A disabled one too, for what it misses is kept for it; but no sample is.
    """
    inside = [
        Recipient(handler.name, "handlers", jittered(who.first))
        for handler in who.handlers
        if _handler_wants(handler, event)
    ]
    outside = [
        Recipient(subscription.id, "subscribers", jittered(who.first))
        for subscription in who.subscriptions
        if (subscription.enabled or not event.sample)
        and events.wants(subscription.events, subscription.models, event)
    ]
    return inside + outside


def recipients(w: Wiring, change: Change) -> Recipients | None:
    """Who is told of an end, so that the change opens their deliveries itself.

    None where the fan-out does: this process does not know who listens, or cannot read or judge all
    of them, or they are too many for the way of a paid answer.
    """
    known = w.store.audience.known()
    if known is None or not change.event or not change.job.state.ended:
        return None
    word, who = known[0], _audience(w, known[1])
    if who.unreadable or len(who.handlers) + len(who.subscriptions) > policy.JUDGED_AT_ONCE:
        return None
    event = Event(
        id="", type=change.event, time=w.clock.now(), subject=change.job.id, job=change.job
    )
    try:
        wanted = who_wants(who, event)
    except Exception:  # noqa: BLE001 - a receiver's filter is no reason that a paid answer is lost
        return None
    if len(wanted) > policy.OPENED_AT_ONCE:
        return None
    return Recipients(at=word.decode(), to=tuple(wanted))


def _handler_wants(handler: Published, event: Event) -> bool:
    """Whether a handler gets it: by its types and model, and by the names in the job."""
    if event.job is not None and not event.job.spec.names(handler.name):
        return False
    globs = list(filter(None, [handler.model]))
    return events.wants(handler.types, globs, event)


def jittered(seconds: float) -> float:
    """Give or take a fifth, so that many do not come back at the same moment."""
    return seconds * random.uniform(1 - policy.JITTER, 1 + policy.JITTER)  # noqa: S311
