"""Versions of records, and what this version does not know of them.

A record says its version, `v`, and where an older process would do harm the oldest one that may
touch it, `needs`. Reading brings an older record up step by step; writing keeps every member that
this version does not know. What cannot be read is left as it is, and stops nobody else. More in
docs/upgrades.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from runhook.worker.errors import UnreadableRecord

VERSION = 2  # of what this release writes; scripts say it as `records.VERSION`

MARKS = ("v", "needs")  # members that say whose a record is

Kind = Literal[
    "ask",
    "life",
    "event",
    "delivery",
    "subscription",
    "handler",
    "asset",
    "upload",
    "app",
    "callback",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
Members = dict[str, Any]
Made = TypeVar("Made")

# The oldest version that may touch what this release writes of a kind; left out: every one.
NEEDS: dict[Kind, int] = {}
# The version that first knew other models to go on with, and outputs of other jobs as inputs. An
# older process would pay for the job's own model again in their place, or send the name of an
# output to RunningHub as it is written. Only the `ask` of a job that has some says so.
CHAINED = 2
# What need not be written where it is the default; every other default is, so that it may change.
NOTHING: tuple[Any, ...] = (None, False, 0, [], {})
# How deep members are kept by name and place: a life, its attempts, each of them. A value below,
# an error or an output, is replaced as a whole: what was said of the old is not true of the new.
DEEP = 3


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One step of reading an older record.

    Attributes:
        to: The version that it makes of the one before.
        name: What was different.
        kinds: Whose members.
        change: The members as the version `to` has them.
    """

    to: int
    name: str
    kinds: tuple[Kind, ...]
    change: Callable[[Members], Members]


def _versioned(members: Members) -> Members:
    return members | {"v": 1}


def _as_it_was(members: Members) -> Members:
    return members


MIGRATIONS = (  # in the order of their versions
    Migration(to=1, name="records had no version", kinds=KINDS, change=_versioned),
    # The absence of both says the same; the version is what `CHAINED` counts by.
    Migration(
        to=2,
        name="a job had one model, and no input that another makes",
        kinds=("ask", "life"),
        change=_as_it_was,
    ),
)


def texts(fields: Mapping[bytes, bytes]) -> Members:
    """The fields of a hash or an entry as text; what is none is shown as far as it goes."""
    return {
        name.decode("utf-8", "replace"): v.decode("utf-8", "replace") for name, v in fields.items()
    }


def opened(kind: Kind, name: str, text: bytes | str) -> Members:
    """The members of a record that lies in Redis as JSON, as this version has them.

    Raises:
        UnreadableRecord: It is no JSON object, or not for this version.
    """
    try:
        members = from_json(text)
    except ValueError as error:
        raise UnreadableRecord(name, f"it is not JSON: {error}") from None
    if not isinstance(members, dict):
        raise UnreadableRecord(name, "it is no JSON object")
    return brought_up(kind, name, members)


def brought_up(kind: Kind, name: str, members: Members) -> Members:
    """A record's members as this version has them.

    Raises:
        UnreadableRecord: It needs a newer version.
    """
    version, needs = _number(name, members, "v"), _number(name, members, "needs")
    if needs > VERSION:
        why = f"it needs version {needs} of records, and this process knows {VERSION}"
        raise UnreadableRecord(name, why, newer=True)
    for step in MIGRATIONS:
        if kind in step.kinds and step.to > version:
            members = step.change(members)
    return members


def made(name: str, members: Mapping[str, Any], make: Callable[[], Made]) -> Made:
    """What `make` makes of a record's members.

    Raises:
        UnreadableRecord: Something is missing or cannot be; a newer version may understand it.
    """
    try:
        return make()
    except (KeyError, ValueError, TypeError, OverflowError, OSError) as wrong:
        newer = _number(name, members, "v") > VERSION
        raise UnreadableRecord(name, _why(wrong), newer=newer) from wrong


def stamped(kind: Kind, members: Members) -> Members:
    """A record's members with their version; what a newer version wrote stays of that version."""
    found = members | {"v": max(VERSION, int(members.get("v", 0)))}
    needs = max(NEEDS.get(kind, 0), int(members.get("needs", 0)))
    if needs:
        found["needs"] = needs
    return found


def packed(kind: Kind, members: Members) -> bytes:
    """A record as it lies in Redis as JSON."""
    return to_json(stamped(kind, members))


def merged(held: Any, known: Any, new: Any, deep: int = DEEP) -> Any:
    """What is to be written, with all that this version does not know of what is held.

    Args:
        held: The members as they lie in Redis.
        known: The same as this version writes what it read of them.
        new: The members as this version wants them.
        deep: How many levels of names and places are kept.
    """
    if new == known:
        return held
    if deep and isinstance(held, dict) and isinstance(known, dict) and isinstance(new, dict):
        unknown = {name: value for name, value in held.items() if name not in known}
        both = held.keys() & known.keys() & new.keys()
        kept = {name: merged(held[name], known[name], new[name], deep - 1) for name in both}
        return unknown | new | kept
    if deep and isinstance(held, list) and isinstance(known, list) and isinstance(new, list):
        rows = zip(held, known, new, strict=False)  # one more attempt, or one less
        places = [merged(*row, deep - 1) for row in rows]
        return places + new[len(places) :]
    return new


def lean(members: Any, whole: Any, short: Any) -> Any:
    """What is to be written, without members that say nothing: they are read as if they were there.

    Args:
        members: All that is to be written, with what this version does not know.
        whole: All that this version writes.
        short: The same without members at their defaults.
    """
    if isinstance(members, dict) and isinstance(whole, dict) and isinstance(short, dict):
        return {
            name: lean(value, whole.get(name), short.get(name))
            for name, value in members.items()
            if value not in NOTHING or name not in whole or name in short
        }
    if isinstance(members, list) and isinstance(whole, list) and isinstance(short, list):
        return [lean(*row) for row in zip(members, whole, short, strict=True)]
    return members


def _number(name: str, members: Mapping[str, Any], word: str) -> int:
    try:
        return int(members.get(word, 0))
    except (ValueError, TypeError):
        raise UnreadableRecord(name, f"its {word!r} is no number") from None


def _why(wrong: Exception) -> str:
    """In words, without what the record holds: that may be secret."""
    if isinstance(wrong, ValidationError):
        first = wrong.errors(include_input=False, include_url=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    if isinstance(wrong, KeyError):
        return f"{wrong} is missing"
    return str(wrong)
