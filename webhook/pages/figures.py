"""Figures over time as pages draw and list them: how jobs ended, how long they ran, what they cost.
Pure.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode

from runhook.webhook.pages import words
from runhook.webhook.pages.plots import Plot, Series
from runhook.worker.domain.jobs import State, iso
from runhook.worker.domain.tallies import Span, Tally, together
from runhook.worker.money.rows import DAY, Sum

ENDS = (State.SUCCEEDED, State.FAILED, State.CANCELLED)  # from the bottom of a bar up
# Whose attempts may be without proof: one that was given up, too, or whose next one succeeded.
AT_RISK = (State.UNCONFIRMED, State.FAILED, State.SUCCEEDED)
HALF, MOST = 0.5, 0.95  # of run times, within which so many of the jobs were
SHARES = ("half within", "19 of 20 within")  # the same in words
# What the money of one currency is coloured as; who has more than four sees the last again.
COLOURS = ("c0", "c1", "c2", "c3")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table beneath a plot.

    Attributes:
        when: Its first cell.
        cells: The others: each a text, and where it leads; empty: nowhere.
    """

    when: str
    cells: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A plot with its table.

    Attributes:
        plot: The picture.
        heads: Of the table.
        rows: Its rows, the newest first; those of which there is nothing to say are left out.
    """

    plot: Plot
    heads: Sequence[str]
    rows: Sequence[Row]


def jobs_link(*states: State | str, since: datetime | None = None, **more: str) -> str:
    """The list of jobs in these states, made since then."""
    query = dict(more)
    if states:
        query["state"] = ",".join(states)
    if since is not None:
        query["since"] = iso(since)
    return f"/jobs?{urlencode(query, safe=',:')}"


def endings(
    id: str, title: str, tallies: Sequence[tuple[Span, Tally]], label: Callable[[datetime], str]
) -> Chart:
    """How jobs ended, span by span."""
    labels = [label(span.start) for span, _ in tallies]
    series = [
        Series(
            name=state.value,
            style=f"s-{state.value}",
            values=[tally.ended(state) for _, tally in tallies],
        )
        for state in ENDS
    ]
    plot = Plot(
        id=id,
        title=title,
        summary=_ends_in_words(together(tally for _, tally in tallies)),
        labels=labels,
        series=series,
        say=_count,
        whole=True,
    )
    rows = [
        Row(when=label(span.start), cells=_ends(span, tally))
        for span, tally in reversed(tallies)
        if any(tally.ended(state) for state in ENDS)
    ]
    return Chart(plot=plot, heads=("From", *ENDS, *SHARES), rows=rows)


def run_times(
    id: str, title: str, tallies: Sequence[tuple[Span, Tally]], label: Callable[[datetime], str]
) -> Chart:
    """How long those that succeeded ran; its figures stand in the table of how jobs ended."""
    half = [tally.run_time(HALF) for _, tally in tallies]
    most = [tally.run_time(MOST) for _, tally in tallies]
    whole = together(tally for _, tally in tallies)
    summary = "No job of this time tells how long it ran."
    if whole.run_time(HALF) is not None:
        summary = (
            f"Half of the jobs that succeeded took up to {words.duration(whole.run_time(HALF))}, "
            f"19 of 20 up to {words.duration(whole.run_time(MOST))}."
        )
    plot = Plot(
        id=id,
        title=title,
        summary=summary,
        labels=[label(span.start) for span, _ in tallies],
        series=[
            Series(name=SHARES[0], style="p50", values=half, line=True),
            Series(name=SHARES[1], style="p95", values=most, line=True),
        ],
        say=words.duration,
    )
    return Chart(plot=plot, heads=(), rows=())


def spending(id: str, title: str, sums: Sequence[Sum], first: date, last: date) -> Chart:
    """What each day cost, by currency."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    currencies = sorted({one.currency or "" for one in sums})
    amounts = {(one.group[DAY], one.currency or ""): one.money for one in sums}
    series = [
        Series(
            name=currency or "money",
            style=COLOURS[min(number, len(COLOURS) - 1)],
            values=[float(amounts.get((day.isoformat(), currency), 0)) for day in days],
        )
        for number, currency in enumerate(currencies)
    ]
    plot = Plot(
        id=id,
        title=title,
        summary=_spent_in_words(sums, currencies),
        labels=[f"{day:%b} {day.day}" for day in days],
        series=series,
        say=_amount,
    )
    return Chart(
        plot=plot,
        heads=("Day", "Charged", "Jobs", "Without proof"),
        rows=[_spent(one) for one in reversed(sums)],
    )


def hour_label(moment: datetime) -> str:
    """Of a moment in a day."""
    return f"{moment:%H:%M}"


def day_label(moment: datetime) -> str:
    """Of a day."""
    return f"{moment:%b} {moment.day}"


def _ends(span: Span, tally: Tally) -> list[tuple[str, str]]:
    cells = []
    for state in ENDS:
        count, link = tally.ended(state), ""
        if count:
            link = jobs_link(state, since=span.start, until=iso(span.end))
        cells.append((_count(count), link))
    return [*cells, *((words.duration(tally.run_time(part)), "") for part in (HALF, MOST))]


def _spent(one: Sum) -> Row:
    start = datetime.fromisoformat(f"{one.group[DAY]}T00:00:00Z")
    end = iso(start + timedelta(days=1))
    link, risk = jobs_link(since=start, until=end), ("", "")
    if one.unproved:
        risk = (_count(one.unproved), jobs_link(*AT_RISK, since=start, until=end))
    cells = ((words.money(one.money, one.currency), link), (_count(one.jobs), link), risk)
    return Row(when=str(one.group[DAY]), cells=cells)


def _ends_in_words(tally: Tally) -> str:
    parts = [f"{_count(tally.ended(state))} {state.value}" for state in ENDS]
    return f"{', '.join(parts)}."


def _spent_in_words(sums: Sequence[Sum], currencies: Iterable[str]) -> str:
    if not sums:
        return "Nothing was charged."
    totals = []
    for currency in currencies:
        amounts = [one.money for one in sums if (one.currency or "") == currency]
        totals.append(words.money(sum(amounts, Decimal(0)), currency or None))
    return f"{' and '.join(totals)} in all."


def _count(number: float) -> str:
    return f"{number:,.0f}"


def _amount(number: float) -> str:
    """Of an axis, where noughts behind the point say nothing."""
    return f"{number:,.2f}".removesuffix(".00")
