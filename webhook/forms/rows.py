"""Free rows of a form: names and values, where nobody knows which a model takes. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runhook.config.catalogue import Param
from runhook.webhook.forms.fields import Field, field_of
from runhook.webhook.forms.posted import Posted
from runhook.webhook.forms.texts import texts_of, unix
from runhook.worker.errors import Fault

ROW = re.compile(r"row\.(\d{1,4})\.(name|value|file)")
EMPTY = 2  # rows that stand ready for more
MOST_ROWS = 1000  # as many members as an input may have
# What a node takes is RunningHub's to say; a number may come as text.
ANYTHING = Param(name="value", type="string", required=False)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row.

    Attributes:
        n: Its place.
        name: What stands in its first field.
        value: Its second field.
        fault: Where the check says something of it: `input.6.text`; empty while it has no name.
    """

    n: int
    name: str
    value: Field
    fault: str = ""

    @property
    def id(self) -> str:
        """Of the element of its name."""
        return f"f-row-{self.n}-name"


@dataclass(frozen=True)
class Rows:
    """The rows that were posted: name and value of each, by its place."""

    pairs: Mapping[int, tuple[str, str]] = field(default_factory=dict)

    def values(self) -> tuple[dict[str, Any], list[Fault]]:
        """The input that they mean; a value without a name, or a name twice, is a fault."""
        found: dict[str, Any] = {}
        faults = []
        for n, (name, value) in self.pairs.items():
            if name in found:
                faults.append(Fault(path=f"row.{n}.name", message=f"{name[:80]!r} stands twice"))
            elif name:
                found[name] = value
            elif value:
                text = "is required: which node and field, for example 6.text"
                faults.append(Fault(path=f"row.{n}.name", message=text))
        return found, faults

    def texts(self) -> dict[str, Sequence[str]]:
        """What a form posts that has them."""
        found: dict[str, Sequence[str]] = {}
        for n, (name, value) in self.pairs.items():
            found |= {f"row.{n}.name": [name], f"row.{n}.value": [value]}
        return found

    def shown(self) -> list[Row]:
        """The rows of a form that has them, each in its place, and some empty ones."""
        filled = {n: pair for n, pair in self.pairs.items() if any(pair)}
        behind = max(filled, default=-1) + 1
        empty = dict.fromkeys(range(behind, behind + EMPTY), ("", ""))
        return [_row(n, name, text) for n, (name, text) in (filled | empty).items()]


def read_rows(posted: Posted) -> Rows:
    """The rows that were posted."""
    places = sorted({int(found[1]) for name in posted.texts if (found := ROW.fullmatch(name))})
    return Rows(
        {
            n: (posted.one(f"row.{n}.name").strip(), unix(posted.one(f"row.{n}.value")))
            for n in places[:MOST_ROWS]
        }
    )


def rows_of(given: Mapping[str, Any]) -> Rows:
    """The rows that mean an input."""
    pairs = ((name, _text(value)) for name, value in given.items())
    return Rows(dict(enumerate(pairs)))


def row_names(posted: Posted) -> list[str]:
    """The names of rows among all that was posted."""
    return [name for name in posted.texts if ROW.fullmatch(name)]


def _text(value: Any) -> str:
    return texts_of(ANYTHING, value)[0]


def _row(n: int, name: str, text: str) -> Row:
    value = field_of(ANYTHING, [text], inside=f"row.{n}")
    fault = f"row.{n}.name"
    if name:
        fault = f"input.{name}"
    return Row(n=n, name=name, value=value, fault=fault)
