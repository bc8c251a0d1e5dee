"""What an attempt is expected to cost, and what it holds of its day's budget."""

import hashlib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import orjson

from runhook.worker import catalogue
from runhook.worker.catalogue import COMFY_KINDS, Checked, Quote
from runhook.worker.catalogue.answers import DryRunView
from runhook.worker.catalogue.views import dry_run_view
from runhook.worker.domain import moves, policy
from runhook.worker.domain.jobs import Job
from runhook.worker.domain.outputs import output_names
from runhook.worker.domain.reports import LivePrice
from runhook.worker.errors import Fault, InvalidRequest, NotFound, ProviderSilent
from runhook.worker.money.ledger import day_of
from runhook.worker.wiring import Wiring

UNKNOWN = (
    "is required here: RUNHOOK_BUDGET_DAY is set, and {why}. Give the most that the job may cost; "
    "that is held of the day's budget until its cost is known"
)


def has_budget(w: Wiring, tenant: str) -> bool:
    """Whether what a tenant's jobs cost is limited by a budget."""
    return bool(w.settings.budgets.limits(tenant))


def budget_faults(
    w: Wiring, tenant: str, quotes: Iterable[Quote | None], options: Mapping[str, Any]
) -> list[Fault]:
    """What is wrong with a job of which nobody knows what to hold of the budget for it.

    Args:
        w: The process's parts.
        tenant: Whose it is.
        quotes: The price of each model that it may be charged for.
        options: Its options.
    """
    if not has_budget(w, tenant) or options.get("max_price") is not None:
        return []
    unknown = [quote for quote in quotes if to_hold(w, quote, options) is None]
    if not unknown:
        return []
    quote, why = unknown[0], "what this job may cost is not known"
    if quote and _sure(quote) is not None:
        why = (
            f"its price is in {quote.currency}, while RunningHub does not say what this account "
            "pays in"
        )
    return [Fault(path="options.max_price", message=UNKNOWN.format(why=why))]


def never_held(w: Wiring, model: str, quote: Quote | None) -> bool:
    """Whether no input of a model has a price that a budget could hold.

    Args:
        w: The process's parts.
        model: Its endpoint.
        quote: Its price for one input.
    """
    if quote is None or quote.currency != w.settings.budget_currency:
        return True
    return not catalogue.may_be_sure(catalogue.find(model))


def money_of(
    w: Wiring, tenant: str, quote: Quote | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    """What a new attempt's record says of money.

    Raises:
        InvalidRequest: Its day has a budget, and nobody knows what to hold of it.
    """
    if faults := budget_faults(w, tenant, [quote], options):
        raise InvalidRequest(faults)
    found: dict[str, Any] = {}
    price = _sure(quote)
    if quote and price is not None:
        found = {"price": f"{price:f}", "priced_in": quote.currency}
    if has_budget(w, tenant) and (amount := to_hold(w, quote, options)) is not None:
        found |= {"held": f"{amount:f}", "held_on": day_of(w.clock.now())}
    return found


def with_money(w: Wiring, job: Job) -> Job:
    """A job whose newest attempt is to be paid again, with what that may cost by now.

    Raises:
        InvalidRequest: Its day has a budget, and nobody knows what to hold of it.
    """
    money = money_of(w, job.tenant, quote_of(job), job.spec.options)
    n = job.history.attempts[-1].n
    return moves.with_attempt(job, n, job.history.updated_at, **money)


def live_price(w: Wiring, checked: Checked) -> LivePrice | None:
    """RunningHub's own price for a checked request now; None where it does not tell. Free."""
    return LivePrices(w).of(checked)


def _can_be_asked(w: Wiring, checked: Checked) -> bool:
    if checked.kind in COMFY_KINDS or not w.settings.api_key:
        return False
    # It reckons with the files themselves, and these are still to be made.
    return not any(output_names(catalogue.file_values(checked.model, checked.input)))


class LivePrices:
    """RunningHub's own prices for the first of many requests; the same one is asked about once."""

    def __init__(self, w: Wiring) -> None:
        self._w = w
        self._told: dict[bytes, LivePrice | None] = {}  # by what is asked about, in few bytes
        self._away = False

    def of(self, checked: Checked) -> LivePrice | None:
        """The price now; None also where RunningHub was asked often enough, or is away."""
        if not _can_be_asked(self._w, checked):
            return None
        asked = orjson.dumps([checked.model, checked.input], option=orjson.OPT_SORT_KEYS)
        name = hashlib.sha256(asked).digest()
        if name not in self._told and len(self._told) < policy.MOST_LIVE_PRICES and not self._away:
            self._told[name] = self._asked(checked)
        return self._told.get(name)

    def _asked(self, checked: Checked) -> LivePrice | None:
        try:
            return self._w.client.price(checked.model, checked.input)
        except ProviderSilent as silent:
            # Whatever else is asked would be waited for as long, and in vain.
            self._away = not silent.there
            return None


def trial_view(w: Wiring, checked: Checked) -> DryRunView:
    """A checked request and its prices, RunningHub being asked for its own."""
    return dry_run_view(checked, live_price(w, checked))


def quote_of(job: Job) -> Quote | None:
    """What an attempt of a job costs by the catalogue; None: nobody knows."""
    # ComfyUI is charged by run time, which nobody knows before its end.
    if job.spec.kind in COMFY_KINDS:
        return None
    try:
        return catalogue.quote(catalogue.find(job.current_model), job.current_input)
    except NotFound:  # a newer process knows it
        return None


def _sure(quote: Quote | None) -> Decimal | None:
    """A price that is known to the last; None where it may be more."""
    if quote is None or quote.at_least:
        return None
    return quote.money


def to_hold(w: Wiring, quote: Quote | None, options: Mapping[str, Any]) -> Decimal | None:
    """What is held of a budget: the price, where it is sure and in what the account pays in.

    Else the owner's max_price; None: nobody knows.
    """
    price = _sure(quote)
    if quote and price is not None and quote.currency == w.settings.budget_currency:
        return price
    if (limit := options.get("max_price")) is not None:
        return Decimal(str(limit))
    return None
