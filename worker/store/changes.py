"""What a flow wants done to a job, and everything that follows from it in the same script."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from runhook.worker.domain.jobs import Job
from runhook.worker.domain.receivers import Recipient
from runhook.worker.store import notes

Breaker = Literal["", "reset", "trip", "trip-ask"]


@dataclass(frozen=True)
class TimelineEntry:
    """One line of a job's timeline.

    Attributes:
        what: What happened, in a few words.
        detail: Its particulars, by name.
    """

    what: str
    detail: Mapping[str, Any]

    def packed(self) -> bytes:
        """As it lies in the timeline."""
        return notes.packed({"what": self.what, **self.detail})


@dataclass(frozen=True)
class Duty:
    """A duty that a change leaves behind.

    Attributes:
        lane: Its lane.
        id: Which duty: docs/upgrades.md has the kinds.
        after: Seconds until somebody must look.
    """

    lane: str
    id: str
    after: float = 0


def to_whom(recipients: Sequence[Recipient]) -> list[list[str | int]]:
    """Who is told of an event, as lua/lib/opening takes it."""
    return [[one.handler, one.lane, round(one.after * 1000)] for one in recipients]


@dataclass(frozen=True, kw_only=True)
class Recipients:
    """Who is told of a change's event.

    Attributes:
        at: The word of Redis for who listens at which this is so (`Audience.known`).
        to: All of them.
    """

    at: str
    to: tuple[Recipient, ...]


@dataclass(frozen=True, kw_only=True)
class Change:
    """What to do to a job: the job afterwards, and all that follows from it in the same script.

    Attributes:
        job: The job after it.
        notes: What its timeline says of it.
        duties: What must happen next.
        event: The event's type, if somebody may want to hear of it.
        recipients: Who that is, if this process knows; None: the fan-out finds out.
        breaker: What it means for the circuit breaker before RunningHub.
        why: Of a breaker that trips, or of an alert.
        breaker_of: Whose breaker: `main` is everybody's, another that of its own machines.
        advice: What the account's owner must do before it opens; he is told.
        turn: It takes a place in flight, so there must be room.
        aside: Seconds that a job that is queued again stands behind all others.
        left: Under which token its request left, where Redis has forgotten that.
        files: Some of its outputs are kept now, and go when it does.
        otherwise: What to do instead where the day's budget has no room for its new attempt.
    """

    job: Job
    notes: tuple[TimelineEntry, ...] = ()
    duties: tuple[Duty, ...] = ()
    event: str = ""
    recipients: Recipients | None = None
    breaker: Breaker = ""
    breaker_of: str = "main"
    advice: str = ""
    why: str = ""
    turn: bool = False
    aside: float = 0
    left: str = ""
    files: bool = False
    otherwise: "Change | None" = None

    @property
    def order(self) -> dict[str, Any]:
        """What `move` takes of it, besides the job."""
        order: dict[str, Any] = {
            "turn": self.turn,
            "event": self.event,
            "breaker": self.breaker,
            "breaker_of": self.breaker_of,
            "why": self.why,
            "advice": self.advice,
            "duties": [[duty.lane, duty.id, round(duty.after * 1000)] for duty in self.duties],
            "aside": round(self.aside * 1000),
            "files": self.files,
            "notes": len(self.notes),
        }
        if self.recipients:
            order["told"] = {"by": self.recipients.at, "to": to_whom(self.recipients.to)}
        return order


Decision = Callable[[Job], Change | None]
LineOf = Callable[[Mapping[str, Any]], str]  # a job's options to the line it stands in
Moved = Literal["done", "kept", "full", "gated"]
