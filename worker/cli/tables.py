"""Records in columns: on a terminal a table that fits it, in a pipe a record a line."""

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from runhook.worker.net.untrusted import one_line

GAP = 2  # spaces between columns
LEAST = 12  # characters of a column that is cut; fewer tell nothing


class Rows:
    """Rows under the names of their columns."""

    def __init__(
        self,
        *columns: str,
        gives_way: Sequence[str] = (),
        cut: Sequence[str] = (),
        wraps: Sequence[str] = (),
        head: bool = True,
        indent: int = 0,
    ) -> None:
        """Args:
        columns: Their names.
        gives_way: Those that a narrow terminal goes without, the first of them first.
        cut: Those that end in an ellipsis where there is no room; other columns are whole.
        wraps: Those that go on in the next line instead, in a table that tells everything.
        head: Show the names, on a terminal.
        indent: Spaces before it, on a terminal.
        """
        self._columns = columns
        self._gives_way = gives_way
        self._elastic = (*cut, *wraps)
        self._wraps = wraps
        self._head = head
        self._indent = indent
        self._rows: list[list[Text]] = []

    def add_row(self, *cells: str | Text) -> None:
        """One record; what would break its line is a space."""
        self._rows.append([_one_line(cell) for cell in cells])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """A table where somebody looks at it, else tabs between the cells and nothing else."""
        if console.is_terminal:
            table = self._fitted(options.max_width - self._indent)
            yield Padding(table, (0, 0, 0, self._indent)) if self._indent else table
            return
        for row in self._rows:
            yield Segment("\t".join(cell.plain for cell in row))
            yield Segment.line()

    def _fitted(self, room: int) -> Table:
        table = plain_table()
        table.show_header = self._head
        widths = fitted(self._columns, self._widths(), room, self._gives_way, self._elastic)
        for index, width in widths.items():
            name = self._columns[index]
            wraps = name in self._wraps
            table.add_column(
                name, width=width, no_wrap=not wraps, overflow="fold" if wraps else "ellipsis"
            )
        for row in self._rows:
            table.add_row(*(row[index] for index in widths))
        return table

    def _widths(self) -> list[int]:
        heads = self._columns if self._head else ("",) * len(self._columns)
        cells = [[row[index].cell_len for row in self._rows] for index in range(len(heads))]
        return [max([len(head), *column]) for head, column in zip(heads, cells, strict=True)]


def plain_table(*columns: str) -> Table:
    """A table without lines."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
    for column in columns:
        table.add_column(column)
    return table


def fitted(
    names: Sequence[str],
    widths: Sequence[int],
    room: int,
    gives_way: Sequence[str],
    elastic: Sequence[str],
) -> dict[int, int]:
    """The columns that there is room for, by their index, and how wide each is.

    Args:
        names: Of all columns.
        widths: What each would take.
        room: What there is.
        gives_way: Those that are left out, the first of them first.
        elastic: Those that may be narrower than they would be, down to `LEAST`.
    """
    kept = dict(enumerate(widths))

    def needed() -> int:
        least = [min(w, LEAST) if names[i] in elastic else w for i, w in kept.items()]
        return sum(least) + GAP * (len(least) - 1)

    for name in gives_way:
        if needed() > room:
            kept = {index: width for index, width in kept.items() if names[index] != name}
    cut = [i for i in kept if names[i] in elastic] if needed() <= room else list(kept)
    free = room - GAP * (len(kept) - 1) - sum(w for i, w in kept.items() if i not in cut)
    for left, index in enumerate(sorted(cut, key=lambda index: kept[index])):
        kept[index] = max(1, min(kept[index], free // (len(cut) - left)))
        free -= kept[index]
    return kept


def _one_line(cell: str | Text) -> Text:
    """A cell in which nothing ends the line, moves the cursor or is taken for markup."""
    text = cell if isinstance(cell, Text) else Text(cell)
    return Text(one_line(text.plain), text.style)
