"""The most money that a UTC day may cost: the entries of RUNHOOK_BUDGET_DAY."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from runhook.config.callers import NAME

AMOUNT = re.compile(r"\d{1,9}(\.\d{1,6})?")  # plain, so that nobody wonders what 1e3 or 1,5 is
# Counted in millionths, a budget and what is held of it stay far below 2^53, up to which the
# numbers of Redis's scripts are exact.
LARGEST = Decimal(10_000_000)
WHOLE = ""  # where a tenant's name would stand: the budget of everybody together


@dataclass(frozen=True)
class Budgets:
    """The most that a UTC day may cost, in the account's currency.

    Attributes:
        of: By tenant; `WHOLE` is that of everybody together.
    """

    of: Mapping[str, Decimal] = field(default_factory=dict)

    def __str__(self) -> str:
        """The same text for the same budgets, however they were written."""
        return ",".join(f"{name}={self.of[name].normalize():f}" for name in sorted(self.of))

    def limits(self, tenant: str) -> dict[str, Decimal]:
        """The budgets that a tenant's job must fit into; none: it may cost what it will."""
        return {name: self.of[name] for name in (WHOLE, tenant) if name in self.of}


def read_budgets(entries: Sequence[str]) -> Budgets:
    """The budgets that `10.00` and `name=10.00` entries set.

    Raises:
        ValueError: With everything that is wrong.
    """
    if not entries:
        raise ValueError("names no amount: write 10.00 or name=10.00")
    faults = [fault for entry in entries if (fault := _fault(entry))]
    split = [_split(entry) for entry in entries if not _fault(entry)]
    for name, count in Counter(name for name, _ in split).items():
        if count > 1:
            faults.append(f"{_whose(name)} has {count} budgets; give one")
    if faults:
        raise ValueError("; ".join(faults))
    return Budgets({name: Decimal(amount) for name, amount in split})


def _split(entry: str) -> tuple[str, str]:
    before, equals, behind = entry.partition("=")
    if not equals:
        return WHOLE, before.strip()
    return before.strip(), behind.strip()


def _fault(entry: str) -> str | None:
    name, amount = _split(entry)
    if "=" in entry and not NAME.fullmatch(name):
        return f"{entry!r} names no tenant: a name is 1 to 100 letters, digits and _.-"
    if not AMOUNT.fullmatch(amount):
        return f"{entry!r} is no amount: write 10.00 or name=10.00, with six decimals at most"
    if Decimal(amount) > LARGEST:
        return f"{entry!r} is more than {LARGEST:,f}, the largest budget there is"
    return None


def _whose(name: str) -> str:
    if name == WHOLE:
        return "the whole day"
    return f"tenant {name}"
