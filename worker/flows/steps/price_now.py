"""What an attempt would cost at the moment when it is to leave, and whether it may. Asking is free.

Between accept and submit RunningHub may have raised its price: beyond the owner's max_price, or
beyond what is held of the day's budget.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from runhook.worker import catalogue
from runhook.worker.catalogue import COMFY_KINDS
from runhook.worker.domain import moves
from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.reports import Refused
from runhook.worker.errors import OverBudget, ProviderSilent
from runhook.worker.flows.steps.refusals import unsent
from runhook.worker.money.amounts import money_text
from runhook.worker.store import Change, TimelineEntry
from runhook.worker.wiring import Wiring


@dataclass(frozen=True, kw_only=True)
class PriceNow:
    """RunningHub's own price, and else the catalogue's.

    Attributes:
        money: None where neither tells it.
        currency: Of the money, as far as it is said.
        at_least: It may be more.
    """

    money: Decimal | None = None
    currency: str = ""
    at_least: bool = False

    @property
    def sure(self) -> Decimal | None:
        """What it costs; None: nobody knows, for what only begins there may end above it."""
        if self.at_least:
            return None
        return self.money

    def __str__(self) -> str:
        if self.money is None:
            return "not known"
        text = f"{self.money:f} {self.currency}".rstrip()
        if self.at_least:
            return f"at least {text}"
        return text


def refusal(w: Wiring, job: Job, given: dict[str, Any]) -> Refused | None:
    """Why a job is too dear to leave now; None: it may. What is held grows with a risen price.

    Raises:
        ProviderSilent: RunningHub is busy or away, so nobody knows.
    """
    limit, held = job.spec.options.get("max_price"), job.attempt.held
    # Of ComfyUI jobs nobody knows a price: their max_price says only what is held of the budget.
    if job.spec.kind in COMFY_KINDS or (limit is None and held is None):
        return None
    price = _price(w, job, given)
    if limit is not None and (price.sure is None or price.sure > Decimal(str(limit))):
        return _beyond(price, str(limit), budgeted=held is not None)
    if held is None or price.money is None or price.money <= Decimal(held):
        return None
    return _held_anew(w, job, price.money)


def _beyond(price: PriceNow, limit: str, *, budgeted: bool) -> Refused:
    """Why a job may not leave that costs more than its owner wants, or may do so."""
    if price.sure is not None:
        why = f"its price now is {price}, its max_price {limit}"
        return unsent("max_price", why, "Ask again with a higher max_price.")
    why = f"its price now is {price}, so it may cost more than its max_price {limit}"
    advice = "No higher max_price helps: ask again when RunningHub tells this key the price"
    if not budgeted:  # else it would be refused
        advice += ", or without max_price"
    return unsent("max_price", why, f"{advice}.")


def _price(w: Wiring, job: Job, given: dict[str, Any]) -> PriceNow:
    try:
        live = w.client.price(job.current_model, given)
    except ProviderSilent as silent:
        # Busy or away: it is waited for. An answer that names no price leaves it to the catalogue,
        # for some keys may not ask for prices.
        if silent.busy or not silent.there:
            raise
        return _listed(job, given)
    if live.free:
        return PriceNow(money=Decimal(0), currency=live.currency or "")
    return PriceNow(money=live.money, currency=live.currency or "")


def _listed(job: Job, given: dict[str, Any]) -> PriceNow:
    quote = catalogue.quote(catalogue.find(job.current_model), given)
    if quote is None:
        return PriceNow()
    return PriceNow(money=quote.money, currency=quote.currency, at_least=quote.at_least)


def _held_anew(w: Wiring, job: Job, money: Decimal) -> Refused | None:
    """Hold a price that has risen; refused where the day's budget has no room for the rest."""
    n, before = job.attempt.n, money_text(Decimal(job.attempt.held or 0))

    def decide(now_job: Job) -> Change | None:
        if now_job.attempt.n != n or now_job.state is not State.SENDING:
            return None
        note = TimelineEntry("price rose", {"attempt": n, "from": before, "to": f"{money:f}"})
        held = {"held": f"{money:f}", "price": f"{money:f}"}
        return Change(job=moves.with_attempt(now_job, n, w.clock.now(), **held), notes=(note,))

    try:
        w.store.jobs.change(job.id, decide, claim=w.claim)
    except OverBudget as over:
        why = f"its price now is {money_text(money)}, {before} was held, and of that day's budget "
        why += f"{over.left:f} is left"
        return unsent("budget", why, "Ask again when there is room.")
    return None
