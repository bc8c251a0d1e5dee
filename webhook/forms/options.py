"""The fields of how a job is to run: its options, its priority and its metadata. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from runhook.config.catalogue import Model, Param
from runhook.webhook.forms.fields import Choice, Field, field_of
from runhook.webhook.forms.posted import Posted
from runhook.webhook.forms.texts import texts_of, unix, value_of
from runhook.worker.catalogue import COMFY, siblings
from runhook.worker.catalogue.nodes import BY_KIND, INSTANCE_TYPES, OPTIONS
from runhook.worker.domain.typed import exactly
from runhook.worker.errors import Fault

PRIORITY, METADATA = "priority", "metadata"
USUAL = "5"  # of 0 to 9
# By the option's name: the rest that a field needs to know of each. What each takes in words is the
# check's own.
TYPES: dict[str, dict[str, Any]] = {
    "retries": {"type": "integer"},
    "max_price": {"type": "string"},
    "expires_in": {"type": "number"},
    "fallback": {"type": "enum", "list": True},
    "instanceType": {"type": "enum", "values": INSTANCE_TYPES},
    "usePersonalQueue": {"type": "boolean"},
    "retainSeconds": {"type": "integer"},
    "accessPassword": {"type": "string"},
    "addMetadata": {"type": "boolean"},
    "workflow": {"type": "object"},
}
MEANS = {
    "retries": "how often it may be paid for again when RunningHub's own failure ends it",
    "max_price": "it is not sent when it costs more",
    "expires_in": "seconds; it is not sent if it is still queued then",
    "fallback": "gone on with when this model fails, each as one more paid attempt",
    "workflow": "a whole graph in ComfyUI's API format, instead of values of nodes",
}


def option_params(name: str, model: Model | None, *, budgeted: bool = False) -> tuple[Param, ...]:
    """The options that a job may have, as parameters.

    Args:
        name: Its model.
        model: Its record; None: it is ComfyUI's.
        budgeted: Whether a budget takes its max_price as what to hold for it.
    """
    found = ["retries", "max_price", "expires_in"]
    if model is None:
        found += BY_KIND.get(name.partition("/")[0], ())
    elif siblings(model):
        found.append("fallback")
    if COMFY.fullmatch(name) and not budgeted:
        found.remove("max_price")
    return tuple(_param(option, model) for option in found)


def _param(option: str, model: Model | None) -> Param:
    known: dict[str, Any] = {"required": False} | TYPES[option]
    if option == "fallback" and model:
        known["values"] = tuple(one.endpoint for one in siblings(model))
    return Param(name=option, **known)


def option_field(param: Param, texts: Sequence[str] | None) -> Field:
    """The field of an option."""
    field = field_of(param, texts, inside="options")
    said = [MEANS.get(param.name, ""), OPTIONS[param.name].wanted]
    if field.control in ("choice", "choices"):
        said.pop()  # what it takes is to be seen
    if param.name == "accessPassword":
        field = replace(field, control="secret")
    return replace(field, hint=tuple(filter(None, said)))


def priority_field(texts: Sequence[str] | None) -> Field:
    """Where in the line the job stands."""
    values = [str(n) for n in range(9, -1, -1)]
    labels = {"9": "9, first", USUAL: f"{USUAL}, as usual", "0": "0, last"}
    return Field(
        name=PRIORITY,
        label=PRIORITY,
        control="choice",
        texts=tuple(texts or [USUAL]),
        choices=tuple(Choice(value, labels.get(value, value)) for value in values),
    )


def metadata_field(texts: Sequence[str] | None) -> Field:
    """What of the user's own goes with the job."""
    return Field(
        name=METADATA,
        label=METADATA,
        control="text",
        texts=tuple(texts or ()),
        hint=("name=value each line; yours, given back with the job",),
    )


def read_options(params: Sequence[Param], posted: Posted) -> dict[str, Any]:
    """The options that were posted."""
    values = {
        param.name: value_of(param, texts)
        for param in params
        if (texts := posted.texts.get(f"options.{param.name}"))
    }
    return {name: value for name, value in values.items() if value is not None}


def read_priority(posted: Posted) -> Any:
    """The priority, or the text that is none."""
    text = posted.one(PRIORITY, USUAL)
    if text.isascii() and text.isdigit() and len(text) == 1:
        return int(text)
    return text


def read_metadata(posted: Posted) -> tuple[dict[str, Any], list[Fault]]:
    """The metadata, and the lines that are none."""
    found: dict[str, Any] = {}
    faults = []
    for line in filter(str.strip, unix(posted.one(METADATA)).split("\n")):
        name, equals, text = line.partition("=")
        if not equals or not name.strip():
            faults.append(Fault(path=METADATA, message=f"{line[:80]!r} is not name=value"))
        elif name.strip() in found:
            faults.append(Fault(path=METADATA, message=f"has {name.strip()[:80]!r} twice"))
        else:
            found[name.strip()] = exactly(text.strip())
    return found, faults


def option_texts(params: Sequence[Param], options: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """The options of a job as the texts of its form; a password is sealed, so it is asked anew."""
    return {
        f"options.{param.name}": texts_of(param, options[param.name])
        for param in params
        if param.name in options and param.name != "accessPassword"
    }
