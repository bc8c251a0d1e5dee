"""Plots as SVG that the stylesheet colours: bars of parts, and lines, over a row of labels. Pure.

A plot never stands alone: the page has its figures in a table beneath, with links. So it is one
picture to a screen reader, described in a sentence, and nothing in it can be pressed.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

# A picture's own measure. Pages show it at two thirds of that, where letters of 17 are still read.
WIDTH, HEIGHT = 480, 200
LEFT, RIGHT, TOP, BOTTOM = 60, 24, 12, 30  # what letters at its edges need
TICKS = 4  # parts of the axis, about: more are not told apart
BAR = 0.72  # of the room that a bar has
LEAST = 1.5  # what is not nothing is seen
LABELS = 6  # most that stand beside each other
TINY = 1e-9  # what is less is nothing: no money and no time is
ROUND = (1, 2, 5, 10)  # steps of an axis are these, times a power of ten

Say = Callable[[float], str]


@dataclass(frozen=True, kw_only=True)
class Series:
    """What is drawn in one colour.

    Attributes:
        name: What it is.
        style: The class that the stylesheet colours, as `s-failed`.
        values: One for each label; None: nothing is known there.
        line: It is a line; else a part of the bars.
    """

    name: str
    style: str
    values: Sequence[float | None]
    line: bool = False


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A picture of figures.

    Attributes:
        id: What the page's elements call it.
        title: What it shows.
        summary: What is to be seen there, in a sentence.
        labels: Below it, from left to right.
        series: What is drawn; parts of bars from the bottom up.
        say: How a number of the axis is written.
        whole: Its numbers are counts, so no step of the axis is less than one.
        width: Its own measure, where it stands alone and more has room.
    """

    id: str
    title: str
    summary: str
    labels: Sequence[str]
    series: Sequence[Series]
    say: Say
    whole: bool = False
    width: int = WIDTH

    @property
    def highest(self) -> float:
        """The highest bar or point."""
        bars = [one.values for one in self.series if not one.line]
        stacked = [sum(value or 0 for value in column) for column in zip(*bars, strict=True)]
        points = [value or 0 for one in self.series if one.line for value in one.values]
        return max((0.0, *stacked, *points))


@dataclass(frozen=True)
class Axis:
    """The numbers beside a plot.

    Attributes:
        step: Between two of them.
        count: How many steps there are.
    """

    step: float
    count: int

    @property
    def top(self) -> float:
        """The highest number."""
        return self.step * self.count

    @property
    def ticks(self) -> list[float]:
        """Every number, nothing first."""
        return [self.step * number for number in range(self.count + 1)]


def axis_for(highest: float, *, whole: bool = False) -> Axis:
    """Round numbers that reach up to the highest value.

    Args:
        highest: It; not less than nothing.
        whole: No step is less than one.
    """
    if highest < TINY or not math.isfinite(highest):
        return Axis(1.0, 1)
    power = 10.0 ** math.floor(math.log10(highest / TICKS))
    step = next(power * one for one in ROUND if power * one * TICKS >= highest * (1 - 1e-9))
    if whole:
        step = max(1.0, step)
    return Axis(step, max(1, math.ceil(highest / step - 1e-9)))


def picture(plot: Plot) -> Markup:
    """The plot as inline SVG, which a screen reader meets as one picture with a name."""
    axis = axis_for(plot.highest, whole=plot.whole)
    drawn = Markup("").join(
        (_ticks(plot, axis), _labels(plot), _bars(plot, axis), _lines(plot, axis))
    )
    return Markup(
        '<svg class="plot" viewBox="0 0 {w} {h}" role="img" aria-labelledby="{id}-t" '
        'aria-describedby="{id}-d">'
        '<title id="{id}-t">{title}</title><desc id="{id}-d">{summary}</desc>{drawn}</svg>'
    ).format(
        w=plot.width, h=HEIGHT, id=plot.id, title=plot.title, summary=plot.summary, drawn=drawn
    )


def _ticks(plot: Plot, axis: Axis) -> Markup:
    """A line across for each round number, with the number before it."""
    found = Markup("")
    for tick in axis.ticks:
        found += Markup('<path class="grid" d="M{} {}H{}"/><text x="{}" y="{}">{}</text>').format(
            LEFT, _y(tick, axis), plot.width - RIGHT, LEFT - 6, _y(tick, axis, 4), plot.say(tick)
        )
    return found


def _labels(plot: Plot) -> Markup:
    """Some of what stands below, never more than have room; the last always."""
    every = max(1, math.ceil(len(plot.labels) / LABELS))
    found = Markup("")
    for number, label in enumerate(plot.labels):
        if (len(plot.labels) - 1 - number) % every == 0:
            found += Markup('<text class="x" x="{}" y="{}">{}</text>').format(
                _say(_middle(plot, number)), HEIGHT - 6, label
            )
    return found


def _bars(plot: Plot, axis: Axis) -> Markup:
    width = _room(plot) * BAR
    found, below = Markup(""), [0.0] * len(plot.labels)
    for one in plot.series:
        if one.line:
            continue
        path = ""
        for number, value in enumerate(one.values):
            if value:
                left = _say(_middle(plot, number) - width / 2)
                high = max(LEAST, _height(value, axis))
                path += (
                    f"M{left} {_y(below[number], axis)}v-{_say(high)}h{_say(width)}v{_say(high)}z"
                )
                below[number] += value
        found += _path(one, "bar", path)
    return found


def _lines(plot: Plot, axis: Axis) -> Markup:
    """A line through what is known, and a dot at each, for some have no neighbour."""
    found = Markup("")
    for one in plot.series:
        if not one.line:
            continue
        points = [_point(plot, axis, number, value) for number, value in enumerate(one.values)]
        found += _path(one, "line", "".join(f"M{a}L{b}" for a, b in pairwise(points) if a and b))
        found += _path(one, "point", "".join(f"M{point}h0.1" for point in points if point))
    return found


def _path(one: Series, kind: str, path: str) -> Markup:
    if not path:
        return Markup("")
    return Markup('<path class="{} {}" d="{}"><title>{}</title></path>').format(
        kind, one.style, path, one.name
    )


def _point(plot: Plot, axis: Axis, number: int, value: float | None) -> str:
    if value is None:
        return ""
    return f"{_say(_middle(plot, number))} {_y(value, axis)}"


def _room(plot: Plot) -> float:
    """How wide the room of one label is."""
    return (plot.width - LEFT - RIGHT) / max(1, len(plot.labels))


def _middle(plot: Plot, number: int) -> float:
    return LEFT + _room(plot) * (number + 0.5)


def _height(value: float, axis: Axis) -> float:
    return (HEIGHT - TOP - BOTTOM) * value / axis.top


def _y(value: float, axis: Axis, lower: float = 0) -> str:
    return _say(HEIGHT - BOTTOM - _height(value, axis) + lower)


def _say(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
