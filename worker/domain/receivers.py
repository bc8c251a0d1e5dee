"""How a receiver of events is doing, and what follows: its places, its pauses, its end. Pure.

A receiver is a Python handler, a Celery task or an HTTP subscriber. Scripts compare and set what is
decided here.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from runhook.worker.domain.events import Outcome

Pace = Literal["new", "quick", "slow"]

# Seconds: whoever usually takes longer is slow. Servers answer in less unless they are in trouble,
# and twenty a minute from each is no throughput that others should wait for.
SLOW_AFTER = 1.0
# Seconds after which an attempt counts as lost wherever places are counted: a little more than the
# longest there is, five minutes of a handler and fifteen seconds of a subscriber.
LONGEST = {"handlers": 330.0, "subscribers": 30.0}
SUBSCRIBER_SLOTS = 2  # deliveries that one subscriber gets at once, so that order is nearly kept
# What part of a lane's places one handler may hold: two of sixteen, so that one which computes does
# not take a whole machine.
HANDLER_PART = 8
SLOW_PART = 2  # half of the places are for the slow: they need them longest, and are never all
SPARE_PART = 4  # a quarter of the places is kept for receivers that hold none
# An eighth of those who can be waited for is kept from new receivers: one that hangs from its first
# event on holds its place for minutes, and fifty of them leave one for a new one that answers.
NEW_PART = 8
OVERFLOW_THREADS = 128  # subscribers that one worker waits for at once; each is an idle thread

# The circuit breaker of a subscriber. It judges the rate of failures in a window and not a run of
# them, because one that answers half of the time still has short runs of failures.
WINDOW = 20  # last attempts by which a subscriber is judged
LEAST_JUDGED = 10  # attempts, before which the rate of failures says nothing
TOO_MANY = 0.9  # failures among them; one that answers half of the time stays far below
REST, LONGEST_REST = 5.0, 300.0  # seconds that it is paused then, doubling
PATIENCE_DAYS = (
    5  # of nothing but failures after which it is disabled; a long weekend is over by then
)
PATIENCE = timedelta(days=PATIENCE_DAYS)
LEAST_FAILED = 5  # different deliveries among them; fewer may be one event that it cannot take


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
        if self.took > SLOW_AFTER:
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
    receiver = _part(places, HANDLER_PART)
    if lane == "subscribers":
        receiver = SUBSCRIBER_SLOTS
    hands = hands or places
    return Share(
        receiver=receiver,
        slow=_part(places, SLOW_PART),
        common=max(1, places - _part(places, SPARE_PART)),
        new=max(1, hands - _part(hands, NEW_PART)),
    )


def _part(places: int, of: int) -> int:
    """That part of the places, and always one at least."""
    return max(1, places // of)


def after_telling(health: Health, outcome: Outcome) -> Health:
    """A receiver's health when an attempt came back, by how long it took alone.

    A handler is never paused: what it raises is about its job and not about itself.
    """
    if health.took is None:
        return replace(health, took=outcome.took)
    # Half of the old and half of the new: after three attempts an outlier is nearly forgotten.
    return replace(health, took=(health.took + outcome.took) / 2)


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
        why = f"every delivery to it failed for {PATIENCE_DAYS} days"
        return Verdict(health=health, disabled=why)
    return Verdict(health=health)


def _healed(health: Health) -> Health:
    """It acknowledged. What it failed before its pause says nothing of it any more."""
    recent = health.recent
    if health.rest is not None:
        recent = ""
    return Health(recent=(recent + "+")[-WINDOW:], took=health.took, asked_until=health.asked_until)


def _failed(health: Health, delivery: str, now: datetime) -> Health:
    recent = (health.recent + "-")[-WINDOW:]
    failed = tuple(dict.fromkeys((*health.failed, delivery)))[:LEAST_FAILED]
    since = health.failing_since or now
    health = replace(health, recent=recent, failing_since=since, failed=failed)
    if health.rests_until and now < health.rests_until:
        return health  # an attempt that began before the pause
    if health.rest is not None:
        return _resting(health, min(2 * health.rest, LONGEST_REST), now)
    if len(recent) >= LEAST_JUDGED and recent.count("-") >= TOO_MANY * len(recent):
        return _resting(health, REST, now)
    return health


def _resting(health: Health, seconds: float, now: datetime) -> Health:
    return replace(health, rest=seconds, rests_until=now + timedelta(seconds=seconds))


def _hopeless(health: Health, now: datetime) -> bool:
    since = health.failing_since or now
    return now - since >= PATIENCE and len(health.failed) >= LEAST_FAILED
