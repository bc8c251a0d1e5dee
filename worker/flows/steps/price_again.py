"""What paying for a job once more would cost, so that its owner agrees to a sum. Asking is free."""

from dataclasses import dataclass, replace
from decimal import Decimal

from runhook.worker import catalogue
from runhook.worker.catalogue import Checked, Quote
from runhook.worker.domain.jobs import Job
from runhook.worker.errors import NotFound
from runhook.worker.flows.steps.pricing import live_price
from runhook.worker.wiring import Wiring


@dataclass(frozen=True, kw_only=True)
class PriceAgain:
    """The price of one more attempt.

    Attributes:
        money: None where nobody tells it before the end.
        currency: Of the money, as far as it is said.
        at_least: It may be more.
        live: RunningHub said so just now; else it is the catalogue's.
        most: With every fallback and retry that the job allows, where that is known and more.
    """

    money: Decimal | None = None
    currency: str | None = None
    at_least: bool = False
    live: bool = False
    most: Decimal | None = None


def price_again(w: Wiring, job: Job, model: str) -> PriceAgain:
    """What another attempt with one of the job's models costs.

    Args:
        w: The process's parts.
        job: Which.
        model: The one of its models that the attempt begins with.
    """
    checked = Checked(model=model, kind=job.spec.kind, input=job.spec.input_of(model))
    found = _of_the_catalogue(job, model)
    live = live_price(w, checked)
    if live is not None and live.free:
        found = PriceAgain(money=Decimal(0), currency=live.currency, live=True)
    elif live is not None:
        found = PriceAgain(money=live.money, currency=live.currency, live=True)
    return _with_most(found, job, model)


def listed_price(job: Job, model: str) -> PriceAgain:
    """The same by the catalogue alone: nobody is asked, so it can be said of many jobs."""
    return _with_most(_of_the_catalogue(job, model), job, model)


def _of_the_catalogue(job: Job, model: str) -> PriceAgain:
    quote = _quote(job, model)
    if quote is None:
        return PriceAgain()
    return PriceAgain(money=quote.money, currency=quote.currency, at_least=quote.at_least)


def _quote(job: Job, model: str) -> Quote | None:
    try:
        return catalogue.quote(catalogue.find(model), job.spec.input_of(model))
    except NotFound:  # ComfyUI is charged by run time; or a newer process knows the model
        return None


def _with_most(found: PriceAgain, job: Job, model: str) -> PriceAgain:
    """The same, with what all that the job allows of itself comes to."""
    models = job.spec.models[job.spec.models.index(model) :]
    whole = catalogue.span(
        [_quote(job, one) for one in models], int(job.spec.options.get("retries", 0))
    )
    if whole is None or whole.high is None or found.money is None:
        return found
    if whole.high <= found.money or whole.currency != (found.currency or whole.currency):
        return found
    return replace(found, most=whole.high)
