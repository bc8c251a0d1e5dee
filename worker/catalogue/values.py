"""One parameter's value: what it may be, in words, and what is wrong with one that is not."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from runhook.config.catalogue import Param
from runhook.worker.catalogue.media import (
    Media,
    Reach,
    article,
    media_faults,
    media_values,
    missing_asset,
    not_here,
)
from runhook.worker.catalogue.sentences import written
from runhook.worker.domain.faults import misspelt
from runhook.worker.errors import Fault

MEDIA = ("image", "video", "audio")  # types whose values RunningHub fetches
FILES = (*MEDIA, "object")  # what may hold assets
STEP_SLACK = 1e-6  # of a step: 0.1 has no exact float
MOST_ITEMS = 1000  # of a list; no model takes a tenth of it, and each is checked
LONGEST_VALUE = 200  # characters of a wrong one that a message repeats
MANY = 24  # values that a message lists; more are counted


def describe(param: Param) -> str:
    """What a parameter takes, in words."""
    one = _describe_one(param)
    if not param.list:
        return one
    if param.max_items:
        return f"a list of at most {param.max_items}, each {one}"
    return f"a list, each {one}"


def _describe_one(param: Param) -> str:
    match param.type:
        case "enum":
            return _one_of(param.values)
        case "image" | "video" | "audio":
            kinds = _in_brackets(param.accept)
            ways = "an https URL, data URI, asset:<id> or output:<job id>/<n>"
            return f"{ways} of {article(param.type)}{kinds}"
        case "integer" | "number":
            return " ".join([article(param.type), *_range(param)])
        case "boolean":
            return "true or false"
        case "object" if param.fields:
            return f"an object with {', '.join(param.fields)}"
        case "object":
            return "an object"
    if param.max_length:
        return f"a string of at most {param.max_length} characters"
    return "a string"


def _one_of(values: Sequence[str]) -> str:
    listed = "one of " + ", ".join(f'"{value}"' for value in values[:MANY])
    if len(values) > MANY:
        return f"{listed} and {len(values) - MANY} more"
    return listed


def _in_brackets(words: Sequence[str]) -> str:
    if not words:
        return ""
    return f" ({', '.join(words)})"


def _range(param: Param) -> list[str]:
    parts = []
    if param.min is not None:
        parts.append(f"from {_plain(param.min)}")
    if param.max is not None:
        parts.append(f"to {_plain(param.max)}")
    if param.step is not None and (param.type, param.step) != ("integer", 1):
        parts.append(f"in steps of {_plain(param.step)}")
    return parts


def _plain(number: float) -> str:
    """A number without needless zeros; a large one is not rounded to six digits."""
    if number == int(number):
        return str(int(number))
    return f"{number:g}"


def faults_of(param: Param, value: Any, known: Mapping[str, Media], reach: Reach) -> list[Fault]:
    """What is wrong with one parameter's value, each item of a list by itself.

    Args:
        param: What it may be.
        value: As the user wrote it.
        known: What is known of the assets and data URIs in the input.
        reach: Where media may point.
    """
    path = f"input.{param.name}"
    if not param.list:
        return _value_faults(param, path, value, known, reach)
    if not isinstance(value, list):
        return [Fault(path=path, message=f"must be {describe(param)}, not {kind_of(value)}")]
    if len(value) > MOST_ITEMS:
        return [
            Fault(
                path=path,
                message=f"has {len(value)} items; no list may have more than {MOST_ITEMS}",
            )
        ]
    faults = []
    if param.max_items is not None and len(value) > param.max_items:
        faults.append(
            Fault(
                path=path, message=f"has {len(value)} items, at most {param.max_items} are allowed"
            )
        )
    if param.required and not value:
        faults.append(Fault(path=path, message=f"is empty: {describe(param)}"))
    for index, item in enumerate(value):
        faults += _value_faults(param, f"{path}[{index}]", item, known, reach)
    return faults


def _value_faults(
    param: Param, path: str, value: Any, known: Mapping[str, Media], reach: Reach
) -> list[Fault]:
    match param.type:
        case "string" if isinstance(value, str):
            return _length_faults(param, path, value)
        case "enum":
            return _enum_faults(param, path, value)
        case "boolean" if isinstance(value, bool):
            return []
        case "integer" | "number" if _is_number(value, whole=param.type == "integer"):
            return _range_faults(param, path, value)
        case "object" if isinstance(value, dict):
            return _object_faults(path, value, known)
        case "image" | "video" | "audio" if isinstance(value, str):
            return media_faults(param, path, value, known, reach)
    return [Fault(path=path, message=f"must be {_describe_one(param)}, not {kind_of(value)}")]


def _is_number(value: Any, *, whole: bool) -> bool:
    if isinstance(value, bool):
        return False
    finite = isinstance(value, float) and math.isfinite(value)
    return isinstance(value, int) or (finite and not whole)


def _object_faults(path: str, value: Mapping[str, Any], known: Mapping[str, Media]) -> list[Fault]:
    """Members are RunningHub's to check: no source gives their shape. Assets must be here."""
    assets = [found for found in media_values(value) if found.startswith("asset:")]
    return [missing_asset(path, asset) for asset in assets if not_here(asset, known)]


def _length_faults(param: Param, path: str, value: str) -> list[Fault]:
    if param.required and not value.strip():
        return [Fault(path=path, message=f"is empty: {describe(param)}")]
    if param.max_length is not None and len(value) > param.max_length:
        text = f"has {len(value)} characters, at most {param.max_length} are allowed"
        return [Fault(path=path, message=text)]
    return []


def _enum_faults(param: Param, path: str, value: Any) -> list[Fault]:
    if isinstance(value, str):
        known = param.values
        if value in known or (
            param.ignore_case and value.casefold() in [v.casefold() for v in known]
        ):
            return []
        return [misspelt(path, f"{value[:LONGEST_VALUE]!r} is not {_one_of(known)}", value, known)]
    # 5 where "5" is meant: the same value, so it is named exactly or not at all.
    meant = next((one for one in param.values if one == written(value)), None)
    text = f"must be a string, {_one_of(param.values)}, not {kind_of(value)}"
    return [Fault(path=path, message=text, allowed=param.values, nearest=meant)]


def _range_faults(param: Param, path: str, value: float) -> list[Fault]:
    low = param.min is not None and value < param.min
    high = param.max is not None and value > param.max
    if low or high or _between_steps(param, value):
        return [Fault(path=path, message=f"is {value}, must be {_describe_one(param)}")]
    return []


def _between_steps(param: Param, value: float) -> bool:
    """Whether it lies between the values that are allowed, counted from the least."""
    if not param.step:
        return False
    steps = (value - (param.min or 0)) / param.step
    return abs(steps - round(steps)) > STEP_SLACK


def kind_of(value: Any) -> str:
    """A JSON value's type in words."""
    names = {
        str: "a string",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
        type(None): "null",
    }
    return names.get(type(value), type(value).__name__)
