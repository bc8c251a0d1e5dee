"""One parameter's value: what it may be, in words, and what is wrong with one that is not."""

import math
from collections.abc import Mapping
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
from runhook.worker.domain.faults import nearest
from runhook.worker.errors import Fault

MEDIA = ("image", "video", "audio")
FILES = (*MEDIA, "object")  # what may hold assets
MOST_ITEMS = 1000  # of a list; no model takes a tenth of it, and each is checked
MANY = 24  # values that a message lists; more are counted


def describe(param: Param) -> str:
    """What a parameter takes, in words."""
    one = _describe_one(param)
    if not param.list:
        return one
    return (
        f"a list of at most {param.max_items}, each {one}"
        if param.max_items
        else f"a list, each {one}"
    )


def _describe_one(param: Param) -> str:
    if param.type == "enum":
        more = f" and {len(param.values) - MANY} more" if len(param.values) > MANY else ""
        return "one of " + ", ".join(f'"{v}"' for v in param.values[:MANY]) + more
    if param.type in MEDIA:
        kinds = f" ({', '.join(param.accept)})" if param.accept else ""
        return f"an https URL, data URI or asset:<id> of {article(param.type)}{kinds}"
    if param.type in ("integer", "number"):
        return f"{article(param.type)}{_range(param)}"
    if param.type == "boolean":
        return "true or false"
    if param.type == "object":
        return "an object" + (f" with {', '.join(param.fields)}" if param.fields else "")
    return f"text of at most {param.max_length} characters" if param.max_length else "text"


def _range(param: Param) -> str:
    parts = []
    if param.min is not None:
        parts.append(f"from {_plain(param.min)}")
    if param.max is not None:
        parts.append(f"to {_plain(param.max)}")
    if param.step is not None and (param.type, param.step) != ("integer", 1):
        parts.append(f"in steps of {_plain(param.step)}")
    return " " + " ".join(parts) if parts else ""


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:g}"


def faults_of(param: Param, value: Any, known: Mapping[str, Media], reach: Reach) -> list[Fault]:
    path = f"input.{param.name}"
    if not param.list:
        return _value_faults(param, path, value, known, reach)
    if not isinstance(value, list):
        return [Fault(path, f"must be {describe(param)}, not {kind_of(value)}")]
    if len(value) > MOST_ITEMS:
        return [Fault(path, f"has {len(value)} items, at most {MOST_ITEMS} are taken in any list")]
    faults = []
    if param.max_items is not None and len(value) > param.max_items:
        faults.append(Fault(path, f"has {len(value)} items, at most {param.max_items} are allowed"))
    if param.required and not value:
        faults.append(Fault(path, f"is empty: {describe(param)}"))
    for index, item in enumerate(value):
        faults += _value_faults(param, f"{path}[{index}]", item, known, reach)
    return faults


def _value_faults(
    param: Param, path: str, value: Any, known: Mapping[str, Media], reach: Reach
) -> list[Fault]:
    wrong = Fault(path, f"must be {_describe_one(param)}, not {kind_of(value)}")
    match param.type:
        case "string":
            if not isinstance(value, str):
                return [wrong]
            return _length_faults(param, path, value)
        case "enum":
            return _enum_faults(param, path, value)
        case "boolean":
            return [] if isinstance(value, bool) else [wrong]
        case "integer" | "number":
            whole = isinstance(value, int) and not isinstance(value, bool)
            finite = isinstance(value, float) and math.isfinite(value)
            if not whole and (param.type == "integer" or not finite):
                return [wrong]
            return _range_faults(param, path, value)
        case "object":
            return _object_faults(path, value, known) if isinstance(value, dict) else [wrong]
        case _:
            if not isinstance(value, str):
                return [wrong]
            return media_faults(param, path, value, known, reach)


def _object_faults(path: str, value: Mapping[str, Any], known: Mapping[str, Media]) -> list[Fault]:
    """Members are RunningHub's to check: no source gives their shape. Assets must be here."""
    assets = [found for found in media_values(value) if found.startswith("asset:")]
    return [missing_asset(path) for asset in assets if not_here(asset, known)]


def _length_faults(param: Param, path: str, value: str) -> list[Fault]:
    if param.required and not value.strip():
        return [Fault(path, f"is empty: {describe(param)}")]
    if param.max_length is not None and len(value) > param.max_length:
        text = f"has {len(value)} characters, at most {param.max_length} are allowed"
        return [Fault(path, text)]
    return []


def _enum_faults(param: Param, path: str, value: Any) -> list[Fault]:
    if isinstance(value, str):
        known = param.values
        if value in known or (
            param.ignore_case and value.casefold() in [v.casefold() for v in known]
        ):
            return []
        near = nearest(value, known)
        text = f"{value[:200]!r} is not {_describe_one(param)}"
        return [Fault(path, text, known, near[0] if near else None)]
    written = str(value).lower() if isinstance(value, bool) else str(value)
    near_value = written if written in param.values else None
    text = f"must be text, {_describe_one(param)}, not {kind_of(value)}"
    return [Fault(path, text, param.values, near_value)]


def _range_faults(param: Param, path: str, value: float) -> list[Fault]:
    low = param.min is not None and value < param.min
    high = param.max is not None and value > param.max
    steps = (value - (param.min or 0)) / param.step if param.step else 0
    if low or high or abs(steps - round(steps)) > 1e-6:
        return [Fault(path, f"is {value}, must be {_describe_one(param)}")]
    return []


def kind_of(value: Any) -> str:
    """A JSON value's type in words."""
    names = {
        str: "text",
        bool: "true/false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
        type(None): "null",
    }
    return names.get(type(value), type(value).__name__)
