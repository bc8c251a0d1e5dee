"""Input and options of ComfyUI jobs: workflows, AI apps and quick creates.

Facts: Start ComfyUI Task 2 - Advanced (api-425761093), Start AI App Task (api-425761096), About
Quick Create Invocation (doc-7314488), the per-app pages of the V2 run path.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from runhook.worker.catalogue.finding import COMFY_KINDS
from runhook.worker.catalogue.media import (
    OLD_UPLOAD,
    Media,
    article,
    in_words,
    missing_asset,
    not_here,
)
from runhook.worker.catalogue.values import kind_of
from runhook.worker.domain.faults import misspelt
from runhook.worker.domain.reports import App, AppField
from runhook.worker.errors import Fault

NODE_FIELD = re.compile(r"[^.\s]+\.[^.\s]+")  # neither part may hold the dot that parts them
INSTANCE_TYPES = ("default", "plus", "ultra")  # 24, 48 and 84 GB (pages of run/ai-app)
RETAIN = (10, 180)  # seconds an instance is kept for the key's next task; billed (api-425761093)
LONGEST_EXPIRY = 30 * 86400  # seconds; the usual retention, after which nobody looks for a job
MOST_RETRIES = 10  # each may be paid: more is a mistake, or a script's loop
MOST_FALLBACKS = 5  # each may be paid, and no model is sold in more than two ways
# Of max_price, as it is typed: more digits are a mistake, and an exponent would be a number that is
# longer than any memory.
PRICE = re.compile(r"[0-9]{1,12}(\.[0-9]{1,20})?")
LONGEST_PASSWORD = 200  # characters; it is sealed and kept with the job
SHOWN_CHOICES = 24  # of a field's, in a message; an app may have thousands
# Options of runhook's own: RunningHub sees none of them.
EVERY_JOB = ("expires_in", "retries", "max_price", "fallback")
# Those of them that no ComfyUI job can have, and why.
MODELS_ONLY = {
    "max_price": "cannot be kept: RunningHub charges run time, which nobody knows before",
    "fallback": "is for models: the input of a ComfyUI job is made for it alone",
}
# What RunningHub takes besides: all that Start ComfyUI Task 2 - Advanced (api-425761093) names, and
# Start AI App Task (api-425761096). The quick create (doc-7314488) takes none.
BY_KIND: dict[str, tuple[str, ...]] = {
    "workflow": (
        "instanceType",
        "usePersonalQueue",
        "retainSeconds",
        "accessPassword",
        "addMetadata",
        "workflow",
    ),
    "app": ("instanceType", "usePersonalQueue", "retainSeconds", "accessPassword"),
}


def option_faults(
    kind: str, given: Mapping[str, Any], options: Mapping[str, Any], *, budgeted: bool = False
) -> list[Fault]:
    """What is wrong with a job's options.

    Args:
        kind: `workflow`, `app`, `quick`, or a model's output.
        given: The input, which an inline workflow excludes.
        options: As the user wrote them.
        budgeted: A budget takes the max_price of a ComfyUI job as what to hold for it.
    """
    faults = [
        fault for key, value in options.items() for fault in _option(kind, key, value, budgeted)
    ]
    # An inline graph has its values in it, and RunningHub does not merge.
    if given and "workflow" in options and kind == "workflow":
        text = "excludes input: RunningHub takes fields or a whole workflow, not both (error 803)"
        faults.append(Fault(path="options.workflow", message=text))
    return faults


def _option(kind: str, key: str, value: Any, budgeted: bool) -> Iterable[Fault]:
    path, known = f"options.{key}", (*EVERY_JOB, *BY_KIND.get(kind, ()))
    if key in MODELS_ONLY and kind in COMFY_KINDS and not (budgeted and key == "max_price"):
        yield Fault(path=path, message=MODELS_ONLY[key])
    elif key not in known:
        jobs = f"{kind} jobs"
        if kind not in COMFY_KINDS:
            jobs = "jobs of a model"
        text = f"is not an option of {jobs}; expected one of {', '.join(known)}"
        yield misspelt(path, text, key, known)
    elif not OPTIONS[key].accepts(value):
        yield Fault(
            path=path, message=f"must be {OPTIONS[key].wanted}", allowed=OPTIONS[key].allowed
        )


@dataclass(frozen=True)
class _Option:
    """What one option takes.

    Attributes:
        wanted: In words, after "must be".
        accepts: Whether a value is that.
        allowed: The values, where they can be listed.
    """

    wanted: str
    accepts: Callable[[Any], bool]
    allowed: tuple[str, ...] = ()


def _number(low: int, high: int) -> _Option:
    def accepts(value: Any) -> bool:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and math.isfinite(value) and low <= value <= high

    return _Option(f"a number from {low} to {high}", accepts)


def _whole_number(low: int, high: int) -> _Option:
    def accepts(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return _Option(f"a whole number from {low} to {high}", accepts)


def _is_price(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return False
    text = str(value)
    return PRICE.fullmatch(text) is not None and Decimal(text) > 0


def _is_list_of_models(value: Any) -> bool:
    if not isinstance(value, list | tuple) or len(value) > MOST_FALLBACKS:
        return False
    return all(isinstance(name, str) for name in value)


def _is_password(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_PASSWORD


def _is_graph(value: Any) -> bool:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return False
    if not isinstance(value, dict) or not value:
        return False
    return all(isinstance(node, dict) and "class_type" in node for node in value.values())


BOOLEAN = _Option("true or false", lambda value: isinstance(value, bool))
# By the API's own names, so that an option goes through as it was written.
OPTIONS = {
    "expires_in": _number(1, LONGEST_EXPIRY),
    "retries": _whole_number(0, MOST_RETRIES),
    "max_price": _Option('an amount of money above 0, for example "0.50"', _is_price),
    "fallback": _Option(f"a list of at most {MOST_FALLBACKS} models", _is_list_of_models),
    "instanceType": _Option(
        f"one of {', '.join(INSTANCE_TYPES)}", INSTANCE_TYPES.__contains__, INSTANCE_TYPES
    ),
    "usePersonalQueue": BOOLEAN,
    "retainSeconds": _whole_number(*RETAIN),
    "accessPassword": _Option(f"a string of 1 to {LONGEST_PASSWORD} characters", _is_password),
    "addMetadata": BOOLEAN,
    "workflow": _Option(
        "a workflow in ComfyUI's API format: node ids with class_type and inputs", _is_graph
    ),
}


def node_faults(
    given: Mapping[str, Any], known: Mapping[str, Media], app: App | None
) -> Iterable[Fault]:
    """What is wrong with the input of a ComfyUI job.

    Args:
        given: "<nodeId>.<fieldName>" to its value.
        known: The assets that are here.
        app: The app's own fields, where they could be read.
    """
    # Without the app's own fields only the shape is checked; RunningHub refuses the rest with 803,
    # which is free.
    fields = _by_key(app)
    for key, value in given.items():
        path = f"input.{key}"
        if not NODE_FIELD.fullmatch(key):
            yield Fault(
                path=path, message='must be named "<nodeId>.<fieldName>", for example "6.text"'
            )
        elif not isinstance(value, str | int | float | bool):
            yield Fault(
                path=path, message=f"must be a string, a number or a boolean, not {kind_of(value)}"
            )
        elif isinstance(value, float) and not math.isfinite(value):
            yield Fault(path=path, message="must be a finite number")
        elif asset_of(value) and not_here(asset_of(value), known):
            yield missing_asset(path, asset_of(value))
        elif fields is not None:
            yield from _field_faults(path, key, value, fields, known)


def _by_key(app: App | None) -> Mapping[str, AppField] | None:
    if app is None:
        return None
    return {field.key: field for field in app.fields}


def asset_of(value: Any) -> str:
    """The asset that a value names, without its mark; empty when it names none."""
    if isinstance(value, str) and value.startswith("asset:"):
        return value.removesuffix(OLD_UPLOAD)
    return ""


def _field_faults(
    path: str,
    key: str,
    value: Any,
    fields: Mapping[str, AppField],
    known: Mapping[str, Media],
) -> Iterable[Fault]:
    field = fields.get(key)
    if field is None:
        text = f"the app has no such field; it has {', '.join(fields) or 'none'}"
        yield misspelt(path, text, key, tuple(fields))
    elif field.type == "INT" and not _is_number(value, whole=True):
        yield Fault(path=path, message=f"must be a whole number, not {kind_of(value)}")
    elif field.type == "FLOAT" and not _is_number(value, whole=False):
        yield Fault(path=path, message=f"must be a number, not {kind_of(value)}")
    elif field.type == "BOOLEAN" and str(value).lower() not in ("true", "false"):
        yield Fault(path=path, message="must be true or false", allowed=("true", "false"))
    elif field.choices and str(value) not in field.choices:
        shown = ", ".join(field.choices[:SHOWN_CHOICES])
        yield misspelt(path, f"must be one of {shown}", str(value), field.choices)
    elif field.type in ("IMAGE", "AUDIO", "VIDEO"):
        found = known.get(asset_of(value) or str(value))
        if found and found.kind not in (field.type.lower(), "file"):
            kind = field.type.lower()
            yield Fault(path=path, message=f"is {in_words(found)}, must be {article(kind)}")


def _is_number(value: Any, *, whole: bool) -> bool:
    """Whether it is a number, also as text: a node's value may come as either."""
    if isinstance(value, bool):
        return False
    if whole:
        return re.fullmatch(r"[+-]?\d+", str(value)) is not None
    return _amount(str(value)) is not None


def _amount(text: str) -> Decimal | None:
    with suppress(InvalidOperation):
        amount = Decimal(text)
        if amount.is_finite():
            return amount
    return None
