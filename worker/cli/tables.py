"""Records in columns: on a terminal a table that fits it, in a pipe a record a line."""

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from runhook.worker.net.untrusted import one_line

GAP = 2  # spaces between columns; with one, words of two columns read as one sentence
LEAST = 12  # characters of a column that is cut; fewer tell nothing
SHORTEST = 16  # characters of a shortened id: `job_` and the millisecond of its birth


class Rows:
    """Rows under the names of their columns."""

    def __init__(
        self,
        *columns: str,
        gives_way: Sequence[str] = (),
        cut: Sequence[str] = (),
        wraps: Sequence[str] = (),
        shortened: str | None = None,
        below: str | None = None,
        head: bool = True,
        indent: int = 0,
    ) -> None:
        """Args:
        columns: Their names.
        gives_way: Those that a narrow terminal goes without, the first of them first.
        cut: Those that end in an ellipsis where there is no room; other columns are whole.
        wraps: Those that go on in the next line instead, in a table that tells everything.
        shortened: That of ids, of which a terminal shows as much as tells them apart.
        below: The last one, where it has a line of its own below its record, on a terminal.
        head: Show the names, on a terminal.
        indent: Spaces before it, on a terminal.
        """
        self._columns = columns
        self._gives_way = gives_way
        self._elastic = (*cut, *wraps)
        self._wraps = wraps
        self._shortened, self._below = shortened, below
        self._head = head
        self._indent = indent
        self._rows: list[list[Text]] = []

    def add_row(self, *cells: str | Text) -> None:
        """Add one record; a character that would break its line becomes a space."""
        self._rows.append([_one_line(cell) for cell in cells])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """A table where somebody looks at it, else tabs between the cells and nothing else."""
        if console.is_terminal:
            yield from self._drawn(console, options)
            return
        # Segments and not text: rich would lay that out.
        for row in self._rows:
            yield Segment("\t".join(cell.plain for cell in row))
            yield Segment.line()

    def _drawn(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows = Rows(
            *(name for name in self._columns if name != self._below),
            gives_way=self._gives_way,
            cut=self._elastic,
            wraps=self._wraps,
            head=self._head,
        )
        count = len(rows._columns)
        rows._rows = [row[:count] for row in self._shown()]
        table = rows._fitted(options.max_width - self._indent)
        if self._below is None:
            yield Padding(table, (0, 0, 0, self._indent))
            return
        # Its records are a line each, or there would be none to stand below.
        head, *lines = console.render_lines(table, options, pad=False)
        yield from (*head, Segment.line())
        for line, row in zip(lines, self._rows, strict=True):
            yield from (*line, Segment.line())
            if row[count].plain:
                yield Padding(row[count], (0, 0, 0, GAP))

    def _shown(self) -> list[list[Text]]:
        """The rows, their ids no longer than tells them apart."""
        if self._shortened not in self._columns:
            return self._rows
        at = self._columns.index(self._shortened)
        ids = [row[at].plain for row in self._rows]
        length = SHORTEST
        while len({one[:length] for one in ids}) < len(set(ids)):
            length += 1
        return [[*row[:at], Text(row[at].plain[:length]), *row[at + 1 :]] for row in self._rows]

    def _fitted(self, room: int) -> Table:
        table = plain_table()
        table.show_header = self._head
        widths = fitted(
            self._columns,
            self._widths(),
            room=room,
            gives_way=self._gives_way,
            elastic=self._elastic,
        )
        for index, width in widths.items():
            name = self._columns[index]
            if name in self._wraps:
                table.add_column(name, width=width, overflow="fold")
            else:
                table.add_column(name, width=width, no_wrap=True, overflow="ellipsis")
        for row in self._rows:
            table.add_row(*(row[index] for index in widths))
        return table

    def _widths(self) -> list[int]:
        """What each column takes: its longest cell, or its name where that is shown."""
        widths = [0] * len(self._columns)
        if self._head:
            widths = [len(name) for name in self._columns]
        for row in self._rows:
            widths = [max(w, cell.cell_len) for w, cell in zip(widths, row, strict=True)]
        return widths


def particulars() -> Rows:
    """A table that tells one thing, a name and a value a line."""
    return Rows("", "value", wraps=("value",), head=False)


def plain_table(*columns: str) -> Table:
    """A table without lines."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
    for column in columns:
        table.add_column(column)
    return table


def fitted(
    names: Sequence[str],
    widths: Sequence[int],
    *,
    room: int,
    gives_way: Sequence[str],
    elastic: Sequence[str],
) -> dict[int, int]:
    """The columns that there is room for, by their index, and how wide each is.

    Args:
        names: Of all columns.
        widths: How many characters each would take.
        room: How many characters there are.
        gives_way: Columns that are left out, the first of them first.
        elastic: Columns that may be narrower than they would be, down to `LEAST`.
    """
    kept = dict(enumerate(widths))

    def needed() -> int:
        inner = sum(_least(w, elastic=names[i] in elastic) for i, w in kept.items())
        return inner + GAP * (len(kept) - 1)

    for name in gives_way:
        if needed() > room:
            kept = {index: width for index, width in kept.items() if names[index] != name}
    # Where not even that is enough, every column is cut.
    cut = [i for i in kept if names[i] in elastic or needed() > room]
    free = room - GAP * (len(kept) - 1) - sum(w for i, w in kept.items() if i not in cut)
    # The narrowest first: what it leaves of its share goes to the wider ones.
    for done, index in enumerate(sorted(cut, key=lambda index: kept[index])):
        kept[index] = max(1, min(kept[index], free // (len(cut) - done)))
        free -= kept[index]
    return kept


def _least(width: int, *, elastic: bool) -> int:
    """How narrow a column may become."""
    if elastic:
        return min(width, LEAST)
    return width


def _one_line(cell: str | Text) -> Text:
    """A cell in which nothing ends the line, moves the cursor or is taken for markup."""
    if isinstance(cell, Text):
        return Text(one_line(cell.plain), cell.style)
    return Text(one_line(cell))
