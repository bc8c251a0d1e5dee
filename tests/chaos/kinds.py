"""The kinds of trouble beside kills, and what some jobs meet each time, whoever asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KINDS = {
    "mixed": "faults by rate, most of which pass with the next request",
    "own": "faults of one job, each time: its file, its price, its status",
    "refusals": "refusals that last: queue/status and price-preview all along, the key for a while",
    "bytes": "texts, amounts and sizes that cannot be written down, wherever somebody else writes",
    "replies": "replies of Redis that are lost on the way",
    "backwards": "a Redis that goes back to what it held some seconds ago",
    "hanging": "ten subscribers and two handlers that hang beside good ones",
}
HANGING = ("hangs-1", "hangs-2")  # handlers
# Half a surrogate pair, NUL and control characters.
UNWRITABLE = "\ud83d\x00\x07\x1b[2J"


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What one job meets, each time.

    Attributes:
        kind: Of which kind it is.
        faults: The sandbox's faults, for requests that hold its name in square brackets.
        file: The fault of its file's upload.
        priced: It has a max_price, so that its price is asked for.
        expires_in: Seconds after which its owner does not want it any more.
        sendable: Whether it can be sent at all; if not it must fail, free.
        told: It has an end that RunningHub tells readably enough: it may not be given up.
    """

    kind: str
    faults: tuple[str, ...] = ()
    file: str = ""
    priced: bool = False
    expires_in: float | None = None
    sendable: bool = True
    told: bool = True


# Nobody calls back about those that cannot be asked about either: only their time ends them.
TROUBLES: dict[str, Trouble] = {
    "file-too-large": Trouble(kind="own", file="upload_too_large", sendable=False),
    # It is tried for twenty minutes, which no run waits for: its owner gives it up.
    "file-torn": Trouble(kind="own", file="upload_reset", sendable=False, expires_in=30),
    "no-price": Trouble(kind="own", faults=("price_missing",), priced=True),
    "no-status": Trouble(kind="own", faults=("status_unknown", "callback_unrecorded"), told=False),
    "no-json": Trouble(kind="own", faults=("query_html", "callback_unreadable"), told=False),
    "dirty": Trouble(kind="bytes", faults=("text_unwritable",)),
    "dirty-failure": Trouble(kind="bytes", faults=("text_unwritable", "failed")),
    "dirty-refusal": Trouble(kind="bytes", faults=("text_unwritable", "refused")),
    "dirty-record": Trouble(kind="bytes", faults=("text_unwritable", "failed", "callback_lost")),
    "dear": Trouble(kind="bytes", faults=("money_absurd",)),
    "long-numbers": Trouble(kind="bytes", faults=("numbers_long",)),
    "nested": Trouble(kind="bytes", faults=("nested", "failed")),
    "many": Trouble(kind="bytes", faults=("many_results",)),
    "huge": Trouble(kind="bytes", faults=("text_huge", "failed")),
    "raises": Trouble(kind="bytes"),
}


def calm(book: Path) -> Path:
    """The file that lets go of the handlers that hang."""
    return book.with_suffix(".calm")


def troubles_of(kind: str) -> list[str]:
    """Those of a kind, by name."""
    return [name for name, trouble in TROUBLES.items() if trouble.kind == kind]


def prompt_in(given: Mapping[str, Any]) -> str:
    """What an input asks for, in words."""
    return str(next(given[name] for name in ("prompt", "text", "6.text") if name in given))


def trouble_in(prompt: str) -> Trouble | None:
    """What the job of a prompt meets."""
    return TROUBLES.get(prompt.partition("[")[2].partition("]")[0])
