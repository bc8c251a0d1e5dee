"""How the budgets of this UTC day stand, and whether one has room for a job."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from runhook.config.budgets import WHOLE
from runhook.worker.catalogue import Quote
from runhook.worker.domain.answers import RoomView
from runhook.worker.errors import OverBudget
from runhook.worker.flows.steps.pricing import to_hold
from runhook.worker.money.amounts import millionths, of_millionths
from runhook.worker.money.report import BudgetToday, budget_view
from runhook.worker.wiring import Wiring


def budgets_today(w: Wiring, only: str | None = None) -> list[BudgetToday]:
    """How the budgets of this UTC day stand; of one tenant alone, where it is said."""
    limits = w.settings.budgets.of
    if only is not None:
        limits = {name: limit for name, limit in limits.items() if name == only}
    if not limits:
        return []
    today = w.clock.now().astimezone(UTC).date()
    held = w.store.ledger.held(today)
    return [
        BudgetToday(
            tenant=_tenant(name),
            limit=limit,
            held=held.get(name, of_millionths(0)),
            ends_at=datetime.combine(today + timedelta(days=1), time(), UTC),
        )
        for name, limit in limits.items()
    ]


class Room:
    """What today's budgets have room for, and less of it with each job that is tried for them.

    They are read when they are first asked for; nothing is held of them.
    """

    def __init__(self, w: Wiring) -> None:
        self._w = w
        self._budgets: list[BudgetToday] | None = None

    def view(self, tenant: str, quote: Quote | None, options: Mapping[str, Any]) -> list[RoomView]:
        """The budgets that a job would have to fit into, and whether each has room for it.

        Args:
            tenant: Whose job it would be.
            quote: What its own model costs by the catalogue.
            options: Its options.
        """
        needs = to_hold(self._w, quote, options)
        return [
            {**budget_view(budget), "has_room": needs is None or _fits(budget, needs)}
            for budget in self._of(tenant)
        ]

    def take(self, tenant: str, quote: Quote | None, options: Mapping[str, Any]) -> None:
        """Count a job as if it were kept; the arguments are those of `view`.

        Raises:
            OverBudget: It would be refused; then it takes nothing.
        """
        needs = to_hold(self._w, quote, options)
        if needs is None:
            return
        held, concerned = of_millionths(millionths(needs)), self._of(tenant)
        for budget in concerned:
            if not _fits(budget, needs):
                raise OverBudget(
                    tenant=budget.tenant,
                    limit=budget.limit,
                    left=budget.left,
                    needs=held,
                    day=budget.ends_at.date() - timedelta(days=1),
                )
        self._budgets = [
            replace(one, held=one.held + held * (one in concerned)) for one in self._budgets or ()
        ]

    def _of(self, tenant: str) -> list[BudgetToday]:
        """Those that a tenant's jobs count for, everybody's first."""
        if self._budgets is None:
            self._budgets = budgets_today(self._w)
        found = [one for one in self._budgets if one.tenant in (None, tenant)]
        return sorted(found, key=lambda one: one.tenant is not None)


def _fits(budget: BudgetToday, needs: Decimal) -> bool:
    """Counted as the script does that holds it."""
    return millionths(needs) <= millionths(budget.left)


def _tenant(name: str) -> str | None:
    if name == WHOLE:
        return None
    return name
