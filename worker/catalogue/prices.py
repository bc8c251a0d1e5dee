"""What an input will probably cost, by the price facts of its model. Exact decimals.

The facts are as old as the catalogue; RunningHub's own price-preview is asked where it matters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from runhook.config.catalogue import Model, Price

UNITS = {
    "call": "a call",
    "second": "a second of output video",
    "image": "an image",
    "1000_characters": "1000 characters of text",
    "5_seconds": "5 seconds",
}
COUNTS = {"second": ("duration",), "image": ("imageNum", "n", "maxImages")}


@dataclass(frozen=True)
class Quote:
    """A price for one input.

    Attributes:
        money: None where the facts do not tell for this input.
        at_least: It may be more.
        text: The rule in words.
    """

    money: Decimal | None
    currency: str
    at_least: bool
    text: str


def quote(model: Model, values: Mapping[str, Any]) -> Quote | None:
    """The price of a completed input; None where nothing is known."""
    price = model.price
    if price is None:
        return None
    one = _of_one(price, values)
    count = _count(price, values)
    money = one * count if one is not None and count is not None else None
    rounded = price.unit == "1000_characters"
    return Quote(money, price.currency, price.at_least or rounded, price_words(price))


def price_words(price: Price) -> str:
    """The rule in words; a table is named, not told."""
    if price.text:
        return f"{price.currency}, {price.text}"
    unit = UNITS[price.unit or "call"]
    low = "from " if price.at_least else ""
    if price.price is not None:
        per = f" and {price.per}" if price.per else ""
        return f"{low}{price.price:f} {price.currency} {unit}{per}"
    amounts = sorted(price.table.values())
    return (
        f"{low}{amounts[0]:f} to {amounts[-1]:f} {price.currency} {unit}, "
        f"by {' and '.join(price.by)}"
    )


def _of_one(price: Price, values: Mapping[str, Any]) -> Decimal | None:
    if price.price is not None:
        return price.price
    chosen = [values.get(name) for name in price.by]
    if any(value is None for value in chosen):
        return None
    words = [str(v).lower() if isinstance(v, bool) else str(v) for v in chosen]
    return price.table.get("|".join(words))


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
    return Decimal(text) if text.isdecimal() and int(text) > 0 else None
