"""What the sandbox charges for a standard model: by the price facts beside the model's parameters.

Where no fact tells, it charges what RunningHub's own example shows.
"""

from decimal import Decimal
from typing import Any

from runhook.worker.runninghub.sandbox.answers import Json

UNTOLD = Decimal("0.14")  # the example of Query Task V2
# Parameters that say how many units are made.
COUNTS = {"second": ("duration",), "image": ("imageNum", "n", "maxImages")}


def price(model: Json | None, body: Json) -> Decimal:
    """What one submit of this body costs."""
    facts = (model or {}).get("price")
    if model is None or not facts:
        return UNTOLD
    given = {param["name"]: param.get("default") for param in model["params"]}
    given |= {name: value for name, value in body.items() if value is not None}
    one = _of_one(facts, given)
    if one is None:
        return UNTOLD
    return one * _count(facts, given)


def _of_one(facts: Json, given: Json) -> Decimal | None:
    if facts.get("price") is not None:
        return Decimal(str(facts["price"]))
    table = {key: Decimal(str(amount)) for key, amount in (facts.get("table") or {}).items()}
    if not table:
        return None
    chosen = "|".join(_written(given.get(name)) for name in facts["by"])
    return table.get(chosen, min(table.values()))


def _count(facts: Json, given: Json) -> Decimal:
    """How many units the body makes; 1 where only the result would tell."""
    if facts.get("unit") == "1000_characters":
        return Decimal(len(str(given.get("text", "")))) / 1000
    counts = COUNTS.get(facts.get("unit", "call"), ())
    if facts.get("per"):
        counts = (facts["per"],)
    told = (_written(given.get(name)) for name in counts)
    return next((Decimal(text) for text in told if text.isdecimal() and int(text) > 0), Decimal(1))


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
