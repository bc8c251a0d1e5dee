"""A parameter's value as a form has it, and back: every field of a form is text. Pure.

What cannot be read as the parameter's type stays text, so that the check says what is wrong with
it and the form shows what was typed.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from runhook.config.catalogue import Param
from runhook.worker.catalogue.values import MEDIA
from runhook.worker.domain.typed import guess

# As people type numbers: without an exponent, no longer than anybody means. JSON as it is written
# here has whole numbers of 64 bits.
WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
BROKEN = re.compile(r"[+-]?(?:[0-9]{1,20}\.[0-9]{0,20}|\.[0-9]{1,20})(?:[eE][+-]?[0-9]{1,2})?")
LEAST, MOST = -(2**63), 2**64 - 1
BOOLEANS = {"true": True, "false": False}


def value_of(param: Param, texts: Sequence[str]) -> Any:
    """The value that a form means; None: it is left out.

    Args:
        param: What it is a value of.
        texts: What was posted under its name: one text, or one for each ticked box.
    """
    if param.list:
        return _list(param, texts)
    text = unix(texts[-1])
    if not text.strip():
        return _blank(param, text)
    return _one(param, text)


def texts_of(param: Param, value: Any) -> list[str]:
    """A value as the texts that mean it."""
    if not param.list or not isinstance(value, list):
        return [_text(value)]
    if param.type == "enum":
        return [_text(item) for item in value]
    if param.type == "object" or not all(isinstance(item, str) for item in value):
        return [_text(value)]
    text = "\n".join(value)
    # An item of several lines would come back as several items.
    if value_of(param, [text]) != value:
        return [_text(value)]
    return [text]


def initial(param: Param) -> list[str]:
    """What stands in a form that nobody has filled in: the default, else nothing."""
    if param.default is None:
        return []
    if param.list:
        return texts_of(param, [param.default])
    return texts_of(param, param.default)


def unix(text: str) -> str:
    """A text with the line ends that it had before a browser posted it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def number(text: str) -> Any:
    """The number that was typed, or the text."""
    text = text.strip()
    if WHOLE.fullmatch(text) and LEAST <= int(text) <= MOST:
        return int(text)
    if BROKEN.fullmatch(text):
        return float(text)
    return text


def _blank(param: Param, text: str) -> Any:
    # Left out, it would get its default again, which whoever emptied the field does not want.
    if param.type == "string" and param.default is not None:
        return text
    return None


def _one(param: Param, text: str) -> Any:
    return READERS[param.type](text)


def _list(param: Param, texts: Sequence[str]) -> Any:
    items: Any = [text for text in texts if text]
    if param.type != "enum":
        items = _items(param, unix("\n".join(items)))
    # A ticked-off default is no value that is left out: the form posts an empty text beside boxes.
    if items == [] and param.default is None:
        return None
    return items


def _items(param: Param, text: str) -> Any:
    """One a line; or the list as JSON, for objects and items of several lines."""
    if text.lstrip().startswith("["):
        found = guess(text)
        if isinstance(found, list):
            return found
    if param.type == "object" and text.strip():
        return guess(text)
    return [READERS[param.type](line.strip()) for line in text.split("\n") if line.strip()]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list | dict):
        return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return orjson.dumps(value).decode()


def _boolean(text: str) -> Any:
    return BOOLEANS.get(text, text)


# By type of parameter, as `Param` has them.
READERS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "enum": str,
    "integer": number,
    "number": number,
    "boolean": _boolean,
    "object": guess,
    **dict.fromkeys(MEDIA, str.strip),
}
