"""A holder's hold on a duty: what a flow is given of it, and what a flow answers. Values only."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from runhook.worker.domain.jobs import Job
from runhook.worker.errors import UnreadableRecord
from runhook.worker.store.records import Members

# Time that goes on while the machine is stopped or sleeps, where the system has such a clock.
_BOOT_TIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_time() -> float:
    """Seconds since the machine started, a sleep or a stopped process counted in."""
    return time.clock_gettime(_BOOT_TIME)


@dataclass(frozen=True)
class Again:
    """A flow's answer: somebody must look at its duty again.

    Attributes:
        seconds: In how many; 0: at once, behind what waits already.
    """

    seconds: float


class Handed(Enum):
    """A flow's answer where its duty is not for its holder to put down."""

    OVER = "a script of the flow's has put it down, or whoever goes on with it will"


def again(seconds: float | None) -> Again | None:
    """The answer of a flow that reckons in seconds to the next look; None: there is none."""
    if seconds is None:
        return None
    return Again(seconds)


FIRST = "first"  # the round of a drainer that was given nothing in it yet

# What a flow wants of its duty; None: it is done, nothing is left to look at.
Answer = Again | Handed | None


@dataclass(frozen=True, kw_only=True)
class Held:
    """A job as it lies in Redis.

    Attributes:
        job: What this version understands of it.
        life: The whole of its `life`, with what a newer version wrote there.
        booked: What it counts for in the ledger.
        labels: The metadata that it is found by; both as bookings.py reads them.
    """

    job: Job
    life: Members
    booked: bytes = b""
    labels: bytes = b""


@dataclass(kw_only=True)
class Turn:
    """A drainer's turn at one duty: what it wants at the end of it, and what came of it.

    Attributes:
        drains: It works through the lane; else it ends one duty for another thread that does.
        lingers: With nothing due it waits for more.
        round: It works in rounds: when this one began, as Redis tells it, or FIRST. What becomes
            due since then waits for the next. Empty: it does not.
        later: Nothing else was due when its round began; it comes back for the next.
        ends: Until when it takes the lane's next duty in the script that puts this one down, by the
            monotonic clock; then it rests, so that a time limit begins anew with the next task.
        asked: It asked for the next duty.
        nonce: Under which it asks: however often it does for one turn, it is given one duty.
        over: The duty was put down.
        next: The duty that it was given then; None: nothing is due, or it rests.
        held: The duty's job as the store last saw it, so that a change need not read it first.
    """

    drains: bool = False
    lingers: bool = False
    round: str = ""
    later: bool = False
    ends: float = -math.inf
    asked: bool = False
    nonce: str = ""
    over: bool = False
    next: "Claim | None" = None
    held: Held | None = None

    @property
    def goes_on(self) -> bool:
        """Whether it takes another duty now."""
        return time.monotonic() < self.ends


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One holder's hold on a duty.

    Attributes:
        lane: The duty's lane.
        id: The duty's name within its lane.
        token: Larger than that of every earlier holder.
        until: When the lease that it began with runs out, by `boot_time`.
        failures: How often in a row the duty failed before.
        turn: What becomes of the duty, and which is next.
        brought: What its flow reads first, as lua/lib/bringing_… gave it with the claim.
    """

    lane: str
    id: str
    token: str
    until: float = math.inf
    failures: int = 0
    turn: Turn = field(default_factory=Turn, compare=False)
    brought: Sequence[Any] = field(default=(), compare=False, repr=False)

    def seen(self, job_id: str) -> Held | None:
        """The job as this duty's flow saw it last, if it is the duty's job."""
        held = self.turn.held
        if held and held.job.id == job_id:
            return held
        return None

    @property
    def attempt(self) -> tuple[str, int]:
        """The job and the attempt's number, or the handler and its slot's number.

        Raises:
            UnreadableRecord: It names neither, so it is a newer version's.
        """
        return self.attempt_behind("")

    def attempt_behind(self, prefix: str) -> tuple[str, int]:
        """What stands behind a prefix, which says what is to be done about it.

        Raises:
            UnreadableRecord: It names neither, so it is a newer version's.
        """
        whose, _, n = self.id.removeprefix(prefix).partition("/")
        if not n.isdecimal():
            raise UnreadableRecord(f"duty {self.lane} {self.id}", "it is not known", newer=True)
        return whose, int(n)


@dataclass
class Lease:
    """How long a claim is held.

    Attributes:
        until: As far as this process knows, by `boot_time`; each renewal moves it on.
    """

    until: float


@dataclass(frozen=True, kw_only=True)
class Parked:
    """A duty that failed too often.

    Attributes:
        lane: Its lane.
        id: Which duty.
        failures: How often in a row it failed.
        why: What went wrong the last time.
    """

    lane: str
    id: str
    failures: int
    why: str


@dataclass(frozen=True)
class Pumped:
    """What a round of the pump did.

    Attributes:
        posted: Wake-ups; 0 while another process pumps.
        loss: The number of the last time that Redis was seen to have lost writes.
    """

    posted: int
    loss: int
