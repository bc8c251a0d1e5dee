"""Amounts as Redis adds them up: exact decimals in whole numbers. Pure.

An amount is written in pieces of nine digits, each a whole number of its own power of ten, and
Redis adds each piece for itself in 64 bits. So nothing is rounded however fine an amount is, no
script computes, and a piece has room for nine thousand million amounts.
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Context, Decimal, Inexact

DIGITS = 9  # of a piece; ten would leave room for nine hundred million amounts only
# What most amounts are whole numbers of, so that they have one piece: 0.14 is 140000 of it. What is
# compared with a budget is counted in it too.
MILLIONTH = -6
# The most that one attempt counts for against a budget, in millionths: as much as the largest
# budget. A larger bill, which must be a mistake there, fills every budget as well.
MOST_HELD = 10**13
CENTS = 2  # decimals that money has at least where people read it: 1.4 is 1.40
# An amount has 32 digits at most and a sum a few more; whatever were rounded raises instead.
EXACT = Context(prec=200, traps=[Inexact])


def pieces(amount: Decimal) -> dict[int, int]:
    """An amount's pieces, by the power of ten that each is a number of; those of 0 are left out."""
    sign, digits, exponent = amount.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{amount} is no amount")
    power = MILLIONTH + DIGITS * ((exponent - MILLIONTH) // DIGITS)  # the next that pieces have
    whole = int("".join(map(str, digits))) * 10 ** (exponent - power)
    found = {}
    while whole:
        whole, piece = divmod(whole, 10**DIGITS)
        if piece:
            found[power] = piece * (-1) ** sign
        power += DIGITS
    return found


def joined(found: Mapping[int, int]) -> Decimal:
    """The amount whose pieces, or sums of pieces, these are."""
    amount = Decimal(0)
    for power, piece in found.items():
        amount = added(amount, Decimal(piece).scaleb(power, EXACT))
    return amount


def added(one: Decimal, other: Decimal) -> Decimal:
    """The exact sum, which Decimal's own `+` rounds beyond 28 digits."""
    return EXACT.add(one, other)


def money_text(amount: Decimal) -> str:
    """Money as JSON and people have it: `1.40`."""
    whole, _, fraction = plain_text(amount).partition(".")
    return f"{whole}.{fraction.ljust(CENTS, '0')}"


def plain_text(amount: Decimal) -> str:
    """An amount without an exponent and without noughts that say nothing: `17`, `0.5`."""
    text = f"{amount:f}"
    if "." in text:
        return text.rstrip("0").rstrip(".")
    return text


def millionths(amount: Decimal) -> int:
    """An amount as it counts against a budget: in whole millionths, and never below 0.

    What is finer is counted up to the next, so that a budget is not passed by what was left out.
    """
    counted = amount.scaleb(-MILLIONTH, EXACT).to_integral_value(ROUND_CEILING)
    return min(max(int(counted), 0), MOST_HELD)


def of_millionths(count: int) -> Decimal:
    """The amount that so many millionths are."""
    return with_cents(Decimal(count).scaleb(MILLIONTH))


def with_cents(amount: Decimal) -> Decimal:
    """The same amount with as many decimals as money is written with."""
    return Decimal(money_text(amount))
