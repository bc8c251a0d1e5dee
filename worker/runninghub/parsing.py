"""Parsing RunningHub's JSON: every byte of theirs comes in here, and is cleaned and bounded. Pure.

Nothing behind it meets a text that cannot be written down, a number that fills a disk, or JSON
nested without end. What is absurd is not corrected: it counts as not told.
"""

import json
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from runhook.worker.domain.provider import Unreadable
from runhook.worker.net.untrusted import LONGEST, clean, cut, writable

Json = dict[str, Any]
Fit = Callable[[str, int], str]  # a text as it may be kept, of so many characters at most

DEEPEST = 64  # levels of JSON; RunningHub's own answers have six
LARGEST_INT = 2**64 - 1  # seeds reach it; orjson writes nothing larger
DIGITS = 12  # before an amount's point: a bill is smaller than a million million
FRACTION = 20  # digits behind it: a double that was written out has seventeen
LONGEST_NUMBER = 40  # characters: more than any amount or id has
LONGEST_REF = 30  # digits; a task's id has 19
READ_OF_A_BODY = 800  # bytes of one that is no JSON, of which its markup goes
LONGEST_HEAD = 80  # characters of it that are told: as many as make a sentence
MARKUP = re.compile(r"<[^>]*>?")
LONGEST_NAME = 100  # characters of an id, code or currency
# Members that hold JSON as text, which is parsed here by itself and so is not cut.
HOLDS_JSON = ("eventData", "promptTips", "prompt", "fieldData")
OURS = "webhookUrl"  # compared with the URL that we signed, and kept nowhere
# Members that decide about money: named twice with two values, they are not believed.
DECIDING = ("taskId", "task_id", "status", "code", "errorCode", "error_code", "eventData")


def read_object(body: bytes, status: int = 200) -> Json:
    """An answer, which is an object.

    Raises:
        Unreadable: It is none.
    """
    try:
        said = read_json(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unreadable(f"HTTP {status}, not JSON: {_head(body)}") from None
    except Unreadable as error:
        raise Unreadable(f"HTTP {status}, {error}: {_head(body)}") from None
    if not isinstance(said, dict):
        raise Unreadable(f"HTTP {status}, not a JSON object: {_head(body)}")
    return cast(Json, said)


def read_json(text: str, fraction: Callable[[str], Any] | None = None) -> Any:
    """JSON as a value, cleaned and bounded.

    Args:
        text: The JSON.
        fraction: Reads a number with a point; left out: exactly, as an amount.

    Raises:
        Unreadable: It is not JSON, is nested too deep, or names what decides twice.
    """
    fit: Fit = clean
    if _is_clean(text):
        fit = cut
    return _fitted(parsed(text, fraction), DEEPEST, LONGEST, fit)


def _is_clean(text: str) -> bool:
    """Whether none of its texts can need more than a cut: none is spelt in another way either."""
    return "\\" not in text and clean(text, len(text)) == text


def parsed(text: str, fraction: Callable[[str], Any] | None = None) -> Any:
    """JSON as a value, however deep; its texts are as they came, so nothing of it is kept.

    Raises:
        Unreadable: It is not JSON, or names what decides twice.
    """
    try:
        return json.loads(
            text,
            parse_float=fraction or _amount,
            parse_int=_integer,
            parse_constant=str,  # NaN and Infinity are no numbers of JSON
            object_pairs_hook=_members,
        )
    except (ValueError, RecursionError):
        raise Unreadable("not JSON") from None


def _members(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        for name, value in pairs:
            if name in DECIDING and value != found[name]:
                raise Unreadable(f"it names {name} twice")
    return found


def _fitted(value: Any, deepest: int, longest: int, fit: Fit) -> Any:
    if isinstance(value, str):
        return fit(value, longest)
    if not isinstance(value, dict | list):
        return value
    if deepest == 0:
        raise Unreadable(f"nested deeper than {DEEPEST} levels")
    if isinstance(value, list):
        return [_fitted(item, deepest - 1, LONGEST, fit) for item in value]
    return {
        fit(name, LONGEST_NAME): _member(name, item, deepest - 1, fit)
        for name, item in value.items()
    }


def _member(name: str, item: Any, deepest: int, fit: Fit) -> Any:
    if not isinstance(item, str):
        return _fitted(item, deepest, LONGEST, fit)
    if name == OURS:
        return writable(item, LONGEST)
    if name in HOLDS_JSON:
        return fit(item, len(item))
    return fit(item, LONGEST)


def _integer(text: str) -> int | str:
    """A whole number; one that nothing can write stays its text."""
    if len(text) > LONGEST_NUMBER:
        return text
    number = int(text)
    if -LARGEST_INT <= number <= LARGEST_INT:
        return number
    return text


def _amount(text: str) -> Decimal | str:
    """A number with a point or an exponent; an absurd one stays its text."""
    amount = decimal(text)
    if amount is None:
        return text
    return amount


def decimal(value: Any) -> Decimal | None:
    """An amount, exactly; None when it is none, or absurd in digits or exponent."""
    if value is None or isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    text = str(value)
    if not text or len(text) > LONGEST_NUMBER:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int):
        return None  # NaN or Infinity
    if not -FRACTION <= exponent <= DIGITS or amount.adjusted() >= DIGITS:
        return None
    return amount


def whole(value: Any) -> str | None:
    """A code, id or word as text, also when it comes as a number; None when it is neither."""
    match value:
        case bool():  # an int to Python
            return None
        case int():
            return str(value)
        case Decimal():
            return f"{value.normalize():f}"  # 421.0 is 421
        case str():
            return value.strip()[:LONGEST_NAME]
    return None


def as_object(value: Any) -> Json:
    """An object; what stands in the place of one is as good as an empty one."""
    if isinstance(value, dict):
        return value
    return {}


def as_list(value: Any) -> list[Any]:
    """A list; what stands in the place of one is as good as an empty one."""
    if isinstance(value, list):
        return value
    return []


def as_text(value: Any) -> str | None:
    """A text; None when it is none."""
    if isinstance(value, str):
        return value
    return None


def task_id(said: Json) -> str | None:
    """The task's id as text, also when it comes as a number beyond 2^53; None when it is none.

    0, an empty text, "null", a negative number and what is not digits name no task.
    """
    return next((ref for name in ("taskId", "task_id") if (ref := _ref(said.get(name)))), None)


def odd_id(said: Json) -> str | None:
    """What stands where a task's id should and may name one, but not in a way that can be asked."""
    for name in ("taskId", "task_id"):
        text = whole(said.get(name)) or ""
        if not text.strip("-0") or text.casefold() in ("null", "none", "undefined"):
            continue
        if _ref(text) or text.startswith("-"):
            return None
        return text
    return None


def _ref(value: Any) -> str | None:
    text = whole(value) or ""
    digits = text.isascii() and text.isdigit() and len(text) <= LONGEST_REF
    if digits and text.strip("0"):
        return text
    return None


def _head(body: bytes) -> str:
    """How a body begins, for people to read: of a page of HTML its words."""
    text = MARKUP.sub(" ", clean(body[:READ_OF_A_BODY].decode("utf-8", "replace")))
    return " ".join(text.split())[:LONGEST_HEAD] or "an empty body"
