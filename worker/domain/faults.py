"""What a user probably meant, for the refusal of what he wrote. Pure."""

import difflib
from collections.abc import Sequence

from runhook.worker.errors import Fault

LONGEST_NAME = 200  # characters; finding the nearest costs their square


def misspelt(path: str, message: str, word: str, known: Sequence[str]) -> Fault:
    """The fault of a word that is not a known one, naming the one that was probably meant."""
    return Fault(
        path=path,
        message=message,
        allowed=tuple(known),
        nearest=next(iter(nearest(word, known)), None),
    )


def nearest(word: str, known: Sequence[str], most: int = 1) -> list[str]:
    """Those of the known words that were probably meant; a word longer than names are is none."""
    if len(word) > LONGEST_NAME:
        return []
    folded = {k.casefold(): k for k in reversed(known)}
    found = difflib.get_close_matches(word.casefold(), folded, n=most, cutoff=0.5)
    return [folded[key] for key in found]
