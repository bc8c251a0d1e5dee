"""A model, a kept file and a checked request as users see them: the JSON of the contract. Pure."""

from decimal import Decimal
from typing import cast

from runhook.config.catalogue import Price
from runhook.worker.catalogue import (
    Asset,
    Checked,
    Model,
    Param,
    Quote,
    Span,
    price_words,
    rule_words,
    siblings,
    span,
)
from runhook.worker.catalogue.answers import (
    AssetView,
    DryRunView,
    LivePriceView,
    ModelView,
    ParamView,
    PriceView,
    QuoteView,
    RuleView,
    SiblingView,
    SpanView,
)
from runhook.worker.domain.jobs import iso
from runhook.worker.domain.reports import LivePrice

# What every parameter tells, also where the reference says nothing: callers need not look for it.
ALWAYS = ("name", "type", "required", "default", "values", "min", "max")


def model_view(model: Model) -> ModelView:
    """A model with what each of its parameters takes."""
    return {
        "name": model.name,
        "endpoint": model.endpoint,
        "output": model.output,
        "group": model.group,
        "listed": model.listed,
        "deprecated": model.deprecated,
        "params": [_param(param) for param in model.params],
        # With their words, so that callers need not know every kind of rule.
        "rules": [
            cast(
                RuleView,
                rule.model_dump(mode="json", exclude_defaults=True) | {"text": rule_words(rule)},
            )
            for rule in model.rules
        ],
        "price": _price(model.price),
        "siblings": [_sibling(model, other) for other in siblings(model)],
    }


def _sibling(model: Model, other: Model) -> SiblingView:
    """The same model as it is sold otherwise, and what an input must not or must have for it."""
    lacks, needs = differences(model, other)
    return {
        "endpoint": other.endpoint,
        "name": other.name,
        "price": _price(other.price),
        "lacks": lacks,
        "needs": needs,
    }


def differences(model: Model, other: Model) -> tuple[list[str], list[str]]:
    """The parameters that only the first has, and those that the other requires besides."""
    names = {param.name for param in model.params}
    others = {param.name for param in other.params}
    lacks = [param.name for param in model.params if param.name not in others]
    needs = [
        param.name
        for param in other.params
        if param.required and param.default is None and param.name not in names
    ]
    return lacks, needs


def dry_run_view(checked: Checked, live: LivePrice | None) -> DryRunView:
    """A checked request with its input completed, and what it would cost.

    Args:
        checked: The request.
        live: RunningHub's price now for the job's own model.
    """
    prices = [price for _, price in checked.charges]
    return {
        "model": checked.model,
        "input": checked.input,
        "price": _quote(checked.quote),
        "live_price": _live(live),
        "fallback": [
            {"model": other.model, "input": other.input, "price": _quote(other.quote)}
            for other in checked.fallback
        ],
        "price_range": _span(span(prices, checked.retries)),
    }


def _span(found: Span | None) -> SpanView | None:
    """From what to what it costs, with all that it may be paid for; null: no end is known."""
    if found is None:
        return None
    return {
        "from": _money(found.low),
        "to": _money(found.high),
        "currency": found.currency,
    }


def _money(amount: Decimal | None) -> str | None:
    if amount is None:
        return None
    return f"{amount:f}"


def _live(price: LivePrice | None) -> LivePriceView | None:
    if price is None:
        return None
    return {"money": f"{price.money:f}", "currency": price.currency}


def _quote(quote: Quote | None) -> QuoteView | None:
    """The price of one input; money is a decimal string, null where the facts do not tell."""
    if quote is None:
        return None
    return {
        "money": _money(quote.money),
        "currency": quote.currency,
        "at_least": quote.at_least,
        "text": quote.text,
    }


def asset_view(asset: Asset, only: str | None = None) -> AssetView:
    """A kept file; `value` is what inputs name it by.

    Args:
        asset: Which.
        only: The one tenant who is told; None: somebody who may know of all.
    """
    media, name = asset.media, asset.name
    if only is not None and asset.tenant not in (only, ""):
        name = f"{asset.id}.{media.ext}"
    return {
        "id": asset.id,
        "value": f"asset:{asset.id}",
        "name": name,
        "kind": media.kind,
        "type": media.ext,
        "size": media.size,
        "seconds": media.seconds,
        "width": media.width,
        "height": media.height,
        "created_at": iso(asset.created_at),
    }


def _price(price: Price | None) -> PriceView | None:
    if price is None:
        return None
    facts = price.model_dump(mode="json", exclude_defaults=True)
    return cast(PriceView, facts | {"text": price_words(price)})


def _param(param: Param) -> ParamView:
    """What is always there comes first; the rest only where the reference says something."""
    facts = param.model_dump()
    rest = {k: v for k, v in facts.items() if k not in ALWAYS and v not in (None, False, (), {})}
    told = {name: facts[name] for name in ALWAYS} | {"values": param.values or None} | rest
    return cast(ParamView, told)
