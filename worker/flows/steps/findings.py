"""What one look at an installation found, how bad that is, and what to do about it. Values."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Word = Literal["good", "warning", "bad"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found.

    Attributes:
        what: Which check, in a word.
        word: How bad it is: `good`, `warning` or `bad`, with which doctor exits with 1.
        says: What was found.
        advice: What to do about it; empty where nothing is.
    """

    what: str
    word: Word
    says: str
    advice: str = ""


Findings = Iterator[Finding]


def good(what: str, says: str) -> Finding:
    """Nothing is wrong there."""
    return Finding(what=what, word="good", says=says)


def warning(what: str, says: str, advice: str) -> Finding:
    """Something works less well than it could, or will not for long."""
    return Finding(what=what, word="warning", says=says, advice=advice)


def bad(what: str, says: str, advice: str) -> Finding:
    """Something does not work."""
    return Finding(what=what, word="bad", says=says, advice=advice)
