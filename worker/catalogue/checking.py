"""Checking a whole request: model, input and options, with every fault at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from runhook.config.catalogue import Model, Param
from runhook.worker.catalogue.finding import COMFY, find
from runhook.worker.catalogue.media import Media, Reach
from runhook.worker.catalogue.nodes import node_faults, option_faults
from runhook.worker.catalogue.prices import Quote, quote
from runhook.worker.catalogue.rules import Input, relaxed, rule_faults
from runhook.worker.catalogue.values import describe, faults_of
from runhook.worker.domain.faults import misspelt
from runhook.worker.domain.reports import App
from runhook.worker.errors import Fault, InvalidRequest, NotFound

PROXIES = ("proxy", "proxy-plus")  # paths of the native ComfyUI proxy (doc-8287337)
LONGEST_NAME = 200  # characters of a model's name that a message repeats
ANYWHERE_PUBLIC = Reach()  # what RunningHub's own servers can fetch


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A request that may be sent.

    Attributes:
        model: The endpoint, or `workflow/<id>`, `app/<id>`, `quick/<id>/<code>`.
        kind: The output it makes, or `workflow`, `app`, `quick`.
        input: With every default filled in, under the reference's names.
        quote: Its price by the catalogue's facts.
    """

    model: str
    kind: str
    input: dict[str, Any]
    quote: Quote | None = None


def check(
    name: str,
    given: Mapping[str, Any],
    options: Mapping[str, Any],
    *,
    reach: Reach = ANYWHERE_PUBLIC,
    media: Mapping[str, Media] | None = None,
    app: App | None = None,
) -> Checked:
    """Check a request and complete its input.

    Args:
        name: A model's endpoint or reference name, `workflow/<id>`, `app/<id>` or
            `quick/<id>/<code>`.
        given: The input as the user wrote it.
        options: The job's options.
        reach: Where media may point besides https URLs of the public internet.
        media: What is known of the assets and data URIs in the input. An asset that is not in it
            is not here.
        app: The app's fields, where they could be read.

    Raises:
        InvalidRequest: With every fault of model, input and options at once.
    """
    known = media or {}
    if COMFY.fullmatch(name):
        kind = name.partition("/")[0]
        faults = [*node_faults(given, known, app), *option_faults(kind, given, options)]
        if faults:
            raise InvalidRequest(faults)
        return Checked(model=name, kind=kind, input=dict(given))
    model = _model(name)
    completed, faults = _complete(model, given, known, reach)
    faults += option_faults(model.output, given, options)
    if faults:
        raise InvalidRequest(faults)
    price = quote(model, completed)
    if price and (fault := _too_dear(price, options)):
        raise InvalidRequest([fault])
    return Checked(model=model.endpoint, kind=model.output, input=completed, quote=price)


def _model(name: str) -> Model:
    try:
        return find(name)
    except NotFound as error:
        near = next(iter(error.nearest), None)
        text = f"there is no model {name[:LONGEST_NAME]!r}"
        if name.strip("/").partition("/")[0] in PROXIES:
            text = (
                "the native ComfyUI proxy is a whole ComfyUI server under a URL that holds the key:"
                " it takes no job and reports no end, so a queue cannot serve it; send the graph as"
                " workflow/<id> with options.workflow instead"
            )
        raise InvalidRequest(
            [Fault(path="model", message=text, allowed=error.nearest, nearest=near)]
        ) from None


def _complete(
    model: Model, given: Mapping[str, Any], known: Mapping[str, Media], reach: Reach
) -> tuple[dict[str, Any], list[Fault]]:
    """The input with defaults filled in, and all that is wrong with it."""
    written, faults = _named(model, given)
    # Defaults are sent too: the record then says what was paid for, and one that RunningHub changes
    # meanwhile changes no job that was checked.
    completed = {
        param.name: written.get(param.name, _default(param))
        for param in model.params
        if param.name in written or param.default is not None
    }
    wrong = [
        fault
        for param in model.params
        if param.name in written
        for fault in faults_of(param, written[param.name], known, reach)
    ]
    if not model.params:  # the provider serves it, and no source tells its parameters
        completed = {key: value for key, value in given.items() if key != "webhookUrl"}
    whole = Input(model=model, values=completed, written=written, media=known)
    missing = [
        Fault(path=f"input.{param.name}", message=f"is required: {describe(param)}")
        for param in model.params
        if param.required and param.name not in completed and param.name not in relaxed(whole)
    ]
    faults += [*wrong, *missing]
    if not wrong:  # a rule about values that are wrong in themselves would only say it twice
        faults += rule_faults(whole)
    return completed, faults


def _default(param: Param) -> Any:
    if param.list:
        return [param.default]
    return param.default


def _named(model: Model, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """The input under the reference's names; node keys of older pages are translated."""
    by_alias = {param.alias: param for param in model.params if param.alias}
    written, faults = {}, [*_unknown(model, given, by_alias)]
    names = {param.name for param in model.params}
    for key, value in given.items():
        param = by_alias.get(key)
        if param is None:
            if key in names:
                written[key] = value
        elif param.name in given:
            faults.append(
                Fault(
                    path=f"input.{key}",
                    message=f"is the old name of {param.name}, which is given too",
                )
            )
        else:
            # Older pages number an enumeration's values; what is sent is always the word.
            indices = {index: plain for plain, index in param.alias_values.items()}
            written[param.name] = indices.get(str(value), value)
    return written, faults


def _unknown(
    model: Model, given: Mapping[str, Any], by_alias: Mapping[str, object]
) -> Iterable[Fault]:
    names = tuple(param.name for param in model.params)
    for key in given:
        if key == "webhookUrl":
            yield Fault(
                path="input.webhookUrl", message="is set by runhook itself, one for each attempt"
            )
        elif names and key not in names and key not in by_alias:
            text = f"{model.endpoint} has no such parameter; it has {', '.join(names)}"
            yield misspelt(f"input.{key}", text, key, names)


def _too_dear(price: Quote, options: Mapping[str, Any]) -> Fault | None:
    limit = options.get("max_price")
    if limit is None or price.money is None or price.money <= Decimal(str(limit)):
        return None
    text = f"is {limit}, but this job costs {price.money:f} {price.currency} ({price.text})"
    return Fault(path="options.max_price", message=text)
