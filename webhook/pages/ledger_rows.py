"""The ledger as a page has it: rows with bars, a plot by day, how far budgets are used. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode

from runhook.webhook.pages import words
from runhook.webhook.pages.figures import COLOURS, day_label
from runhook.webhook.pages.plots import Plot, Series
from runhook.worker.domain.jobs import iso
from runhook.worker.domain.reports import coins_text
from runhook.worker.money.amounts import plain_text
from runhook.worker.money.report import BudgetToday, Costs
from runhook.worker.money.rows import DAY, Sum

OTHERS, NONE = "others", "–"  # what is not told apart, and what has no such metadata
WIDE = 640  # of the plot, which stands alone
ALMOST = 80  # per cent of a budget, from which on it is drawn as a warning


@dataclass(frozen=True, kw_only=True)
class Row:
    """A sum as the table has it.

    Attributes:
        groups: What it is of.
        amount: What was charged.
        part: Of the largest, in per cent, as a bar.
        seconds: Run time that was billed.
        jobs: How many.
        href: Those jobs.
        risk: What may have been charged besides.
    """

    groups: Sequence[str]
    amount: str
    part: int
    seconds: str
    jobs: int
    href: str
    risk: str


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """How far a budget is used up.

    Attributes:
        name: Whose it is.
        used: How far, in per cent.
        tone: The class that colours it.
        words: The same in words.
    """

    name: str
    used: int
    tone: str
    words: str


def ordered(found: Costs) -> list[Sum]:
    """The newest days first; without days whatever cost most."""
    if DAY in found.by:
        return list(reversed(found.sums))
    return sorted(found.sums, key=lambda one: (one.money, one.coins, one.jobs), reverse=True)


def rows_of(by: Sequence[str], sums: Sequence[Sum], given: Mapping[str, str]) -> list[Row]:
    most = max((_worth(one) for one in sums), default=Decimal(0))
    return [_row(by, one, most, given) for one in sums]


def _row(by: Sequence[str], one: Sum, most: Decimal, given: Mapping[str, str]) -> Row:
    part = 0
    if most and _worth(one) > 0:
        part = max(1, round(100 * _worth(one) / most))
    return Row(
        groups=[_group(one, name) for name in by],
        amount=_amount(one),
        part=part,
        seconds=_seconds(one),
        jobs=one.jobs,
        href=_jobs_of(by, one, given),
        risk=_risk(one),
    )


def _worth(one: Sum) -> Decimal:
    """What bars are drawn of: money, or coins where only those were charged."""
    return one.money or one.coins


def _group(one: Sum, name: str) -> str:
    value = one.group[name]
    if value is not None:
        return value
    if one.others:
        return OTHERS
    return NONE


def _amount(one: Sum) -> str:
    parts = []
    if one.money or not one.coins:
        parts.append(words.money(one.money, one.currency))
    if one.coins:
        parts.append(coins_text(plain_text(one.coins)))
    return " + ".join(parts)


def _seconds(one: Sum) -> str:
    if not one.seconds:
        return ""
    return words.duration(float(one.seconds))


def _risk(one: Sum) -> str:
    if not one.unproved:
        return ""
    told = [words.money(money, currency or None) for currency, money in one.risk.items()]
    return ", ".join([words.counted(one.unproved, "attempt"), *told])


def _jobs_of(by: Sequence[str], one: Sum, given: Mapping[str, str]) -> str:
    """The list of jobs that a row counts, as far as it can be said; empty where it cannot."""
    query = {name: text for name, text in given.items() if name != "by"}
    for name in by:
        value = one.group[name]
        if value is None:
            return ""
        query[name] = value
    if day := query.pop(DAY, None):
        start = datetime.fromisoformat(day).replace(tzinfo=UTC)
        query |= {"since": iso(start), "until": iso(start + timedelta(days=1))}
    return f"/jobs?{urlencode(query, safe=',:/')}"


def total_text(one: Sum) -> str:
    text = f"{_amount(one)} for {words.counted(one.jobs, 'job')}"
    text += f" in {words.counted(one.attempts, 'attempt')}"
    if one.unproved:
        text += f"; {_risk(one)} at risk"
    return text


def gauge_of(budget: BudgetToday, currency: str | None) -> Gauge:
    used = 100
    if budget.limit:
        used = min(100, round(100 * budget.held / budget.limit))
    tone = "s-open"
    if used >= ALMOST:
        tone = "s-unconfirmed"
    if not budget.left:
        tone = "s-failed"
    held, limit, left = (
        words.money(one, currency) for one in (budget.held, budget.limit, budget.left)
    )
    return Gauge(
        name=budget.tenant or "everybody",
        used=used,
        tone=tone,
        words=f"{held} of {limit}, {left} left",
    )


def plot_of(found: Costs) -> Plot | None:
    """Each day's money, parted by the first other thing that sums are parted by; None: no days."""
    if DAY not in found.by or not found.sums:
        return None
    currency = _main_currency(found.totals)
    sums = [one for one in found.sums if one.currency == currency]
    others = [name for name in found.by if name != DAY]
    count = (found.until - found.since).days + 1
    days = [found.since + timedelta(days=number) for number in range(count)]
    parts = _parts(sums, others)
    return Plot(
        id="p-costs",
        title=f"Charged by day, in {currency or 'the account’s money'}",
        summary="; ".join(total_text(one) for one in found.totals) + ".",
        labels=[day_label(datetime(day.year, day.month, day.day, tzinfo=UTC)) for day in days],
        series=[
            Series(
                name=name,
                style=COLOURS[min(number, len(COLOURS) - 1)],
                values=[float(amounts.get(day.isoformat(), 0)) for day in days],
            )
            for number, (name, amounts) in enumerate(parts)
        ],
        width=WIDE,
        say=lambda number: f"{number:,.2f}".removesuffix(".00"),
    )


def _parts(sums: Iterable[Sum], others: Sequence[str]) -> list[tuple[str, dict[str, Decimal]]]:
    """Money by day of what cost most, and of all the rest together."""
    by_day: dict[str, dict[str, Decimal]] = {}
    for one in sums:
        name = "charged"
        if others:
            name = _group(one, others[0])
        _add(by_day.setdefault(name, {}), {one.group[DAY] or "": _worth(one)})
    ordered = sorted(by_day, key=lambda name: sum(by_day[name].values()), reverse=True)
    shown, rest = ordered[: len(COLOURS) - 1], ordered[len(COLOURS) - 1 :]
    found = [(name, by_day[name]) for name in shown]
    if rest:
        together: dict[str, Decimal] = {}
        for name in rest:
            _add(together, by_day[name])
        found.append((words.counted(len(rest), "other"), together))
    return found


def _add(amounts: dict[str, Decimal], more: Mapping[str, Decimal]) -> None:
    for day, amount in more.items():
        amounts[day] = amounts.get(day, Decimal(0)) + amount


def _main_currency(totals: Sequence[Sum]) -> str | None:
    """The currency in which most attempts were charged."""
    if not totals:
        return None
    return max(totals, key=lambda one: one.attempts).currency
