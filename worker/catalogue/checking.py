"""Checking a whole request: model, input and options, with every fault at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Any

from runhook.config.catalogue import Model, Param
from runhook.worker.catalogue.finding import COMFY, find
from runhook.worker.catalogue.media import Media, Reach
from runhook.worker.catalogue.nodes import OPTIONS, node_faults, option_faults
from runhook.worker.catalogue.prices import Quote, quote
from runhook.worker.catalogue.rules import Input, relaxed, rule_faults
from runhook.worker.catalogue.values import FILES, describe, faults_of
from runhook.worker.domain.faults import misspelt
from runhook.worker.domain.frozen import evolve
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
        fallback: The same request to each other model that it may go on with, in their order.
        retries: How often one of them may be paid for again.
    """

    model: str
    kind: str
    input: dict[str, Any]
    quote: Quote | None = None
    fallback: tuple["Checked", ...] = ()
    retries: int = 0

    @property
    def charges(self) -> tuple[tuple[str, Quote | None], ...]:
        """Every model that it may be charged for, in order, each with what it costs once."""
        return tuple((one.model, one.quote) for one in (self, *self.fallback))


def check(
    name: str,
    given: Mapping[str, Any],
    options: Mapping[str, Any],
    *,
    reach: Reach = ANYWHERE_PUBLIC,
    media: Mapping[str, Media] | None = None,
) -> Checked:
    """Check a request and complete its input; the arguments are those of `examine`.

    Raises:
        InvalidRequest: With every fault of model, input and options at once.
    """
    checked, faults = examine(name, given, options, reach=reach, media=media)
    if faults or checked is None:
        raise InvalidRequest(faults)
    return checked


def examine(
    name: str,
    given: Mapping[str, Any],
    options: Mapping[str, Any],
    *,
    reach: Reach = ANYWHERE_PUBLIC,
    media: Mapping[str, Media] | None = None,
    app: App | None = None,
    budgeted: bool = False,
) -> tuple[Checked | None, list[Fault]]:
    """Complete a request's input, and find what is wrong with it.

    Args:
        name: A model's endpoint or reference name, `workflow/<id>`, `app/<id>` or
            `quick/<id>/<code>`.
        given: The input as the user wrote it.
        options: The job's options.
        reach: Where media may point besides https URLs of the public internet.
        media: What is known of the assets and data URIs in the input. An asset that is not in it
            is not here.
        app: The app's fields, where they could be read.
        budgeted: A budget takes the max_price of a ComfyUI job as what to hold for it.

    Returns:
        The request as far as it is good, None without such a model; and every fault of it.
    """
    known = media or {}
    if COMFY.fullmatch(name):
        retries = options.get("retries", 0)
        found = Checked(model=name, kind=_kind(name), input=dict(given), retries=retries)
        wrong = option_faults(found.kind, given, options, budgeted=budgeted)
        return found, [*node_faults(given, known, app), *wrong]
    try:
        model = find(name)
    except NotFound as error:
        return None, [_no_model("model", name, error), *_strange_fallbacks(options)]
    return _to_model(model, _Asked(given=given, known=known, reach=reach), options)


def _to_model(
    model: Model, asked: "_Asked", options: Mapping[str, Any]
) -> tuple[Checked, list[Fault]]:
    """The request to a model and to those that it may go on with, and every fault of it."""
    whole, faults = _checked(model, asked)
    others, wrong = _fallbacks(model, asked, options)
    faults += [*option_faults(model.output, asked.given, options), *wrong]
    if not faults:
        faults = [fault for one in (whole, *others) if (fault := _too_dear(one, options))]
    return evolve(whole, fallback=tuple(others), retries=options.get("retries", 0)), faults


def estimate(name: str, given: Mapping[str, Any]) -> Quote | None:
    """The price of an input that may be wrong or unfinished yet, its defaults filled in; None where
    nothing is known.
    """
    if COMFY.fullmatch(name):
        return None
    model = find(name)
    return quote(model, _complete(model, given, {}, ANYWHERE_PUBLIC)[0])


def _kind(name: str) -> str:
    return name.partition("/")[0]


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """The same input for whichever model: as the user wrote it, and what is known of its files."""

    given: Mapping[str, Any]
    known: Mapping[str, Media]
    reach: Reach


