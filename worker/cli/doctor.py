"""`runhook doctor`: what is wrong here, and what to do about it."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click
from rich.text import Text

from runhook.worker.cli.console import out, print_json
from runhook.worker.cli.statuses import FAILED
from runhook.worker.cli.tables import Rows

if TYPE_CHECKING:
    from runhook.worker.flows.doctor import Finding
    from runhook.worker.wiring import Wiring

MARKS = {"good": ("✓", "green"), "warning": ("!", "yellow"), "bad": ("✗", "red")}


@click.command()
@click.option(
    "--fix", is_flag=True, help="First repair every index, and let parked duties try once more."
)
@click.option(
    "--take-over",
    is_flag=True,
    help="The key is a new one of the same account: the jobs here are its own.",
)
@click.option("--json", "as_json", is_flag=True)
def doctor(fix: bool, take_over: bool, as_json: bool) -> None:
    """Find what is wrong here, and what to do.

    Settings, Redis, processes, public URL, key, queue, duties and receivers are checked. Exits
    with 1 if something does not work.
    """
    # Not at the top: these bring Redis, Celery and requests, which no --help of a command needs.
    from runhook.config.settings import Settings
    from runhook.worker.flows.doctor import examine
    from runhook.worker.secrets.signing import account_fingerprint
    from runhook.worker.wiring import assemble

    # "door": fails within seconds when Redis is away, for somebody is waiting at the prompt.
    w = assemble(Settings.load("client"), patience="door")
    # Before the checks, so that they see what it changed.
    if take_over:
        account = account_fingerprint(w.settings.base_url, w.settings.api_key)
        w.store.installation.take_over_account(account)
    fixed = None
    if fix:  # without Redis this ends with status 3
        fixed = _fix(w)
    findings = examine(w, os.environ)
    if as_json:
        print_json({"items": [asdict(finding) for finding in findings], "fixed": _all_of(fixed)})
    else:
        out.print(_table(findings))
        for line in lines_of(fixed):
            out.print(line)
    if any(finding.word == "bad" for finding in findings):
        sys.exit(FAILED)


@dataclass(frozen=True)
class Fixed:
    """How many entries of indexes were wrong, and how many parked duties try once more."""

    repaired: int
    released: int


def _fix(w: "Wiring") -> Fixed:
    return Fixed(w.store.upkeep.repair(), w.store.duties.release(w.store.duties.parked()))


def _all_of(fixed: Fixed | None) -> int | None:
    if fixed is None:
        return None
    return fixed.repaired + fixed.released


def lines_of(fixed: Fixed | None) -> Iterator[str]:
    """What was fixed, in words; None: nobody asked for it."""
    if fixed is None:
        return
    indexes = "none was wrong"
    if fixed.repaired:
        indexes = f"{fixed.repaired} entries were wrong and have been repaired"
    yield f"\nindexes: {indexes}"
    if fixed.released:
        yield f"parked duties: {fixed.released} try once more"


def _table(findings: Sequence["Finding"]) -> Rows:
    """What was found, and what to do about it."""
    table = Rows("", "check", "says", "what to do", wraps=("says", "what to do"))
    for found in findings:
        mark, colour = MARKS[found.word]
        table.add_row(Text(mark, colour), found.what, Text(found.says), Text(found.advice))
    return table
