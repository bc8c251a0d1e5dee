"""How jobs ended, counted by spans of time: what one counts as, and what counts add up to. Pure.

A job counts once, at its last end, under a name such as `succeeded/callback/47`: its state, how
that was learned, and the step of a ladder on which its run time is.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from runhook.worker.domain.jobs import Job, State

# Each step is a fifth longer than the one below, so a percentile is right within a tenth; an hour
# of milliseconds is 87 steps, and few of them are ever in use.
STEP = 2**0.25
UNKNOWN = "-"  # where nobody knows how it was learned, or how long it ran
CALLED_BACK = "callback"
# Learned by asking RunningHub, although nobody called, or what came could not be believed.
RECONCILED = ("resend", "detail", "query")
LONGEST_WORD = 12  # characters of what a newer version calls a way, which Redis keeps for each job
LONGEST_STEP = 3  # digits; a higher one is none that anybody counted, and no number can hold it


def name_of(job: Job, ran_ms: int) -> str:
    """What a job that has ended counts as.

    Args:
        job: Which.
        ran_ms: How long it ran, from submit to success; 0: it did not, or nobody knows.
    """
    settled_by = (job.attempt.settled_by or UNKNOWN)[:LONGEST_WORD].replace("/", "")
    step = UNKNOWN
    if ran_ms > 0:
        step = str(int(math.log(ran_ms, STEP)))
    return f"{job.state.value}/{settled_by}/{step}"


@dataclass(frozen=True)
class Span:
    """A span of time in which jobs are counted.

    Attributes:
        start: Its first moment.
        seconds: How long it is.
    """

    start: datetime
    seconds: int

    @property
    def end(self) -> datetime:
        """The first moment behind it."""
        return self.start + timedelta(seconds=self.seconds)


def spans_until(now: datetime, seconds: int, count: int) -> list[Span]:
    """The last spans of a length, the oldest first and the one that goes on last."""
    last = int(now.timestamp()) // seconds * seconds
    starts = range(last - (count - 1) * seconds, last + 1, seconds)
    return [Span(datetime.fromtimestamp(start, UTC), seconds) for start in starts]


@dataclass
class Tally:
    """How jobs ended, in one span or in several.

    Attributes:
        counts: How many, by name.
    """

    counts: Counter[str] = field(default_factory=Counter)

    def ended(self, state: State) -> int:
        """How many ended in a state."""
        return sum(count for (found, _, _), count in self._parts() if found == state)

    def settled(self, *ways: str) -> int:
        """How many ended in one of these ways."""
        return sum(count for (_, way, _), count in self._parts() if way in ways)

    @property
    def success(self) -> float | None:
        """The part that succeeded of those that succeeded or failed; None: none did."""
        good, bad = self.ended(State.SUCCEEDED), self.ended(State.FAILED)
        return _part(good, good + bad)

    @property
    def reconciled(self) -> float | None:
        """The part that was reconciled of those whose end RunningHub told; None: none was."""
        asked = self.settled(*RECONCILED)
        return _part(asked, asked + self.settled(CALLED_BACK))

    def run_time(self, part: float) -> float | None:
        """Seconds within which this part of those that succeeded did; None: none of them tells."""
        steps = Counter[int]()
        for (_, _, told), count in self._parts():
            if told.isdecimal() and len(told) <= LONGEST_STEP:
                steps[int(told)] += count
        rest = part * steps.total()
        for step in sorted(steps):
            if rest <= steps[step]:
                return float(STEP ** (step + rest / steps[step]) / 1000)
            rest -= steps[step]
        return None

    def _parts(self) -> Iterator[tuple[tuple[str, str, str], int]]:
        """State, way and step of each name that this version understands, and how many."""
        for name, count in self.counts.items():
            parts = name.split("/")
            if len(parts) == 3 and count > 0:  # state, way, step
                yield (parts[0], parts[1], parts[2]), count


def together(tallies: Iterable[Tally]) -> Tally:
    """Several as one."""
    found = Tally()
    for one in tallies:
        found.counts.update(one.counts)
    return found


def grouped(
    spans: Sequence[Span], tallies: Sequence[Tally], seconds: int
) -> list[tuple[Span, Tally]]:
    """Short spans as longer ones, each with what its short ones add up to.

    Args:
        spans: One behind the other.
        tallies: How jobs ended in each.
        seconds: How long the longer ones are.
    """
    found: dict[int, list[Tally]] = {}
    for span, tally in zip(spans, tallies, strict=True):
        start = int(span.start.timestamp())
        found.setdefault(start - start % seconds, []).append(tally)
    return [
        (Span(datetime.fromtimestamp(start, UTC), seconds), together(some))
        for start, some in found.items()
    ]


def _part(some: int, of: int) -> float | None:
    if not of:
        return None
    return some / of
