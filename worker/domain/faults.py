"""Reading what a user sent: into an object, or into a fault for each thing wrong. Pure."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from runhook.worker.domain.views import View
from runhook.worker.errors import MOST_FAULTS, Fault, InvalidRequest

# Levels of lists and objects in a member of a request. What is kept is wrapped in a few more, and
# everybody who reads or writes it must manage: pydantic reads 200 levels, orjson writes 254.
DEEPEST = 64
# Commas of a request: one for each value, and a file as base64 has one. Reading ten million values
# takes seconds in which the whole process stands still; a million take a tenth of one.
MOST_COMMAS = 1_000_000
LONGEST_NAME = 200  # characters; finding the nearest costs their square


def json_object(text: bytes, what: str = "the body") -> View:
    """What a user sent, as an object.

    Raises:
        InvalidRequest: It is none, or has more values than are read.
    """
    if text.count(b",") > MOST_COMMAS:
        raise InvalidRequest([Fault("", f"{what} has more than {MOST_COMMAS} commas; send less")])
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest([Fault("", f"{what} is not JSON: {error}")]) from None
    if not isinstance(given, dict):
        raise InvalidRequest([Fault("", f"{what} must be a JSON object")])
    if faults := too_deep(given):
        raise InvalidRequest(faults)
    return given


def too_deep(given: Mapping[str, Any]) -> list[Fault]:
    """A fault for each member that nests deeper than can be kept."""
    text = f"nests deeper than {DEEPEST} levels; nothing that deep is taken"
    return [Fault(name, text) for name, value in given.items() if _deeper(value, DEEPEST)]


def _deeper(value: Any, most: int) -> bool:
    """Whether lists and objects stand in each other more often; level by level, so of any depth."""
    level = [value]
    for _ in range(most + 1):
        inner = [one.values() if isinstance(one, dict) else one for one in level if _nests(one)]
        if not inner:
            return False
        level = [value for values in inner for value in values]
    return True


def _nests(value: Any) -> bool:
    return isinstance(value, dict | list | tuple)


def unknown_members(given: Mapping[str, Any], known: tuple[str, ...]) -> list[Fault]:
    """A fault for each member that is not taken."""
    text = f"is unknown; expected one of {', '.join(known) or 'none'}"
    unknown = [name for name in given if name not in known]
    listed = [
        Fault(name, text, known, next(iter(nearest(name, known)), None))
        for name in unknown[:MOST_FAULTS]
    ]
    return [*listed, *(Fault(name, text, known) for name in unknown[MOST_FAULTS:])]


def misspelt(path: str, message: str, word: str, known: Sequence[str]) -> Fault:
    """The fault of a word that is not a known one, naming the one that was probably meant."""
    return Fault(path, message, tuple(known), next(iter(nearest(word, known)), None))


def nearest(word: str, known: Sequence[str], most: int = 1) -> list[str]:
    """Those of the known words that were probably meant; a word longer than names are is none."""
    if len(word) > LONGEST_NAME:
        return []
    folded = {k.casefold(): k for k in reversed(known)}
    found = difflib.get_close_matches(word.casefold(), folded, n=most, cutoff=0.5)
    return [folded[key] for key in found]
