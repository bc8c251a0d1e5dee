"""`runhook costs` on a terminal: bars as long as the amounts, days without any, budgets."""

import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from rich.cells import cell_len

from runhook.worker.cli.console import console_of
from runhook.worker.cli.cost_chart import LONGEST_BAR, chart
from runhook.worker.client.answers import read_costs
from runhook.worker.money.amounts import pieces
from runhook.worker.money.report import BudgetToday, Costs, costs_view
from runhook.worker.money.rows import Row, summed

ENDS = datetime(2026, 11, 29, tzinfo=UTC)


def _row(day: str, money: str, *, letter: str = "m", model: str = "vidu/x", **counts: int) -> Row:
    told = {f"{letter}{power}": piece for power, piece in pieces(Decimal(money)).items()}
    return Row(
        day=day,
        model=model,
        tenant="shop",
        currency="CNY",
        labels={},
        counts={"a": 1, "j": 1, **told, **counts},
    )


def _shown(
    rows: list[Row], *by: str, width: int = 80, budgets: tuple[BudgetToday, ...] = ()
) -> str:
    found = Costs(
        since=date(2026, 11, 1),
        until=date(2026, 11, 28),
        by=by,
        sums=summed(rows, by),
        totals=summed(rows, ()),
        budgets=budgets,
    )
    paper = io.StringIO()
    console = console_of(paper, width=width)
    console._force_terminal = True
    console.print(chart(read_costs(costs_view(found)), width))
    return paper.getvalue()


def test_bars_are_as_long_as_amounts_and_days_between_are_there() -> None:
    rows = [_row("2026-11-01", "1.5"), _row("2026-11-04", "3"), _row("2026-11-05", "0.001")]
    lines = _shown(rows, "day").splitlines()[3:8]
    assert [line[:10] for line in lines] == [f"2026-11-0{n}" for n in range(1, 6)]
    bars = [line.count("█") for line in lines]
    assert bars == [bars[3] // 2, 0, 0, bars[3], 0]
    assert "▏" in lines[4], "what is not nothing is seen"
    points = {line.index(".") for line in lines}
    assert len(points) == 1, "their points stand below each other"


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("by", [("day",), ("model",), ("day", "model", "tenant")])
def test_it_fits_whatever_terminal_there_is(width: int, by: tuple[str, ...]) -> None:
    rows = [
        _row("2026-11-01", "999999.999", model="kling-video-o3-pro/text-to-video", u=3),
        _row("2026-11-02", "0.27", model="workflow/1900000000000000002"),
    ]
    for line in _shown(rows, *by, width=width).splitlines():
        assert cell_len(line) <= width


def test_coins_are_drawn_where_only_coins_were_charged() -> None:
    shown = _shown([_row("2026-11-01", "17", letter="c")], "day")
    assert "coins" in shown.splitlines()[2]
    assert "17 coins" in shown
    assert "1 coin, for" in _shown([_row("2026-11-01", "1", letter="c")], "day")


def test_what_is_at_risk_stands_beside_what_was_charged() -> None:
    row = _row("2026-11-01", "1")
    row = Row(**{**vars(row), "counts": {**row.counts, "u": 2, "rCNY|-6": 540000}})
    shown = _shown([row], "day")
    assert "2 attempts, 0.54 CNY" in shown
    assert "together  1.00 CNY, for 1 job in 1 attempt" in shown


def test_a_budget_is_as_full_as_what_is_held() -> None:
    budgets = tuple(
        BudgetToday(tenant=tenant, limit=Decimal("1"), held=Decimal(held), ends_at=ENDS)
        for tenant, held in ((None, "0.5"), ("shop", "1.2"), ("office", "0"))
    )
    shown = _shown([], "day", budgets=budgets)
    assert "Nothing was charged" in shown
    lines = shown.splitlines()[-3:]
    assert [line.count("█") for line in lines] == [LONGEST_BAR // 2, LONGEST_BAR, 0]
    assert "0.50 of 1.00, 0.50 left" in lines[0]
    assert "1.20 of 1.00, 0.00 left" in lines[1]


def test_metadata_that_jobs_do_not_have_is_a_dash_and_the_rest_of_many_is_named() -> None:
    others = Row(**{**vars(_row("2026-11-01", "1")), "labels": None})
    shown = _shown([_row("2026-11-01", "1"), others], "metadata.order")
    assert "–" in shown
    assert "(others)" in shown
