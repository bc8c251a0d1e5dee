"""What a confirmation of many jobs agreed to pay, as its form brings it back. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from runhook.worker.flows.bulk import Plan, Sum

AMOUNT = r"(\d{1,30}(?:\.\d{1,30})?)"
SUM = re.compile(rf"([A-Z]{{0,8}}):{AMOUNT}:{AMOUNT}")  # currency, money, most
UNPRICED = re.compile(r"unpriced:(\d{1,6})")
NOTHING = Sum()


@dataclass(frozen=True)
class Agreed:
    """Money that somebody agreed to, by currency, and how many jobs without a price."""

    sums: Mapping[str, Sum] = field(default_factory=dict)
    unpriced: int = 0


def written(plan: Plan) -> str:
    """What a plan costs, as a field of its form: `CNY:0.40:1.20 unpriced:3`."""
    sums = [f"{currency}:{one.money:f}:{one.most:f}" for currency, one in plan.sums.items()]
    return " ".join([*sums, f"unpriced:{plan.unpriced}"])


def read(text: str) -> Agreed:
    """The same, as it comes back; what cannot be read was not agreed to."""
    sums, unpriced = dict[str, Sum](), 0
    for word in text.split():
        if found := SUM.fullmatch(word):
            sums[found[1]] = Sum(money=Decimal(found[2]), most=Decimal(found[3]))
        elif counted := UNPRICED.fullmatch(word):
            unpriced = int(counted[1])
    return Agreed(sums, unpriced)


def is_dearer(plan: Plan, agreed: Agreed) -> bool:
    """Whether it costs more by now, or may, than what was agreed to."""
    if plan.unpriced > agreed.unpriced:
        return True
    return any(
        now.money > before.money or now.most > before.most
        for currency, now in plan.sums.items()
        for before in (agreed.sums.get(currency, NOTHING),)
    )
