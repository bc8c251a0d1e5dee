"""What a job would cost, in the words of its form: on the button, and beside it. Pure."""

from dataclasses import dataclass

from runhook.webhook.pages.words import money
from runhook.worker.catalogue import Quote
from runhook.worker.catalogue.answers import DryRunView

UNKNOWN = "Pay what it costs"


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A price in words.

    Attributes:
        button: What the button says that pays it.
        price: The amount; empty where nobody knows it.
        why: Where it comes from, and what may come to it.
    """

    button: str
    price: str = ""
    why: str = ""


def offer(view: DryRunView) -> Offer:
    """The price of a dry run: RunningHub's own where it tells it, else the catalogue's.

    Args:
        view: What `POST /v1/jobs?dry_run=true` answers.
    """
    live, listed = view["live_price"], view["price"]
    if live:
        currency = live["currency"]
        if currency is None and listed:
            currency = listed["currency"]
        return _offered(money(live["money"], currency), "RunningHub's price now", view)
    if listed and listed["money"]:
        price = _listed(listed["money"], listed["currency"], at_least=listed["at_least"])
        return _offered(price, f"by the catalogue: {listed['text']}", view)
    if listed:
        return Offer(button=UNKNOWN, why=f"it depends on what is made: {listed['text']}")
    return Offer(button=UNKNOWN, why="nobody knows its price before its end")


def estimate(quote: Quote | None, faults: int) -> Offer:
    """What the catalogue tells of a form that is not right yet."""
    things = f"{faults} things are"
    if faults == 1:
        things = "1 thing is"
    why = f"{things} still to be filled in or mended"
    if quote is None or quote.money is None:
        return Offer(button=UNKNOWN, why=why)
    price = _listed(f"{quote.money:f}", quote.currency, at_least=quote.at_least)
    return Offer(button=f"Pay {price}", price=price, why=f"by the catalogue; {why}")


def _listed(amount: str, currency: str, *, at_least: bool) -> str:
    text = money(amount, currency)
    if at_least:
        return f"from {text}"
    return text


def _offered(price: str, source: str, view: DryRunView) -> Offer:
    return Offer(button=f"Pay {price}", price=price, why=source + _most(view))


def _most(view: DryRunView) -> str:
    """What it may come to with all that may be paid again."""
    span = view["price_range"]
    if not span or span["from"] == span["to"]:
        return ""
    if span["to"] is None:
        return "; what all attempts together may cost is not known"
    return f"; at most {money(span['to'], span['currency'])} if every attempt is charged"
