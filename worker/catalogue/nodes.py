"""Input and options of ComfyUI jobs: workflows, AI apps and quick creates.

Facts: Start ComfyUI Task 2 - Advanced (api-425761093), Start AI App Task (api-425761096), About
Quick Create Invocation (doc-7314488), the per-app pages of the V2 run path.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from runhook.worker.catalogue.finding import COMFY_KINDS
from runhook.worker.catalogue.media import Media, missing_asset, not_here
from runhook.worker.catalogue.values import kind_of
from runhook.worker.domain.faults import nearest
from runhook.worker.domain.reports import App, AppField
from runhook.worker.errors import Fault

NODE_FIELD = re.compile(r"[^.\s]+\.[^.\s]+")
OLD_UPLOAD = "?upload=old"  # an asset so marked goes through Upload Resource (api-276642711)
INSTANCE_TYPES = ("default", "plus", "ultra")  # 24, 48 and 84 GB
RETAIN = (10, 180)  # seconds an instance is kept for the key's next task; billed
LONGEST_EXPIRY = 30 * 86400
MOST_RETRIES = 10
LONGEST_PRICE = 30  # characters; every answer shows it
EVERY_JOB = ("expires_in", "retries", "max_price")  # runhook's own; RunningHub sees none of them
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


def option_faults(kind: str, given: Mapping[str, Any], options: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with a job's options.

    Args:
        kind: `workflow`, `app`, `quick`, or a model's output.
        given: The input, which an inline workflow excludes.
        options: As the user wrote them.
    """
    known = (*EVERY_JOB, *BY_KIND.get(kind, ()))
    faults = []
    for key, value in options.items():
        path = f"options.{key}"
        if key == "max_price" and kind in COMFY_KINDS:
            text = "RunningHub charges it by its run time, which nobody knows before"
            faults.append(Fault(path, text))
        elif key not in known:
            near = nearest(key, known)
            text = f"is no option of {'a model' if kind not in BY_KIND else f'a {kind}'}"
            text += f" job; there are {', '.join(known)}"
            faults.append(Fault(path, text, known, near[0] if near else None))
        elif why := OPTIONS[key](value):
            allowed = INSTANCE_TYPES if key == "instanceType" else ()
            faults.append(Fault(path, why, allowed))
    if given and "workflow" in options and kind == "workflow":
        text = "excludes input: RunningHub takes fields or a whole workflow, not both (803)"
        faults.append(Fault("options.workflow", text))
    return faults


def _number(low: float, high: float, *, whole: bool) -> Any:
    def why_not(value: Any) -> str | None:
        number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if number and math.isfinite(value) and low <= value <= high:
            return None
        return f"must be {'a whole' if whole else 'a'} number from {low:g} to {high:g}"

    return why_not


def _price(value: Any) -> str | None:
    why = 'must be an amount of money above 0, for example "0.50"'
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return why
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return why
    written = len(str(value)) <= LONGEST_PRICE
    return None if written and amount.is_finite() and amount > 0 else why


def _boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _instance(value: Any) -> str | None:
    return None if value in INSTANCE_TYPES else f"must be one of {', '.join(INSTANCE_TYPES)}"


def _password(value: Any) -> str | None:
    return None if isinstance(value, str) and 0 < len(value) <= 200 else "must be text"


def _graph(value: Any) -> str | None:
    try:
        graph = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        graph = None
    nodes = graph.values() if isinstance(graph, dict) else ()
    if nodes and all(isinstance(node, dict) and "class_type" in node for node in nodes):
        return None
    return "must be a workflow in ComfyUI's API format: node ids with class_type and inputs"


OPTIONS = {
    "expires_in": _number(1, LONGEST_EXPIRY, whole=False),
    "retries": _number(0, MOST_RETRIES, whole=True),
    "max_price": _price,
    "instanceType": _instance,
    "usePersonalQueue": _boolean,
    "retainSeconds": _number(*RETAIN, whole=True),
    "accessPassword": _password,
    "addMetadata": _boolean,
    "workflow": _graph,
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
    fields = {field.key: field for field in app.fields} if app else None
    for key, value in given.items():
        path = f"input.{key}"
        if not NODE_FIELD.fullmatch(key):
            yield Fault(path, 'must be named "<nodeId>.<fieldName>", for example "6.text"')
        elif not isinstance(value, str | int | float | bool):
            yield Fault(path, f"must be text, a number or true/false, not {kind_of(value)}")
        elif isinstance(value, float) and not math.isfinite(value):
            yield Fault(path, "must be a number")
        elif asset_of(value) and not_here(asset_of(value), known):
            yield missing_asset(path)
        elif fields is not None:
            yield from _field_faults(path, key, value, fields, known)


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
        names = tuple(fields)
        near = nearest(key, names)
        text = f"the app has no such field; it has {', '.join(names) or 'none'}"
        yield Fault(path, text, names, near[0] if near else None)
        return
    text = "" if isinstance(value, bool) else str(value)
    if field.type == "INT" and not re.fullmatch(r"[+-]?\d+", text):
        yield Fault(path, f"must be a whole number, not {kind_of(value)}")
    elif field.type == "FLOAT" and _amount(text) is None:
        yield Fault(path, f"must be a number, not {kind_of(value)}")
    elif field.type == "BOOLEAN" and str(value).lower() not in ("true", "false"):
        yield Fault(path, "must be true or false", ("true", "false"))
    elif field.choices and str(value) not in field.choices:
        near = nearest(str(value), field.choices)
        shown = ", ".join(field.choices[:24])
        yield Fault(path, f"must be one of {shown}", field.choices, near[0] if near else None)
    elif field.type in ("IMAGE", "AUDIO", "VIDEO") and (asset := asset_of(value)):
        found = known.get(asset)
        if found and found.kind not in (field.type.lower(), "file"):
            yield Fault(path, f"is {found.kind} ({found.ext}), must be {field.type.lower()}")


def _amount(text: str) -> Decimal | None:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None
