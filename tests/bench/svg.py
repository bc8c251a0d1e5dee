"""Charts as SVG, drawn by hand: bars of parts, with marks where a goal is. Light and dark."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from tests.bench.figures import short

WIDTH, GAP, EDGE = 460, 20, 24  # of a chart, between charts, around all; px
VALUES = 84  # room for values behind bars; px
BAR, ROW, HEAD, LEGEND, LINE = 16, 26, 50, 22, 16  # heights; px
LETTER, WIDE = 6.2, 6.7  # width of one in a legend and elsewhere, about; px
# Eight colours that are told apart by those who see few, each in light and in dark.
LIGHT = ["#2f6fb3", "#2b9a8b", "#d9962b", "#c4533a", "#7d5fb0", "#6b7f2a", "#b0507f", "#8a8f98"]
DARK = ["#6aa5e3", "#4fc3b3", "#eab755", "#e88067", "#ab8fdc", "#a3b85b", "#dd86b0", "#9aa0aa"]
STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #24292f }
.title { font-size: 14px; font-weight: 600 }
.small { font-size: 11px; fill: #57606a }
.value { paint-order: stroke; stroke: #f6f8fa; stroke-width: 4px; stroke-linejoin: round }
.ours { font-weight: 600 }
.page { fill: #ffffff } .chart { fill: #f6f8fa; stroke: #d8dee4 }
.mark { stroke: #24292f; stroke-width: 1.5; stroke-dasharray: 3 2 }
.other { fill: #a9b1ba }
%s
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small { fill: #9da7b3 }
.value { stroke: #161b22 } .page { fill: #0d1117 } .chart { fill: #161b22; stroke: #30363d }
.mark { stroke: #e6edf3 } .other { fill: #6e7681 }
%s
}"""


@dataclass(kw_only=True)
class Bar:
    """One bar.

    Attributes:
        name: Before it.
        parts: What it is made of, by name; the values add up.
        ours: It is runhook's.
    """

    name: str
    parts: dict[str, float]
    ours: bool = False

    @property
    def value(self) -> float:
        """Its whole length."""
        return sum(self.parts.values())


@dataclass(kw_only=True)
class Chart:
    """Bars under a title.

    Attributes:
        title: Above them.
        unit: Behind each value.
        bars: From top to bottom.
        marks: Where a dashed line stands, by what it says.
    """

    title: str
    unit: str
    bars: Sequence[Bar]
    marks: dict[str, float] = field(default_factory=dict)

    @property
    def names(self) -> int:
        """The room for the names before the bars; px."""
        return round(34 + WIDE * max(len(bar.name) for bar in self.bars))

    @property
    def parts(self) -> list[str]:
        """The names of parts, where bars have more than one; the first is drawn first."""
        if all(len(bar.parts) == 1 for bar in self.bars):
            return []
        return list(dict.fromkeys(name for bar in self.bars for name in bar.parts))

    @property
    def height(self) -> int:
        """All of it."""
        lines = len(_lines(self.parts)) * LEGEND + len(self.marks) * LINE
        return HEAD + ROW * len(self.bars) + lines + EDGE // 2


def picture(charts: Sequence[Chart]) -> str:
    """All charts in two columns, each where there is most room."""
    drawn, tops = [], [EDGE, EDGE]
    for chart in charts:
        column = tops.index(min(tops))
        drawn.append(_chart(chart, EDGE + column * (WIDTH + GAP), tops[column]))
        tops[column] += chart.height + GAP
    width, height = 2 * WIDTH + GAP + 2 * EDGE, max(tops) - GAP + EDGE
    light, dark = (_colours(colours) for colours in (LIGHT, DARK))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">',
            "<title>runhook beside others, as the tables have it</title>",
            f"<style>{STYLE % (light, dark)}</style>",
            f'<rect class="page" width="{width}" height="{height}"/>',
            *drawn,
            "</svg>\n",
        ]
    )


