"""The models RunningHub sells: finding one by any of its names, checking and completing input.

The catalogue is data in `config/models/`, one file for each kind of output. Pure but for reading
those files once.
"""

import difflib
import ipaddress
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, TypeAdapter

from worker.errors import Fault, InvalidRequest, NotFound

Output = Literal["video", "image", "audio", "3d", "string"]
MEDIA = ("image", "video", "audio")
WORKFLOW = re.compile(r"workflow/(\d{1,20})")
NODE_FIELD = re.compile(r"[^.\s]+\.[^.\s]+")
INSTANCE_TYPES = ("default", "plus", "ultra")  # run/ai-app page: 24, 48 and 84 GB
MANY = 24  # values that a message lists; more are counted


class Param(BaseModel):
    """One parameter of a model, as the reference states it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: Literal[
        "string", "enum", "integer", "number", "boolean", "image", "video", "audio", "object"
    ]
    required: bool
    list: bool = False
    default: str | int | float | bool | None = None
    values: tuple[str, ...] = ()
    ignore_case: bool = False
    min: float | None = None
    max: float | None = None
    step: float | None = None
    max_length: int | None = None
    max_items: int | None = None
    accept: tuple[str, ...] = ()
    max_mb: float | None = None
    alias: str | None = None
    alias_values: Mapping[str, str] | tuple[str, ...] | None = None
    fields: tuple[str, ...] = ()


class Model(BaseModel):
    """One model: `POST /openapi/v2/<endpoint>` of the reference's Standard Model API."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    endpoint: str
    output: Output
    group: str
    deprecated: bool = False
    params: tuple[Param, ...]
    rules: tuple[Mapping[str, Any], ...] = ()


@cache
def models() -> tuple[Model, ...]:
    """All of them, in the reference's order within each kind of output."""
    reader = TypeAdapter(tuple[Model, ...])
    folder = files("config").joinpath("models")
    kinds = ("video", "image", "audio", "3d", "string")
    texts = [folder.joinpath(f"{kind}.json").read_bytes() for kind in kinds]
    return tuple(model for text in texts for model in reader.validate_json(text))


@cache
def _by_name() -> Mapping[str, Model]:
    """Endpoints and reference names; a name that two share means the one not deprecated."""
    names: dict[str, Model] = {}
    for model in sorted(models(), key=lambda m: not m.deprecated):
        names[model.name.casefold()] = model
    for model in models():
        names[model.endpoint.casefold()] = model
    return names


def find(name: str) -> Model:
    """The model of that endpoint or reference name, in any case.

    Raises:
        NotFound: There is none; the nearest names are in it.
    """
    model = _by_name().get(name.strip("/").casefold())
    if model is None:
        raise NotFound(f"model {name!r}", _nearest_models(name))
    return model


def search(query: str) -> list[Model]:
    """Models whose name, endpoint or group holds every word of the query."""
    words = query.casefold().split()
    return [
        m
        for m in models()
        if all(w in f"{m.name} {m.endpoint} {m.group}".casefold() for w in words)
    ]


def check(
    name: str, given: Mapping[str, Any], options: Mapping[str, Any], *, private_urls: bool = False
) -> tuple[str, str, dict[str, Any]]:
    """The canonical model, its kind, and the input with every default filled in.

    Args:
        name: A model's endpoint or reference name, or `workflow/<id>`.
        given: The input as the user wrote it.
        options: The job's options.
        private_urls: Let media point at private addresses.

    Raises:
        InvalidRequest: With every fault of model, input and options at once.
    """
    if WORKFLOW.fullmatch(name):
        faults = [*_workflow_faults(given), *_workflow_option_faults(options)]
        if faults:
            raise InvalidRequest(faults)
        return name, "workflow", dict(given)
    try:
        model = find(name)
    except NotFound as error:
        near = error.nearest[0] if error.nearest else None
        text = f"there is no model {name[:200]!r}"
        raise InvalidRequest([Fault("model", text, error.nearest, near)]) from None
    faults = [_unknown_option(key, ()) for key in options]
    completed, wrong = _complete(model, given, private_urls)
    if faults or wrong:
        raise InvalidRequest([*faults, *wrong])
    return model.endpoint, model.output, completed


def _complete(
    model: Model, given: Mapping[str, Any], private_urls: bool
) -> tuple[dict[str, Any], list[Fault]]:
    """The input with defaults filled in, and all that is wrong with it."""
    faults = [*_unknown_params(model, given)]
    completed: dict[str, Any] = {}
    for param in model.params:
        if param.name in given:
            value = given[param.name]
            faults += _faults(param, value, private_urls)
            completed[param.name] = value
        elif param.default is not None:
            completed[param.name] = [param.default] if param.list else param.default
        elif param.required:
            faults.append(Fault(f"input.{param.name}", f"is required: {describe(param)}"))
    return completed, faults


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
        return f"an https URL or data URI of {_article(param.type)}{kinds}"
    if param.type in ("integer", "number"):
        return f"{_article(param.type)}{_range(param)}"
    if param.type == "boolean":
        return "true or false"
    if param.type == "object":
        return "an object" + (f" with {', '.join(param.fields)}" if param.fields else "")
    return f"text of at most {param.max_length} characters" if param.max_length else "text"


