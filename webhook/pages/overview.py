"""/: how everything stands, each number a link to its jobs; the last hour, day and month drawn."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, request

from runhook.webhook.edge.access import FRONT
from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.scopes import only, open_to
from runhook.webhook.pages import words
from runhook.webhook.pages.figures import (
    AT_RISK,
    HALF,
    MOST,
    Chart,
    day_label,
    endings,
    hour_label,
    jobs_link,
    run_times,
    spending,
)
from runhook.webhook.pages.shell import page
from runhook.worker.domain.jobs import State
from runhook.worker.domain.reports import coins_text
from runhook.worker.flows.overview import Overview, overview
from runhook.worker.money.amounts import plain_text
from runhook.worker.money.report import BudgetToday
from runhook.worker.money.rows import Sum

IN_FLIGHT = (State.SENDING, State.UNCONFIRMED, State.RUNNING)
PART = "part"  # the query's word for one of the page's regions alone
STATES = "states"  # that region

blueprint = Blueprint("overview", __name__, template_folder="templates")


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One figure.

    Attributes:
        name: What it is.
        value: The figure.
        href: The jobs that it counts.
        note: What is to be said besides, in a few words.
        tone: `bad` or `warn`, where somebody should look.
    """

    name: str
    value: str
    href: str
    note: str = ""
    tone: str = ""


@blueprint.get(FRONT)
@open_to("read", "submit")
def show() -> Response:
    """Every figure; of a submit token's own tenant only. With `?part=states` those of the states,
    which change with each job and cost a quarter of the whole.
    """
    if request.args.get(PART) == STATES:
        return page("states.html", counts=wiring().store.listing.counts(only()))
    found = overview(wiring(), only())
    return page(
        "overview.html",
        counts=found.states,
        total=sum(found.states.values()),
        queue=found.queue,
        tiles=[*_work(found), *_money(found)],
        charts=_charts(found),
    )


def _work(found: Overview) -> Iterator[Tile]:
    day, since = found.last_day, found.day[0][0].start  # as the figures begin, at a whole hour
    yield Tile(
        name="Success",
        value=words.share(day.success),
        href=jobs_link(State.SUCCEEDED, State.FAILED, since=since),
        note=f"{day.ended(State.FAILED):,} failed in 24 h",
    )
    yield Tile(
        name="Run time",
        value=words.duration(day.run_time(HALF)),
        href=jobs_link(State.SUCCEEDED, since=since),
        note=f"half took less, in 24 h; 19 of 20 less than {words.duration(day.run_time(MOST))}",
    )
    yield Tile(
        name="Reconciled",
        value=words.share(day.reconciled),
        href=jobs_link(State.SUCCEEDED, State.FAILED, since=since),
        note="ended without their callback, in 24 h",
    )
    limit = ""
    if found.queue is not None:
        limit = f" of {found.queue.limit}"
    yield Tile(name="In flight", value=f"{found.in_flight}{limit}", href=jobs_link(*IN_FLIGHT))
    age = "–"
    if found.oldest is not None:
        age = words.duration((found.now - found.oldest).total_seconds())
    yield Tile(
        name="Queue age",
        value=age,
        href=jobs_link(State.QUEUED),
        note="since the oldest queued job was made",
    )
    if found.dead is not None:
        yield _failing(found.dead)


def _failing(dead: Mapping[str, int]) -> Tile:
    count, note, tone = sum(dead.values()), "none was given up", ""
    if count:
        note, tone = f"given up, of {words.counted(len(dead), 'receiver')}", "bad"
    return Tile(
        name="Failing deliveries",
        value=f"{count:,}",
        href="/deliveries?state=dead",
        note=note,
        tone=tone,
    )


def _money(found: Overview) -> Iterator[Tile]:
    midnight = found.now.replace(hour=0, minute=0, second=0, microsecond=0)
    month = midnight.replace(day=1)
    yield Tile(
        name="Today", value=_amounts(found.today), href=jobs_link(since=midnight), note="UTC"
    )
    yield Tile(
        name="This month",
        value=_amounts(found.this_month),
        href=jobs_link(since=month),
        note=f"{sum(one.jobs for one in found.this_month):,} jobs",
    )
    yield _at_risk(found.this_month, month)
    currency = wiring().settings.budget_currency
    for budget in found.budgets:
        yield _budget(budget, currency)


def _at_risk(sums: Sequence[Sum], since: datetime) -> Tile:
    attempts = sum(one.unproved for one in sums)
    risks = [
        words.money(money, currency or None) for one in sums for currency, money in one.risk.items()
    ]
    note, tone = "every attempt's cost is known", ""
    if attempts:
        note, tone = f"{words.counted(attempts, 'attempt')} without proof, this month", "warn"
    value = " + ".join(risks)
    if not value:
        value = ("0", "unknown")[attempts > 0]
    return Tile(
        name="At risk", value=value, href=jobs_link(*AT_RISK, since=since), note=note, tone=tone
    )


def _budget(budget: BudgetToday, currency: str | None) -> Tile:
    tone = ""
    if not budget.left:
        tone = "bad"
    return Tile(
        name=f"Budget of {budget.tenant or 'all'}",
        value=words.money(budget.left, currency),
        href="/costs",
        note=f"left today of {words.money(budget.limit, currency)}",
        tone=tone,
    )


def _amounts(sums: Sequence[Sum]) -> str:
    """What sums were charged, money and coins."""
    parts = [words.money(one.money, one.currency) for one in sums if one.money or not one.coins]
    parts += [coins_text(plain_text(one.coins)) for one in sums if one.coins]
    return " + ".join(parts) or "0"


def _charts(found: Overview) -> list[Chart]:
    today = found.now.date()
    first = found.month[0][0].start.date()
    return [
        endings("p-hour", "How jobs ended in the last hour", found.hour, hour_label),
        endings("p-day", "How jobs ended in the last day", found.day, hour_label),
        endings("p-month", "How jobs ended in thirty days", found.month, day_label),
        run_times("p-times", "How long they ran in the last day", found.day, hour_label),
        spending("p-money", "What was charged in thirty days", found.by_day, first, today),
    ]
