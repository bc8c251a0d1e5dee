"""Faults found in more than one place, and what a user probably meant by a word. Pure."""

import difflib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from runhook.worker.errors import Fault, InvalidRequest

# Digits, and a unit of two letters at most: 5, -1.5, 720p, 16:9, 1024x768.
_NUMBER = re.compile(r"[\W_]*\d[\d\W_]*[a-zA-Z]{0,2}[\d\W_]*")
LONGEST_NAME = 200  # characters; finding the nearest costs their square


class Faults:
    """What is wrong with one request, found place by place and refused all at once.

    Attributes:
        found: So far.
    """

    def __init__(self, *found: Fault) -> None:
        self.found = list(found)

    @contextmanager
    def also(self) -> Iterator[None]:
        """Find those of one more place; it goes on behind it, whatever that raises of them."""
        try:
            yield
        except InvalidRequest as invalid:
            self.found += invalid.faults

    @contextmanager
    def together(self) -> Iterator[None]:
        """Find those of the last place, and refuse the request if there are any.

        A last place that cannot be looked at hides none of those before it.

        Raises:
            InvalidRequest: With all of them.
        """
        try:
            yield
        except InvalidRequest as invalid:
            self.found += invalid.faults
        except Exception:
            if not self.found:
                raise
        if self.found:
            raise InvalidRequest(self.found)


def misspelt(path: str, message: str, word: str, known: Sequence[str]) -> Fault:
    """The fault of a word that is not a known one, naming the one that was probably meant."""
    return Fault(
        path=path,
        message=message,
        allowed=tuple(known),
        nearest=next(iter(nearest(word, known)), None),
    )


def nearest(word: str, known: Sequence[str], most: int = 1) -> list[str]:
    """Those of the known words that were probably meant; a word longer than names are is none.

    Of a number none is: who wrote 8 did not misspell 9. But 2K is 2k, and 720 is 720p.
    """
    if len(word) > LONGEST_NAME:
        return []
    folded = {k.casefold(): k for k in reversed(known)}
    if _NUMBER.fullmatch(word):
        return [k for k in known if _digits(k) == _digits(word)][:most]
    folded = {key: k for key, k in folded.items() if not _NUMBER.fullmatch(k)}
    found = difflib.get_close_matches(word.casefold(), folded, n=most, cutoff=0.5)
    return [folded[key] for key in found]


def _digits(word: str) -> str:
    """A number without its unit; empty: it is a word."""
    if not _NUMBER.fullmatch(word):
        return ""
    return "".join(sign for sign in word if sign.isdigit() or sign in ".-:")


def head_of(path: str) -> str:
    """The member of a request that a fault's path is in: `input` of `input.images[0]`."""
    return path.partition(".")[0].partition("[")[0]
