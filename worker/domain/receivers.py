"""How a receiver of events is doing, and what follows: its places, its pauses, its end. Pure.

A receiver is a Python handler, a Celery task or an HTTP subscriber. Scripts compare and set what is
decided here.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from runhook.worker.domain import policy
from runhook.worker.domain.events import Outcome
from runhook.worker.domain.frozen import evolve
from runhook.worker.domain.lanes import LANES

Pace = Literal["new", "quick", "slow"]


@dataclass(frozen=True)
class Recipient:
    """Who is to be told of an event.

    Attributes:
        handler: A handler's name, or a subscription's id.
        lane: Where its turn comes: `handlers` or `subscribers`.
        after: Seconds before the first attempt.
    """

    handler: str
    lane: str
    after: float


@dataclass(frozen=True, kw_only=True)
class Health:
    """How deliveries to one receiver go.

    Attributes:
        recent: The last attempts, the newest last: `+` acknowledged, `-` failed.
        took: Seconds that an attempt usually takes; None: none has come back yet.
        failing_since: Every attempt since then has failed.
        failed: Different deliveries among them, the first few.
        rest: Seconds of its present pause; None: it is not paused. Meanwhile it gets one attempt
            at a time.
        rests_until: It is not tried before.
        asked_until: It asked to be left alone until then.
    """

    recent: str = ""
    took: float | None = None
    failing_since: datetime | None = None
    failed: tuple[str, ...] = ()
    rest: float | None = None
    rests_until: datetime | None = None
    asked_until: datetime | None = None

    @property
    def pace(self) -> Pace:
        """Whose places it shares."""
        if self.took is None:
            return "new"
        if self.took > policy.SLOW_AFTER:
            return "slow"
        return "quick"

    @property
    def left_alone_until(self) -> datetime | None:
        """When it may be tried again, if not now."""
        moments = [one for one in (self.rests_until, self.asked_until) if one]
        return max(moments, default=None)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What an attempt changed.

    Attributes:
        health: The receiver's from now on.
        disabled: Why nothing is delivered to it any more; None: it goes on.
    """

    health: Health
    disabled: str | None = None


@dataclass(frozen=True, kw_only=True)
class Share:
    """How a lane's places are shared, so that those who hang leave room for those who answer.

    Attributes:
        receiver: Places that one receiver may hold.
        slow: Places that all slow receivers may hold together.
        common: Up to so many are held a receiver may hold more than one.
        new: Places that slow and new ones may hold together; each new one holds one, which shows
            what it is. The rest is for quick receivers that hold none.
    """

    receiver: int
    slow: int
    common: int
    new: int


def share(lane: str, places: int, hands: int | None = None) -> Share:
    """How the places of a lane are shared: half to the slow, none but the first to the new.

    Args:
        lane: `handlers` or `subscribers`.
        places: How many deliveries the lane's processes can have under way at once.
        hands: How many receivers can be waited for at once; None: as many as places.
    """
    hands = hands or places
    return Share(
        receiver=LANES[lane].receiver_slots or _part(places, policy.HANDLER_PART),
        slow=_part(places, policy.SLOW_PART),
        common=max(1, places - _part(places, policy.SPARE_PART)),
        new=max(1, hands - _part(hands, policy.NEW_PART)),
    )


def _part(places: int, of: int) -> int:
    """That part of the places, and always one at least."""
    return max(1, places // of)


def after_telling(health: Health, outcome: Outcome) -> Health:
    """A receiver's health when an attempt came back, by how long it took alone.

    A handler is never paused: what it raises is about its job and not about itself.
    """
    if health.took is None:
        return evolve(health, took=outcome.took)
    # Half of the old and half of the new: after three attempts an outlier is nearly forgotten.
    return evolve(health, took=(health.took + outcome.took) / 2)


def after(health: Health, outcome: Outcome, delivery: str, now: datetime) -> Verdict:
    """A subscriber's health when an attempt came back: how long it took, and how it ended.

    Args:
        health: As it was before.
        outcome: How the attempt went.
        delivery: The id of what was delivered.
        now: When it came back.
    """
    health = after_telling(health, outcome)
    if outcome.word == "done":
        return Verdict(health=_healed(health))
    if outcome.gone:
        return Verdict(health=health, disabled="it answered 410 Gone")
    health = _failed(health, delivery, now)
    if outcome.after:
        asked = now + timedelta(seconds=outcome.after)
        health = replace(health, asked_until=max(asked, health.asked_until or asked))
    if _hopeless(health, now):
        why = f"every delivery to it failed for {policy.DISABLED_AFTER_DAYS} days"
        return Verdict(health=health, disabled=why)
    return Verdict(health=health)


def _healed(health: Health) -> Health:
    """It acknowledged. What it failed before its pause says nothing of it any more."""
    recent = health.recent
    if health.rest is not None:
        recent = ""
    return Health(
        recent=(recent + "+")[-policy.JUDGED_ATTEMPTS :],
        took=health.took,
        asked_until=health.asked_until,
    )


def _failed(health: Health, delivery: str, now: datetime) -> Health:
    recent = (health.recent + "-")[-policy.JUDGED_ATTEMPTS :]
    failed = tuple(dict.fromkeys((*health.failed, delivery)))[: policy.LEAST_FAILED]
    since = health.failing_since or now
    health = replace(health, recent=recent, failing_since=since, failed=failed)
    if health.rests_until and now < health.rests_until:
        return health  # an attempt that began before the pause
    if health.rest is not None:
        return _resting(health, min(2 * health.rest, policy.LONGEST_RECEIVER_REST), now)
    if len(recent) >= policy.LEAST_JUDGED and recent.count("-") >= policy.TOO_MANY_FAILED * len(
        recent
    ):
        return _resting(health, policy.RECEIVER_REST, now)
    return health


def _resting(health: Health, seconds: float, now: datetime) -> Health:
    return replace(health, rest=seconds, rests_until=now + timedelta(seconds=seconds))


def _hopeless(health: Health, now: datetime) -> bool:
    since = health.failing_since or now
    return (
        now - since >= timedelta(days=policy.DISABLED_AFTER_DAYS)
        and len(health.failed) >= policy.LEAST_FAILED
    )
