"""Values as pages have them: money, moments, sizes and names, for people to read. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from runhook.worker.domain.reports import coins_text
from runhook.worker.money.amounts import money_text

SIGNS = {"CNY": "¥", "USD": "$", "EUR": "€"}  # before an amount; other currencies stand behind it
UNTOLD = " (currency not told)"
KILO = 1024
SHORT = 10  # seconds; of less, tenths are of interest
# What an age is said in, the first that fits, in seconds; static/page.js says the same.
AGES = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
UNITS = ("bytes", "KiB", "MiB", "GiB")


def money(amount: str | Decimal | None, currency: str | None = None) -> str:
    """An amount with its currency: `¥1.40`; a dash where nobody knows it."""
    if amount is None:
        return "–"
    text = money_text(Decimal(amount))
    if currency in SIGNS:
        return f"{SIGNS[currency]}{text}"
    return f"{text} {currency or ''}".rstrip()


def cost(of: Mapping[str, Any] | None, usual: str | None = None) -> str:
    """What was charged: money, coins, or both.

    Args:
        of: As views have it.
        usual: What the account is charged in, for money that RunningHub told without a currency.
    """
    if of is None:
        return "–"
    parts = []
    if of.get("money") is not None:
        currency = of.get("currency") or usual
        parts.append(money(of["money"], currency))
        if currency is None:
            parts[0] += UNTOLD
    if of.get("coins") is not None:
        parts.append(coins_text(of["coins"]))
    return " + ".join(parts) or "–"


def day_and_time(moment: str | datetime | None) -> str:
    """A moment in UTC to the second: `2026-11-29 00:12:03 UTC`."""
    if moment is None:
        return ""
    return f"{_moment(moment):%Y-%m-%d %H:%M:%S} UTC"


def ago(moment: str | datetime | None) -> str:
    """How long ago: `3 min ago`; scripts keep it right while the page is open."""
    if moment is None:
        return ""
    seconds = (datetime.now(UTC) - _moment(moment)).total_seconds()
    for unit, length in AGES:
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return "now"


def next_try(moment: str | datetime | None) -> str:
    """When a delivery is tried next; one whose moment is over waits for its turn."""
    if moment is None:
        return ""
    if _moment(moment) <= datetime.now(UTC):
        return "due, waits for its turn"
    return f"next {day_and_time(moment)}"


def duration(seconds: float | None) -> str:
    """How long: `0.4 s`, `34 s`, `2 min 5 s`, `1 h 3 min`; a dash where nobody knows it."""
    if seconds is None:
        return "–"
    if seconds < SHORT:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    rest, said = round(seconds), []
    for unit, length in AGES:
        count, rest = divmod(rest, length)
        if count:
            said.append(f"{count} {unit}")
    return " ".join(said[:2])


def share(part: float | None) -> str:
    """A part as a percentage that is never rounded to all or nothing; a dash where nobody knows."""
    if part is None:
        return "–"
    percent = 100 * part
    if 0 < percent < 1 or 99 < percent < 100:
        return f"{min(max(percent, 0.1), 99.9):.1f} %"
    return f"{percent:.0f} %"


def counted(count: int, what: str) -> str:
    """So many of something: `1 job`, `1,200 jobs`."""
    if count == 1:
        return f"1 {what}"
    return f"{count:,} {what}s"


def size(count: int) -> str:
    """Bytes as people say them: `1.4 MiB`."""
    amount, unit = float(count), 0
    while amount >= KILO and unit < len(UNITS) - 1:
        amount, unit = amount / KILO, unit + 1
    if unit == 0:
        return f"{count} {UNITS[0]}"
    return f"{amount:.1f} {UNITS[unit]}"


def _moment(moment: str | datetime) -> datetime:
    if isinstance(moment, datetime):
        return moment.astimezone(UTC)
    return datetime.fromisoformat(moment).astimezone(UTC)


FILTERS: dict[str, Callable[..., str]] = {
    "money": money,
    "cost": cost,
    "day_and_time": day_and_time,
    "ago": ago,
    "next_try": next_try,
    "duration": duration,
    "share": share,
    "counted": counted,
    "size": size,
}
