"""Filling a form with values from elsewhere: another job's, or another model's form. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runhook.config.catalogue import Param
from runhook.webhook.forms.form import TENANT, JobForm, read
from runhook.webhook.forms.options import METADATA, PRIORITY, option_texts
from runhook.webhook.forms.posted import Posted
from runhook.webhook.forms.rows import rows_of
from runhook.webhook.forms.texts import texts_of
from runhook.worker.catalogue.values import MEDIA

LONGEST_LEFT = 60  # characters of a value that was not taken over, as it is named


@dataclass(frozen=True)
class Carried:
    """A filled form, and what it does not take of the values it was filled with."""

    posted: Posted
    left: Sequence[str]


def filled(form: JobForm, given: Mapping[str, Any], options: Mapping[str, Any]) -> Carried:
    """A form with a job's input and options."""
    if form.free:
        return Carried(Posted(rows_of(given).texts() | option_texts(form.options, options)), ())
    texts: dict[str, Sequence[str]] = {}
    params, left = {param.name: param for param in form.params}, []
    for name, value in given.items():
        param = params.get(name)
        if param is not None and fits(param, value):
            texts[f"input.{name}"] = texts_of(param, value)
        else:
            left.append(f"{name}: {_short(value)}")
    return Carried(Posted(texts | option_texts(form.options, options)), left)


def carried(form: JobForm, before: JobForm, posted: Posted) -> Carried:
    """A form with what was filled into another model's; that one's defaults are left without a
    word.
    """
    request = read(before, posted).request
    usual = {param.name: param.default for param in before.params}
    meant = {
        name: value
        for name, value in request["input"].items()
        if value not in (usual.get(name), [usual.get(name)])
    }
    found = filled(form, meant, request["options"])
    own = {
        name: posted.texts[name] for name in (METADATA, PRIORITY, TENANT) if name in posted.texts
    }
    return Carried(Posted({**found.posted.texts, **own}), found.left)


def fits(param: Param, value: Any) -> bool:
    """Whether a value is of a parameter's kind; whether it is right is the check's to say."""
    if param.list:
        return isinstance(value, list) and all(_fits(param, item) for item in value)
    return _fits(param, value)


def _fits(param: Param, value: Any) -> bool:
    match param.type:
        case "enum" if param.values and isinstance(value, str):
            known = param.values
            folded = [one.casefold() for one in known]
            return value in known or (param.ignore_case and value.casefold() in folded)
        case "integer" | "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "object":
            return isinstance(value, dict)
        case kind if kind in ("string", "enum", *MEDIA):
            return isinstance(value, str)
    return False


def _short(value: Any) -> str:
    text = str(value)
    if len(text) > LONGEST_LEFT:
        return f"{text[:LONGEST_LEFT]}…"
    return text