def _colours(colours: Iterable[str]) -> str:
    return " ".join(f".c{number} {{ fill: {colour} }}" for number, colour in enumerate(colours))


def _chart(chart: Chart, left: int, top: int) -> str:
    most = max([bar.value for bar in chart.bars] + list(chart.marks.values())) or 1
    scale = (WIDTH - chart.names - VALUES - GAP) / most
    drawn = [
        f'<g transform="translate({left} {top})">',
        f'<rect class="chart" width="{WIDTH}" height="{chart.height}" rx="8"/>',
        _text(16, 28, chart.title, "title"),
    ]
    bottom = HEAD + len(chart.bars) * ROW
    rows = range(HEAD, bottom, ROW)
    for top_of_bar, bar in zip(rows, chart.bars, strict=True):
        drawn += _bar(chart, bar, top_of_bar, scale)
    for number, (name, value) in enumerate(chart.marks.items()):
        drawn += _mark(name, chart.names + value * scale, bottom, number)
    for top_of_bar, bar in zip(rows, chart.bars, strict=True):
        drawn.append(_value(chart, bar, top_of_bar, scale))
    drawn += _legend(chart.parts, bottom + len(chart.marks) * LINE + 14)
    return "\n".join([*drawn, "</g>"])


def _bar(chart: Chart, bar: Bar, top: int, scale: float) -> list[str]:
    left = float(chart.names)
    drawn = [_text(left - 8, top + BAR - 4, bar.name, "ours" if bar.ours else "", "end")]
    for name, value in bar.parts.items():
        style, size = _class(chart, bar, name), value * scale
        drawn.append(
            f'<rect class="{style}" x="{left:.1f}" y="{top}" width="{size:.1f}" height="{BAR}"/>'
        )
        left += size
    return drawn


def _value(chart: Chart, bar: Bar, top: int, scale: float) -> str:
    style = "value ours" if bar.ours else "value"
    left = chart.names + bar.value * scale + 6
    return _text(left, top + BAR - 4, f"{short(bar.value)} {chart.unit}", style)


def _class(chart: Chart, bar: Bar, part: str) -> str:
    """A colour for each part; with one part, runhook's colour for all that is runhook."""
    if chart.parts:
        return f"c{chart.parts.index(part) % len(LIGHT)}"
    others = bar.ours < any(one.ours for one in chart.bars)
    return "other" if others else "c0"


def _mark(name: str, at: float, bottom: int, number: int) -> list[str]:
    """A dashed line, and beneath the bars what it means."""
    end = bottom + number * LINE + 10
    anchor, side = ("end", -5) if at > WIDTH / 2 else ("start", 5)
    return [
        f'<line class="mark" x1="{at:.1f}" y1="{HEAD - 5}" x2="{at:.1f}" y2="{end}"/>',
        _text(at + side, end, name, "small value", anchor),
    ]


def _legend(parts: Sequence[str], top: int) -> list[str]:
    drawn, numbers = [], {part: number for number, part in enumerate(parts)}
    for row, line in enumerate(_lines(parts)):
        left = 16.0
        for part in line:
            colour = f"c{numbers[part] % len(LIGHT)}"
            place = top + row * LEGEND
            drawn.append(
                f'<rect class="{colour}" x="{left:.0f}" y="{place - 9}" width="10" height="10"/>'
            )
            drawn.append(_text(left + 15, place, part, "small"))
            left += _room(part)
    return drawn


def _lines(parts: Sequence[str]) -> list[list[str]]:
    """The legend's parts, as many in a line as it holds."""
    lines: list[list[str]] = []
    room = 0.0
    for part in parts:
        if _room(part) > room:
            lines.append([])
            room = WIDTH - 32
        lines[-1].append(part)
        room -= _room(part)
    return lines


def _room(part: str) -> float:
    return 15 + LETTER * len(part) + 14


def _text(x: float, y: float, text: str, style: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" class="{style}">{escape(text)}</text>'
