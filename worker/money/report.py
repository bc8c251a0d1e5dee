"""What days cost and how budgets stand, as users are told: values and the contract's JSON. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from runhook.worker.domain.jobs import iso
from runhook.worker.domain.views import View
from runhook.worker.money.amounts import money_text, plain_text
from runhook.worker.money.rows import Sum


@dataclass(frozen=True, kw_only=True)
class BudgetToday:
    """How a budget stands.

    Attributes:
        tenant: Whose it is; None: everybody's together.
        limit: The most that the day may cost.
        held: What it has cost, and what is under way or unproved may still cost.
        ends_at: When the day ends.
    """

    tenant: str | None
    limit: Decimal
    held: Decimal
    ends_at: datetime

    @property
    def left(self) -> Decimal:
        """What it has room for; late costs may have taken more than there was."""
        return max(Decimal(0), self.limit - self.held)


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What days cost.

    Attributes:
        since: The first day.
        until: The last day.
        by: What the sums are parted by.
        sums: Those, one for each currency.
        totals: All of them together, one for each currency.
        budgets: How today's stand.
    """

    since: date
    until: date
    by: Sequence[str]
    sums: Sequence[Sum]
    totals: Sequence[Sum]
    budgets: Sequence[BudgetToday]


def costs_view(found: Costs) -> View:
    """The ledger; amounts are decimal strings, and of two currencies there are two rows."""
    return {
        "since": found.since.isoformat(),
        "until": found.until.isoformat(),
        "by": list(found.by),
        "items": [{**sum.group, **_sum(sum)} for sum in found.sums],
        "totals": [_sum(total) for total in found.totals],
        "budgets": [budget_view(budget) for budget in found.budgets],
    }


def budget_view(budget: BudgetToday) -> View:
    """How a budget stands today."""
    return {
        "tenant": budget.tenant,
        "limit": money_text(budget.limit),
        "held": money_text(budget.held),
        "left": money_text(budget.left),
        "ends_at": iso(budget.ends_at),
    }


def _sum(sum: Sum) -> View:
    risk = [
        {"money": money_text(money), "currency": name or None} for name, money in sum.risk.items()
    ]
    told = {
        "money": money_text(sum.money),
        "currency": sum.currency,
        "coins": plain_text(sum.coins),
        "seconds": plain_text(sum.seconds),
        "jobs": sum.jobs,
        "attempts": sum.attempts,
        "at_risk": {"attempts": sum.unproved, "money": risk},
    }
    if sum.others:  # their metadata was not counted apart, so none of it is told
        told["others"] = True
    return told
