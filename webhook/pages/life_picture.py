"""Where everything of a job's life stands in its picture: rows in pixels, times in percent. Pure.

The picture is as wide as its page, so nothing in it is scaled and its words stay readable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from runhook.worker.domain.lengths import lasting
from runhook.worker.domain.life import Life, Point, Scale, Span
from runhook.worker.domain.lines import Lane

# Pixels: a lane's title, a row of bars, a bar in it, the gap between lanes, the times beneath.
TITLE, ROW, BAR, GAP, FOOT = 20, 26, 20, 12, 22
LEAST = 0.6  # percent: what lasted no time is seen all the same
APART = 12  # percent between two times beneath, so that they do not run into each other
TITLES: dict[Lane, str] = {"us": "runhook", "provider": "RunningHub", "handlers": "Handlers"}


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What lasted.

    Attributes:
        x: Where it begins, in percent.
        width: In percent.
        y: Its upper edge.
        stage: The class that colours it.
        label: What stands on it.
        says: What it was, with how long it took.
    """

    x: float
    width: float
    y: int
    stage: str
    label: str
    says: str


@dataclass(frozen=True, kw_only=True)
class Dot:
    """What happened at a moment.

    Attributes:
        x: In percent.
        y: Its middle.
        tone: The class that colours it.
        says: Its sentence.
    """

    x: float
    y: int
    tone: str
    says: str


@dataclass(frozen=True, kw_only=True)
class Track:
    """One lane.

    Attributes:
        title: Whose it is.
        y: Its upper edge.
        height: Of its rows.
        bars: What lasted.
        dots: What happened at a moment.
    """

    title: str
    y: int
    height: int
    bars: tuple[Bar, ...]
    dots: tuple[Dot, ...]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """The whole.

    Attributes:
        height: In pixels.
        tracks: The three lanes.
        ticks: Where a time stands beneath, and which; in percent.
        says: All of it in a sentence, for who does not see it.
    """

    height: int
    tracks: tuple[Track, ...]
    ticks: tuple[tuple[float, str], ...]
    says: str


def picture_of(life: Life, now: datetime) -> Picture:
    """The picture of a life.

    Args:
        life: What lasted and what happened.
        now: Until when what goes on is drawn.
    """
    moments = [span.begins for span in life.spans] + [point.at for point in life.points]
    moments += [span.ends or max(now, span.begins) for span in life.spans]
    scale, y, tracks = Scale(moments), 0, []
    for lane, title in TITLES.items():
        height = life.rows(lane) * ROW
        spans = [span for span in life.spans if span.lane == lane]
        points = [point for point in life.points if point.lane == lane]
        tracks.append(
            Track(
                title=title,
                y=y,
                height=height,
                bars=tuple(_bar(span, scale, y + TITLE, now) for span in spans),
                dots=tuple(_dot(point, scale, y + TITLE) for point in points),
            )
        )
        y += TITLE + height + GAP
    return Picture(
        height=y + FOOT, tracks=tuple(tracks), ticks=_ticks(moments, scale), says=_words(life)
    )


def _bar(span: Span, scale: Scale, top: int, now: datetime) -> Bar:
    ends = span.ends or max(now, span.begins)
    x, after = scale.place(span.begins), scale.place(ends)
    took = lasting((ends - span.begins).total_seconds())
    says = f"{span.label}, {took}"
    if span.ends is None:
        says = f"{span.label}, {took} so far"
    return Bar(
        x=min(x, 100 - LEAST),
        width=round(max(after - x, LEAST), 2),
        y=top + span.row * ROW,
        stage=span.stage,
        label=span.label,
        says=says,
    )


def _dot(point: Point, scale: Scale, top: int) -> Dot:
    y = top + point.row * ROW + BAR // 2
    # Half of a dot at the edge would be cut off.
    x = min(max(scale.place(point.at), 1.0), 99.0)
    return Dot(x=x, y=y, tone=point.tone, says=point.says)


def _ticks(moments: Sequence[datetime], scale: Scale) -> tuple[tuple[float, str], ...]:
    """Times since the beginning, as many as have room."""
    found: list[tuple[float, str]] = []
    for moment in sorted(set(moments)):
        place = scale.place(moment)
        if (not found or place - found[-1][0] >= APART) and place <= 100 - APART / 2:
            found.append((place, lasting((moment - min(moments)).total_seconds())))
    return tuple(found)


def _words(life: Life) -> str:
    """The stages in their order, handlers by how many of them took their event."""
    own = [span.stage for span in life.spans if span.lane != "handlers"]
    told = [span.stage for span in life.spans if span.lane == "handlers"]
    words = ", then ".join(own) or "nothing yet"
    if told:
        words += f"; {told.count('told')} of {len(told)} deliveries taken"
    return f"The job's life: {words}."
