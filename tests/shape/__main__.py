"""What `make shape` prints: every figure, its goal, and what stands in the way of it.

Most figures are for judging, and stop nobody. Four end with status 1, because they are no matter of
taste: a module outside the walls, an import upward or in a cycle, and a Redis key that is spelled
outside of worker/store/keys.py. `--all` lists whatever is counted, and not the first few alone.
"""

import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.shape import doubled, sources, walls
from tests.shape.sources import Source

LONG_FUNCTION = 40  # lines; tests/test_architecture.py refuses a longer one
LONG_FILE = 300  # lines; from here on a file deserves a second look, and 400 are refused
# gidgethub has 0, svcs 0.7, procrastinate 3, httpx 9: past ten, lines have to be decoded.
MOST_CONDITIONALS = 10  # in 1,000 lines
LEAST_COMMENTS = 4  # percent of the lines; the same four have 2.5 to 5
MOST_FLOORS = 8  # of worker/; who enters a house on more of them asks for a map
SHOWN = 5  # rows of a list without --all


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One thing that is counted.

    Attributes:
        name: What.
        now: How much of it there is.
        goal: How much there should be, as it is shown; empty where nobody says.
        reached: Whether it is so.
        must: Whether it stops a change where it is not.
        named: Each of what was counted, by its place.
    """

    name: str
    now: float
    goal: str = ""
    reached: bool = True
    must: bool = False
    named: tuple[str, ...] = ()

    @property
    def mark(self) -> str:
        """How it stands, in one sign."""
        if not self.goal:
            return " "
        if self.reached:
            return "[green]✓[/]"
        return {True: "[red]✗[/]", False: "[yellow]…[/]"}[self.must]


def _none(name: str, named: Iterable[str], *, must: bool = False) -> Figure:
    """Something of which there should be none."""
    found = tuple(named)
    return Figure(name=name, now=len(found), goal="0", reached=not found, must=must, named=found)


def _lengths(files: list[Source]) -> list[Figure]:
    functions = sorted((one for file in files for one in file.functions), reverse=True)
    lengths = sorted(length for length, _ in functions)
    over = [f"{n} lines: {place}" for n, place in functions if n > LONG_FUNCTION]
    long = sorted(((len(file.lines), file.name) for file in files), reverse=True)
    named = tuple(f"{n} lines: {name}" for n, name in long if n > LONG_FILE)
    return [
        Figure(name="lines of a function, median", now=statistics.median(lengths)),
        Figure(name="lines of a function, nine of ten", now=lengths[len(lengths) * 9 // 10]),
        Figure(name="lines of the longest function", now=lengths[-1]),
        _none(f"functions over {LONG_FUNCTION} lines", over),
        Figure(name=f"files over {LONG_FILE} lines", now=len(named), named=named),
    ]


def _density(files: list[Source]) -> list[Figure]:
    conditionals, comments = _shares(files)
    positional = (name for file in files for name in sources.positional_dataclasses(file))
    runs = tuple(f"{n} lines: {places}" for n, places in doubled.doubled_runs(files))
    return [
        Figure(
            name="conditional expressions in 1,000 lines",
            now=conditionals,
            goal=f"≤ {MOST_CONDITIONALS}",
            reached=conditionals <= MOST_CONDITIONALS,
        ),
        Figure(
            name="lines with a comment, of 100",
            now=comments,
            goal=f"≥ {LEAST_COMMENTS}",
            reached=comments >= LEAST_COMMENTS,
        ),
        _none("dataclasses of 4 fields or more, not keyword-only", positional),
        Figure(name=f"runs of {doubled.SHORTEST} lines or more, twice", now=len(runs), named=runs),
    ]


def _walls(files: list[Source]) -> list[Figure]:
    floors = walls.floors()
    spelled = (key for file in files for key in sources.spelled_keys(file))
    return [
        Figure(
            name="floors of worker/",
            now=floors,
            goal=f"≤ {MOST_FLOORS}",
            reached=floors <= MOST_FLOORS,
        ),
        _none("modules outside the walls", walls.outside_walls(files), must=True),
        _none("walls broken by an import", walls.broken_contracts(), must=True),
        _none("cycles of imports", walls.cycle(), must=True),
        _none(f"Redis keys spelled outside of {sources.KEYS}", spelled, must=True),
    ]


def _shares(files: list[Source]) -> tuple[float, float]:
    """Conditional expressions in 1,000 lines; lines with a comment in 100."""
    lines = sum(len(file.lines) for file in files)
    conditionals = sum(file.conditionals for file in files)
    comments = sum(file.comments for file in files)
    return 1000 * conditionals / lines, 100 * comments / lines


def _number(value: float) -> str:
    """Whole numbers whole, shares with one digit."""
    return f"{value:.1f}".removesuffix(".0")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(columns[0])
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


def show(figures: list[Figure], files: list[Source], out: Console, *, everything: bool) -> None:
    """Print the figures, then the wings, then what is behind the figures."""
    table = _table("the whole", "now", "goal", "")
    for one in figures:
        table.add_row(one.name, _number(one.now), one.goal, one.mark)
    out.print(table)
    out.print()
    out.print(_wings(files))
    for one in figures:
        if one.named:
            out.print(f"\n[bold]{one.name}[/]: {_number(one.now)}")
            shown = one.named if everything else one.named[:SHOWN]
            for name in shown:
                out.print(f"  {escape(name)}", soft_wrap=True)
            if len(shown) < len(one.named):
                out.print(f"  [dim]and {len(one.named) - len(shown)} more: --all[/]")


def _wings(files: list[Source]) -> Table:
    wings: dict[str, list[Source]] = defaultdict(list)
    for file in files:
        wings[file.wing].append(file)
    table = _table("by wing", "files", "lines", "conditionals in 1,000", "comments in 100")
    for wing, theirs in [*wings.items(), ("together", files)]:
        lines = sum(len(file.lines) for file in theirs)
        conditionals, comments = _shares(theirs)
        table.add_row(
            wing, str(len(theirs)), f"{lines:,}", f"{conditionals:.1f}", f"{comments:.1f}"
        )
    return table


def main() -> None:
    """Measure and print; end with 1 if a figure that must be reached is not."""
    files = sources.source_files()
    figures = [*_lengths(files), *_density(files), *_walls(files)]
    out = Console(highlight=False)
    show(figures, files, out, everything="--all" in sys.argv[1:])
    wrong = [one.name for one in figures if one.must and not one.reached]
    if wrong:
        out.print(f"\n[red]✗[/] must be 0: {'; '.join(wrong)}")
        sys.exit(1)


if __name__ == "__main__":
    main()
