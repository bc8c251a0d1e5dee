"""A job's life as a picture: what lasted how long in three lanes, from its timeline. Pure.

The lanes are ours (queue, sending, doubt), RunningHub's (its work) and the handlers' (who is told).
A line that cannot be read or that a newer release wrote hides no other.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from runhook.worker.domain.lines import Lane, Line, Tone, kind_of, moment, sentence, what_of

# What makes a stage of ours begin. Whoever refuses for now has it back in the queue.
BEGINS: dict[str, str] = {
    "queued": "queued",
    "retried": "queued",
    "paid again": "queued",
    "falls back": "queued",
    "resubmitted by its owner": "queued",
    "resubmitted at the risk of paying twice": "queued",
    "busy": "queued",
    "key refused": "queued",
    "never left": "queued",
    "may not leave now": "queued",
    "not on this path": "queued",
    "turn": "sending",
    "unconfirmed": "unconfirmed",
}
ACCEPTED = ("accepted", "adopted", "accepted late")
ENDS = (
    "succeeded",
    "failed",
    "cancelled",
    "refused",
    "refused after all",
    "not sent",
    "expired",
    "input failed",
    "timeout",
    "no results",
    "given up unconfirmed",
    "given up by its owner",
)
TOLD = ("delivery done", "delivery dead", "delivery superseded")
TO_TELL = ("delivery opened", "redelivered")
# What is a point in the picture besides the bars; the rest stands in the table.
POINTS = (
    "request left",
    "callback came",
    "callback not believed",
    "callback set aside",
    "resend asked for",
    "cancel wished",
    "cancel refused",
    "delivery failed",
    "archived",
    "not archived",
    "left twice",
)
# Bars and points are drawn up to so many, the newest; a job tried for a day may have hundreds.
MOST_DRAWN = 60
# Waits are drawn by their logarithm, those below a twentieth of a second nearly as long as they
# were, so that a retry after hours leaves the seconds before it readable.
PER_SECOND = 20.0
LEAST_STEP = 0.15  # of the same measure: what happens in one moment stands side by side
ROUND = 2  # decimals of a percentage; a hundredth is a tenth of a pixel


@dataclass(frozen=True, kw_only=True)
class Span:
    """Something that lasted.

    Attributes:
        lane: On whose side.
        stage: What it was; also the class that colours it.
        label: What stands on it.
        begins: From when on.
        ends: Until when; None: it goes on.
        row: Which of its lane's rows it stands in, from 0.
    """

    lane: Lane
    stage: str
    label: str
    begins: datetime
    ends: datetime | None = None
    row: int = 0


@dataclass(frozen=True, kw_only=True)
class Point:
    """Something that happened at a moment.

    Attributes:
        lane: On whose side.
        tone: How good it is.
        at: When.
        says: Its sentence.
        row: Which of its lane's rows it stands in, from 0.
    """

    lane: Lane
    tone: Tone
    at: datetime
    says: str
    row: int = 0


@dataclass(frozen=True)
class Life:
    """What lasted, and what happened at a moment, oldest first."""

    spans: tuple[Span, ...]
    points: tuple[Point, ...]

    def rows(self, lane: Lane) -> int:
        """How many rows a lane has, one at least."""
        drawn: tuple[Span | Point, ...] = (*self.spans, *self.points)
        return max((one.row for one in drawn if one.lane == lane), default=0) + 1


class Scale:
    """Where a moment stands, in percent of the picture's width; long waits are drawn shorter."""

    def __init__(self, moments: Iterable[datetime]) -> None:
        self._knots = sorted(set(moments))
        self._places = [0.0]
        for before, after in zip(self._knots, self._knots[1:], strict=False):
            gap = (after - before).total_seconds()
            step = math.log1p(gap * PER_SECOND) + LEAST_STEP
            self._places.append(self._places[-1] + step)

    def place(self, moment: datetime) -> float:
        """Percent of the width, 0 to 100; what lies outside stands at the edge."""
        whole = self._places[-1]
        if not whole:
            return 0.0
        k = bisect_right(self._knots, moment) - 1
        if k < 0:
            return 0.0
        return round(100 * self._places[k] / whole, ROUND)


def life_of(lines: Sequence[Line], *, waits: bool = False) -> Life:
    """A job's life from its timeline.

    Args:
        lines: The timeline, oldest first.
        waits: It named outputs of other jobs when it was asked for, so it waited for them first.
    """
    drawn = _Drawn(waits)
    for line in lines:
        at = moment(line)
        if at is not None:
            drawn.take(line, what_of(line), at)
    return drawn.life()


class _Drawn:
    """What was drawn so far, line by line."""

    def __init__(self, waits: bool) -> None:
        self._waits = waits
        self._done: list[Span] = []
        self._open: dict[object, Span] = {}
        self._points: list[Point] = []
        self._rows: dict[object, int] = {}
        self._left_at: datetime | None = None  # when our own last stage ended

    def take(self, line: Line, what: str, at: datetime) -> None:
        """Draw one line."""
        if what in (*TO_TELL, *TOLD, "delivery failed"):
            self._deliver(line, what, at)
        elif what in BEGINS:
            self._begin_ours(BEGINS[what], at)
        elif what == "input ready" and not line.get("waits_for"):
            self._begin_ours("queued", at)
        elif what in ACCEPTED:
            self._end("us", at)
            self._begin(
                "provider", Span(lane="provider", stage="running", label="running", begins=at)
            )
        elif what in ENDS:
            self._end("us", at)
            self._end("provider", at)
        if what in POINTS:
            kind = kind_of(line)
            row = self._rows.get(_turn(line), 0)
            found = Point(lane=kind.lane, tone=kind.tone, at=at, says=sentence(line), row=row)
            self._points.append(found)

    def life(self) -> Life:
        """All of it; of a very long one the newest."""
        spans = sorted((*self._done, *self._open.values()), key=lambda span: span.begins)
        return Life(tuple(spans[-MOST_DRAWN:]), tuple(self._points[-MOST_DRAWN:]))

    def _begin_ours(self, stage: str, at: datetime) -> None:
        if stage == "queued" and self._waits:
            stage, self._waits = "waiting", False
        begun = self._left_at
        # Its record says no more of how it came back to the queue, but there it was.
        if stage == "sending" and "us" not in self._open and begun and "provider" not in self._open:
            self._done.append(
                Span(lane="us", stage="queued", label="queued", begins=begun, ends=at)
            )
        self._end("provider", at)
        self._begin("us", Span(lane="us", stage=stage, label=stage, begins=at))

    def _begin(self, key: object, span: Span) -> None:
        self._end(key, span.begins)
        self._open[key] = span

    def _end(self, key: object, at: datetime, stage: str | None = None) -> None:
        span = self._open.pop(key, None)
        if span is None:
            return
        self._done.append(replace(span, ends=max(at, span.begins), stage=stage or span.stage))
        if key == "us":
            self._left_at = at

    def _deliver(self, line: Line, what: str, at: datetime) -> None:
        turn = _turn(line)
        row = self._rows.setdefault(turn, len(self._rows))
        if what in TO_TELL:
            label = f"{line.get('handler')}: {line.get('event')}"
            span = Span(lane="handlers", stage="open", label=label, begins=at, row=row)
            self._begin(turn, span)
        elif what in TOLD:
            stage = "told"
            if what == "delivery dead":
                stage = "dead"
            self._end(turn, at, stage)


def _turn(line: Line) -> tuple[str, str]:
    """Whose turn at which event a line is about."""
    return str(line.get("event")), str(line.get("handler"))