def _article(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def _range(param: Param) -> str:
    parts = []
    if param.min is not None:
        parts.append(f"from {param.min:g}")
    if param.max is not None:
        parts.append(f"to {param.max:g}")
    if param.step is not None:
        parts.append(f"in steps of {param.step:g}")
    return " " + " ".join(parts) if parts else ""


def _faults(param: Param, value: Any, private_urls: bool) -> list[Fault]:
    path = f"input.{param.name}"
    if not param.list:
        return _value_faults(param, path, value, private_urls)
    if not isinstance(value, list):
        return [Fault(path, f"must be {describe(param)}, not {_kind(value)}")]
    faults = []
    if param.max_items is not None and len(value) > param.max_items:
        faults.append(Fault(path, f"has {len(value)} items, at most {param.max_items} are allowed"))
    if param.required and not value:
        faults.append(Fault(path, f"is empty: {describe(param)}"))
    for index, item in enumerate(value):
        faults += _value_faults(param, f"{path}[{index}]", item, private_urls)
    return faults


def _value_faults(param: Param, path: str, value: Any, private_urls: bool) -> list[Fault]:
    wrong = Fault(path, f"must be {_describe_one(param)}, not {_kind(value)}")
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
            return [] if isinstance(value, dict) else [wrong]
        case _:
            if not isinstance(value, str):
                return [wrong]
            return _media_faults(param, path, value, private_urls)


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
    text = f"must be text, {_describe_one(param)}, not {_kind(value)}"
    return [Fault(path, text, param.values, near_value)]


def _range_faults(param: Param, path: str, value: float) -> list[Fault]:
    low = param.min is not None and value < param.min
    high = param.max is not None and value > param.max
    steps = (value - (param.min or 0)) / param.step if param.step else 0
    if low or high or abs(steps - round(steps)) > 1e-6:
        return [Fault(path, f"is {value}, must be {_describe_one(param)}")]
    return []


def _media_faults(param: Param, path: str, value: str, private_urls: bool) -> list[Fault]:
    if value.startswith("data:"):
        good = re.match(rf"data:{param.type}/[\w.+-]+;base64,.", value)
        return [] if good else [Fault(path, f"must be data:{param.type}/…;base64,…")]
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError:
        host = None
    if host is None or parts.scheme != "https":
        return [Fault(path, f"must be {_describe_one(param)}")]
    if not private_urls and _is_private(host):
        text = (
            f"points at the private address {host}, which RunningHub cannot reach; "
            "RUNHOOK_ALLOW_PRIVATE_URLS=true allows it"
        )
        return [Fault(path, text)]
    return []


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))


def _unknown_params(model: Model, given: Mapping[str, Any]) -> Iterable[Fault]:
    names = tuple(param.name for param in model.params)
    for key in given:
        if key == "webhookUrl":
            yield Fault("input.webhookUrl", "is set by runhook itself, one for each attempt")
        elif key not in names:
            near = nearest(key, names)
            text = f"{model.endpoint} has no such parameter; it has {', '.join(names)}"
            yield Fault(f"input.{key}", text, names, near[0] if near else None)


def _workflow_faults(given: Mapping[str, Any]) -> Iterable[Fault]:
    for key, value in given.items():
        if not NODE_FIELD.fullmatch(key):
            yield Fault(
                f"input.{key}", 'must be named "<nodeId>.<fieldName>", for example "6.text"'
            )
        if not isinstance(value, str | int | float | bool):
            yield Fault(f"input.{key}", f"must be text, a number or true/false, not {_kind(value)}")


def _workflow_option_faults(options: Mapping[str, Any]) -> Iterable[Fault]:
    known = ("instanceType", "usePersonalQueue")
    for key, value in options.items():
        if key not in known:
            yield _unknown_option(key, known)
        elif key == "instanceType" and value not in INSTANCE_TYPES:
            yield Fault(
                "options.instanceType",
                f"must be one of {', '.join(INSTANCE_TYPES)}",
                INSTANCE_TYPES,
            )
        elif key == "usePersonalQueue" and not isinstance(value, bool):
            yield Fault("options.usePersonalQueue", "must be true or false")


def _unknown_option(key: str, known: Sequence[str]) -> Fault:
    near = nearest(key, known)
    allowed = f"allowed: {', '.join(known)}" if known else "this model takes none"
    return Fault(
        f"options.{key}", f"is no option here; {allowed}", tuple(known), near[0] if near else None
    )


def _nearest_models(name: str) -> list[str]:
    endpoints = {n: m.endpoint for m in models() if not m.deprecated for n in (m.endpoint, m.name)}
    close = nearest(name, list(endpoints), most=6)
    return list(dict.fromkeys(endpoints[found] for found in close))[:3]


def nearest(word: str, known: Sequence[str], most: int = 1) -> list[str]:
    folded = {k.casefold(): k for k in reversed(known)}
    found = difflib.get_close_matches(word.casefold(), folded, n=most, cutoff=0.5)
    return [folded[key] for key in found]


def _kind(value: Any) -> str:
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
