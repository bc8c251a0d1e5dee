"""Amounts in pieces of whole numbers: exact, whatever is added in whatever order."""

from decimal import Decimal, Inexact

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runhook.worker.money.amounts import (
    DIGITS,
    MOST_HELD,
    added,
    joined,
    millionths,
    money_text,
    of_millionths,
    pieces,
    plain_text,
)

LARGEST = 2**63  # what Redis adds up to
# What RunningHub's amounts may be: runninghub/parsing.py takes 12 digits and 20 decimals.
amounts = st.decimals(
    min_value=Decimal(-(10**12)), max_value=Decimal(10**12), places=20, allow_nan=False
) | st.decimals(min_value=Decimal(-1000), max_value=Decimal(1000), places=2, allow_nan=False)


@given(amounts)
def test_the_pieces_of_an_amount_are_the_amount(amount: Decimal) -> None:
    found = pieces(amount)
    assert joined(found) == amount
    assert all(0 < abs(piece) < 10**DIGITS for piece in found.values())


@given(st.lists(amounts, max_size=50))
def test_sums_of_pieces_are_the_exact_sum_and_far_below_what_redis_adds(
    several: list[Decimal],
) -> None:
    sums: dict[int, int] = {}
    for amount in several:
        for power, piece in pieces(amount).items():
            sums[power] = sums.get(power, 0) + piece
    exact = Decimal(0)
    for amount in several:
        exact = added(exact, amount)
    assert joined(sums) == exact
    assert all(abs(count) < LARGEST / 10**9 for count in sums.values())


@given(amounts)
def test_against_a_budget_nothing_counts_for_less_than_it_is(amount: Decimal) -> None:
    counted = millionths(amount)
    assert 0 <= counted <= MOST_HELD < 2**53
    if amount <= of_millionths(MOST_HELD):
        assert of_millionths(counted) >= amount
        assert of_millionths(counted) - max(amount, Decimal(0)) < Decimal("0.000001")


@pytest.mark.parametrize(
    ("amount", "money", "plain"),
    [
        ("1.4", "1.40", "1.4"),
        ("2", "2.00", "2"),
        ("0.00", "0.00", "0"),
        ("1E+3", "1000.00", "1000"),
        ("0.0625", "0.0625", "0.0625"),
        ("-0.5", "-0.50", "-0.5"),
        ("100", "100.00", "100"),
    ],
)
def test_money_has_two_decimals_at_least_and_no_needless_ones(
    amount: str, money: str, plain: str
) -> None:
    assert (money_text(Decimal(amount)), plain_text(Decimal(amount))) == (money, plain)


def test_what_would_be_rounded_raises() -> None:
    with pytest.raises(Inexact):
        added(Decimal("1E+150"), Decimal("1E-150"))
    with pytest.raises(ValueError, match="no amount"):
        pieces(Decimal("NaN"))
