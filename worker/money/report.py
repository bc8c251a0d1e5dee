"""What days cost and how budgets stand, as users are told: values and the contract's JSON. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NotRequired, cast

from typing_extensions import TypedDict

from runhook.worker.domain.answers import Amount, BudgetView
from runhook.worker.domain.jobs import iso
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


class RiskMoney(TypedDict):
    """Money of one currency that may have been charged without proof.

    Attributes:
        money: In `currency`.
        currency: CNY or USD; null: unknown.
    """

    money: Amount
    currency: str | None


class RiskView(TypedDict):
    """What may have been charged without proof.

    Attributes:
        attempts: How many.
        money: What they were expected to cost, one for each currency.
    """

    attempts: int
    money: list[RiskMoney]


class SumView(TypedDict):
    """What some days or jobs cost together, in one currency. What sums are parted by stands
    beside these members: `day`, `model`, `tenant` or `metadata.KEY`.

    Attributes:
        money: In `currency`.
        currency: CNY or USD; null: unknown.
        coins: RH coins.
        seconds: Run time that was billed.
        jobs: Jobs whose first attempt was submitted then.
        attempts: Attempts that RunningHub had, or may have had.
        at_risk: What may have been charged without proof.
        others: It is of jobs whose metadata was not counted apart.
    """

    money: Amount
    currency: str | None
    coins: Amount
    seconds: Amount
    jobs: int
    attempts: int
    at_risk: RiskView
    others: NotRequired[bool]


class CostsView(TypedDict):
    """What days cost. Amounts of two currencies are never added together.

    Attributes:
        since: The first day, as UTC has it.
        until: The last day.
        by: What the sums are parted by.
        items: The sums, one for each currency.
        totals: All of them together, one for each currency.
        budgets: How today's stand.
    """

    since: str
    until: str
    by: list[str]
    items: list[SumView]
    totals: list[SumView]
    budgets: list[BudgetView]


def costs_view(found: Costs) -> CostsView:
    """The ledger; amounts are decimal strings, and of two currencies there are two rows."""
    return {
        "since": found.since.isoformat(),
        "until": found.until.isoformat(),
        "by": list(found.by),
        "items": [cast(SumView, {**sum.group, **_sum(sum)}) for sum in found.sums],
        "totals": [_sum(total) for total in found.totals],
        "budgets": [budget_view(budget) for budget in found.budgets],
    }


def budget_view(budget: BudgetToday) -> BudgetView:
    """How a budget stands today."""
    return {
        "tenant": budget.tenant,
        "limit": money_text(budget.limit),
        "held": money_text(budget.held),
        "left": money_text(budget.left),
        "ends_at": iso(budget.ends_at),
    }


def _sum(sum: Sum) -> SumView:
    risk: list[RiskMoney] = [
        {"money": money_text(money), "currency": name or None} for name, money in sum.risk.items()
    ]
    told: SumView = {
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
