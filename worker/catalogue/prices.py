"""What an input will probably cost, by the price facts of its model. Exact decimals.

The facts are as old as the catalogue; RunningHub's own price-preview is asked where it matters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from runhook.config.catalogue import Model, Price
from runhook.worker.catalogue.sentences import written

# The units that the price facts of config/models name, in words.
UNITS = {
    "call": "a call",
    "second": "a second of output video",
    "image": "an image",
    "1000_characters": "1000 characters of text",
    "5_seconds": "5 seconds",
}
# Parameters that say how many of the unit are made: the first that a model has.
COUNTS = {"second": ("duration",), "image": ("imageNum", "n", "maxImages")}
ROUNDED = "1000_characters"  # how RunningHub rounds them, no page says
LONGEST_COUNT = 9  # digits of such a number; Python makes none of thousands of them


@dataclass(frozen=True, kw_only=True)
class Quote:
    """A price for one input.

    Attributes:
        money: In `currency`; None where the facts do not tell for this input.
        currency: CNY or USD, as its page says.
        at_least: It may be more.
        text: The rule in words.
    """

    money: Decimal | None
    currency: str
    at_least: bool
    text: str


@dataclass(frozen=True, kw_only=True)
class Span:
    """What a request costs with all that it may be paid for.

    Attributes:
        low: When its cheapest model makes it at once; None where a price is not known.
        high: When every attempt that it allows is charged; None where that has no known end.
        currency: As all of its prices have it.
    """

    low: Decimal | None
    high: Decimal | None
    currency: str


def span(quotes: Sequence[Quote | None], retries: int = 0) -> Span | None:
    """What a request costs from and to; None where no price, or no common currency, is known.

    Args:
        quotes: The price of each model that it may be charged for.
        retries: How often one of them may be paid for again.
    """
    known = [one for one in quotes if one is not None]
    currencies = {one.currency for one in known}
    if len(currencies) != 1:
        return None
    amounts = [one.money for one in known if one.money is not None]
    found = Span(low=min(amounts, default=None), high=None, currency=currencies.pop())
    open_ended = any(one.at_least for one in known)
    if open_ended or len(amounts) < len(quotes):
        return found
    return replace(found, high=sum(amounts, Decimal(0)) + retries * max(amounts))


def quote(model: Model, values: Mapping[str, Any]) -> Quote | None:
    """The price of a completed input; None where nothing is known.

    Args:
        model: Its facts, gathered from the model pages and as old as they are.
        values: With every default filled in, since a default may be what is charged by.
    """
    price = model.price
    if price is None:
        return None
    one = _of_one(price, values)
    count = _count(price, values)
    money = None
    if one is not None and count is not None:
        money = one * count
    rounded = price.unit == ROUNDED
    return Quote(
        money=money,
        currency=price.currency,
        at_least=price.at_least or rounded,
        text=price_words(price),
    )


def may_be_sure(model: Model) -> bool:
    """Whether some input of a model has a price that is known to the last."""
    price = model.price
    if price is None or price.at_least or price.unit == ROUNDED:
        return False
    if price.per or price.unit == "call":
        return True
    counts = COUNTS.get(price.unit or "", ())
    return any(param.name in counts for param in model.params)


def price_words(price: Price) -> str:
    """The rule in words; a table is named, not told."""
    if price.text:
        return f"not told beforehand; in {price.currency}, {price.text}"
    unit = UNITS[price.unit or "call"]
    text = _rule_of(price, unit)
    if price.at_least:
        return f"from {text}"
    return text


def _rule_of(price: Price, unit: str) -> str:
    if price.price is None:
        amounts = sorted(set(price.table.values()))
        if len(amounts) == 1:
            return f"{amounts[0]:f} {price.currency} {unit}"
        by = " and ".join(price.by)
        return f"{amounts[0]:f} to {amounts[-1]:f} {price.currency} {unit}, by {by}"
    if price.per:
        return f"{price.price:f} {price.currency} {unit} and {price.per}"
    return f"{price.price:f} {price.currency} {unit}"


def _of_one(price: Price, values: Mapping[str, Any]) -> Decimal | None:
    if price.price is not None:
        return price.price
    chosen = [values.get(name) for name in price.by]
    if any(value is None for value in chosen):
        return None
    return price.table.get("|".join(map(written, chosen)))


def _count(price: Price, values: Mapping[str, Any]) -> Decimal | None:
    """How many units the input makes."""
    if price.per:
        return _whole(values.get(price.per))
    match price.unit:
        case "call":
            return Decimal(1)
        case "second" | "image":
            names = COUNTS[price.unit]
            return next((found for n in names if (found := _whole(values.get(n)))), None)
        case "1000_characters":
            return Decimal(len(str(values.get("text", "")))) / 1000
        case _:
            return None  # by the length of a recording that only RunningHub knows


def _whole(value: Any) -> Decimal | None:
    text = str(value)
    if text.isdecimal() and len(text) <= LONGEST_COUNT and int(text) > 0:
        return Decimal(text)
    return None
