"""A job's timeline as a table of so many lines: what happened, whose side, what was said. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from runhook.webhook.pages.life_picture import TITLES
from runhook.worker.domain.lines import LONGEST, Line, kind_of, sentence, what_of

LINES = 60  # of one page of the table
# Characters of what was said in all lines of a page together, so that a page stays one: an answer
# may have 4 KiB, and /v1 has each whole.
ROOM = 12000
SAID = ("answer", "body")  # the parts of a line that quote others
IN_SENTENCE = ("at", "what")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line.

    Attributes:
        n: Its place in the timeline, by which it is known again.
        at: When; empty where that cannot be read.
        side: Whose.
        tone: How good it is.
        what: Its word.
        says: Its sentence.
        quoted: What others said, as far as there was room for it.
        more: Whether there is more of it than is shown.
    """

    n: int
    at: str
    side: str
    tone: str
    what: str
    says: str
    quoted: str
    more: bool


@dataclass(frozen=True)
class Rows:
    """Some lines, the newest first; `earlier` is where the page before begins, None: at the end."""

    rows: tuple[Row, ...]
    earlier: int | None
    later: bool


def rows_of(lines: Sequence[Line], until: int | None = None) -> Rows:
    """A page of a timeline, the newest first.

    Args:
        lines: All of it, oldest first.
        until: How many of its lines come up to here; None: all.
    """
    last = len(lines)
    if until is not None:
        last = max(0, min(until, last))
    first, room, found = max(0, last - LINES), ROOM, []
    for n in range(last - 1, first - 1, -1):
        whole = _quoted(lines[n])
        quoted = whole[:room]
        room -= len(quoted)
        found.append(_row(lines[n], n, quoted, more=len(quoted) < len(whole)))
    return Rows(tuple(found), first or None, later=last < len(lines))


def _row(line: Line, n: int, quoted: str, *, more: bool) -> Row:
    kind = kind_of(line)
    return Row(
        n=n,
        at=str(line.get("at") or ""),
        side=TITLES[kind.lane],
        tone=kind.tone,
        what=what_of(line),
        says=sentence(line),
        quoted=quoted,
        more=more,
    )


def _quoted(line: Line) -> str:
    """What others said, and what is too long for a sentence."""
    parts = [str(line[name]) for name in SAID if line.get(name)]
    for name, value in line.items():
        if name in (*SAID, *IN_SENTENCE):
            continue
        if isinstance(value, str) and len(value) > LONGEST:
            parts.append(f"{name}: {value}")
        elif isinstance(value, dict):
            parts.append(f"{name}: {json.dumps(value, default=str)}")
    return "\n".join(parts)
