"""How the budgets of this UTC day stand, and whether one has room for a job."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

from runhook.config.budgets import WHOLE
from runhook.worker.catalogue import Quote
from runhook.worker.domain.answers import RoomView
from runhook.worker.flows.steps.pricing import to_hold
from runhook.worker.money.amounts import of_millionths
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


def room_view(
    w: Wiring, tenant: str, quote: Quote | None, options: Mapping[str, Any]
) -> list[RoomView]:
    """The budgets that a job would have to fit into now, and whether each has room for it.

    Args:
        w: The process's parts.
        tenant: Whose job it would be.
        quote: What its own model costs by the catalogue.
        options: Its options.
    """
    needs = to_hold(w, quote, options)
    concerned = (None, tenant)
    return [
        {**budget_view(budget), "has_room": needs is None or needs <= budget.left}
        for budget in budgets_today(w)
        if budget.tenant in concerned
    ]


def _tenant(name: str) -> str | None:
    if name == WHOLE:
        return None
    return name