def _checked(model: Model, asked: _Asked) -> tuple[Checked, list[Fault]]:
    completed, faults = _complete(model, asked.given, asked.known, asked.reach)
    price = quote(model, completed)
    found = Checked(model=model.endpoint, kind=model.output, input=completed, quote=price)
    return found, faults


def _named_models(options: Mapping[str, Any]) -> Sequence[str]:
    """The models of `options.fallback`; none where its shape is wrong, which is a fault already."""
    named = options.get("fallback", ())
    if OPTIONS["fallback"].accepts(named):
        return tuple(named)
    return ()


def _fallbacks(
    own: Model, asked: _Asked, options: Mapping[str, Any]
) -> tuple[list[Checked], list[Fault]]:
    """The request to each model to go on with, and all that is wrong with any of them."""
    found: list[Checked] = []
    faults: list[Fault] = []
    for index, name in enumerate(_named_models(options)):
        before = [one.model for one in found]
        good, wrong = _fallback(own, name, before, asked)
        found += good
        faults += [replace(fault, path=_path(index)) for fault in wrong]
    return found, faults


def _fallback(
    own: Model, name: str, before: Sequence[str], asked: _Asked
) -> tuple[list[Checked], list[Fault]]:
    """The request to one model to go on with, or what is wrong with it; `before` stand those that
    are tried first.
    """
    if COMFY.fullmatch(name):
        text = "is a ComfyUI job, whose input is made for it alone; expected a model"
        return [], [Fault(path="", message=text)]
    try:
        model = find(name)
    except NotFound as error:
        return [], [_no_model("", name, error)]
    if why := _no_fallback(own, model, before):
        return [], [Fault(path="", message=why)]
    found, faults = _checked(model, asked)
    if faults:
        text = f"{model.endpoint} does not take this input"
        return [], [replace(one, message=f"{text}: {one.path}: {one.message}") for one in faults]
    return [found], []


def _no_fallback(own: Model, model: Model, before: Sequence[str]) -> str | None:
    """Why a model cannot be gone on with, whatever the input."""
    if model.endpoint == own.endpoint:
        return "is the job's own model; options.retries is what pays for the same one again"
    if model.endpoint in before:
        return f"is {model.endpoint}, which stands in the list before"
    if model.output != own.output:
        return f"makes {model.output}, and {own.endpoint} makes {own.output}"
    return None


def file_values(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What of an input may hold files: a node's value may, a model's text is a text.

    Of a model that there is not, everything.
    """
    if COMFY.fullmatch(name):
        return dict(given)
    try:
        names = _texts(find(name).endpoint)
    except NotFound:
        return dict(given)
    return {key: value for key, value in given.items() if key not in names}


@cache
def _texts(endpoint: str) -> frozenset[str | None]:
    """Every name of what holds no file, of one of the catalogue's models."""
    texts = [param for param in find(endpoint).params if param.type not in FILES]
    return frozenset(name for param in texts for name in (param.name, param.alias))


def _strange_fallbacks(options: Mapping[str, Any]) -> Iterable[Fault]:
    """The models to go on with that there are not: without the job's own no more can be said."""
    for index, other in enumerate(_named_models(options)):
        try:
            find(other)
        except NotFound as missing:
            yield _no_model(_path(index), other, missing)


def _path(index: int) -> str:
    return f"options.fallback[{index}]"


def _no_model(path: str, name: str, error: NotFound) -> Fault:
    text = f"there is no model {name[:LONGEST_NAME]!r}"
    if name.strip("/").partition("/")[0] in PROXIES:
        text = (
            "the native ComfyUI proxy is a whole ComfyUI server under a URL that holds the key:"
            " it takes no job and reports no end, so a queue cannot serve it; send the graph as"
            " workflow/<id> with options.workflow instead"
        )
    near = next(iter(error.nearest), None)
    return Fault(path=path, message=text, allowed=error.nearest, nearest=near)


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


def _too_dear(checked: Checked, options: Mapping[str, Any]) -> Fault | None:
    limit, price = options.get("max_price"), checked.quote
    if limit is None or price is None or price.money is None:
        return None
    if price.money <= Decimal(str(limit)):
        return None
    cost = f"{price.money:f} {price.currency} ({price.text})"
    text = f"is {limit}, but this job costs {cost} with {checked.model}"
    return Fault(path="options.max_price", message=text)
