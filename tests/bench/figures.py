"""Figures of a run: each measured once a round for each system, shown as medians with spread."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(kw_only=True)
class Figure:
    """One quantity.

    Attributes:
        what: In words.
        unit: As `ms` or `a job`; empty: a number.
        values: By system, one a round, in the rounds' order.
        goal: What is wanted of runhook, in words.
        more: Whether more is better.
    """

    what: str
    unit: str
    values: dict[str, list[float]] = field(default_factory=dict)
    goal: str = ""
    more: bool = False

    def add(self, system: str, value: float) -> None:
        """Another round's."""
        self.values.setdefault(system, []).append(value)

    def median(self, system: str) -> float:
        """In the middle of all rounds."""
        return statistics.median(self.values[system])

    def ratio(self, system: str, other: str) -> list[float]:
        """How many times better a system is than another one, round by round."""
        pairs = zip(self.values[system], self.values[other], strict=False)
        return [mine / theirs if self.more else theirs / mine for mine, theirs in pairs if mine]


@dataclass(kw_only=True)
class Finding:
    """What one row of the bench found.

    Attributes:
        row: Its name on the command line.
        title: As a heading.
        how: How it was measured, a paragraph.
        figures: All of them.
        notes: What is to be known beside, a sentence each.
        compared: A column's heading, and of how many times which system is better than which.
        at: When, and `revision` of what.
    """

    row: str
    title: str
    how: str
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    compared: tuple[str, str, str] = ("better than naive", "runhook", "naive")
    at: str = ""
    revision: str = ""

    def figure(self, what: str, unit: str, *, goal: str = "", more: bool = False) -> Figure:
        """The one of that name, new if there is none yet."""
        for one in self.figures:
            if one.what == what:
                return one
        self.figures.append(Figure(what=what, unit=unit, goal=goal, more=more))
        return self.figures[-1]

    def plain(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Finding":
        """From JSON."""
        figures, compared = plain["figures"], tuple(plain["compared"])
        return cls(**{**plain, "figures": [Figure(**one) for one in figures], "compared": compared})


def spread(values: Sequence[float]) -> str:
    """The median, and the least and the most behind it."""
    middle, least, most = map(short, (statistics.median(values), min(values), max(values)))
    if least == most:
        return middle
    return f"{middle} ({least}-{most})"


def short(value: float) -> str:
    """Three figures, as people write them."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def systems(figures: Iterable[Figure]) -> list[str]:
    """Every system there is a figure of, runhook first."""
    names = dict.fromkeys(name for figure in figures for name in figure.values)
    return sorted(names, key=lambda name: name != "runhook")
