"""What days cost, drawn: a bar for each sum, the totals, and how far each budget is used up."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from runhook.worker.cli.tables import Rows
from runhook.worker.client.answers import Costs, CostSum
from runhook.worker.domain.reports import coins_text
from runhook.worker.money.amounts import money_text, plain_text
from runhook.worker.money.rows import DAY

# Characters of the longest bar, as far as there is room: shorter ones tell little, and longer ones
# lead the eye too far away from the figures.
SHORTEST_BAR, LONGEST_BAR = 8, 30
FIGURES = 44  # characters that the columns behind the bar usually take
EIGHTHS = " ▏▎▍▌▋▊▉"  # a character filled by so many eighths
ALMOST = Decimal("0.8")  # of a budget, from which on it is drawn as a warning
NOTHING = "–"


def chart(found: Costs, width: int) -> RenderableType:
    """Costs as a terminal so many characters wide shows them."""
    title = Text.assemble((f"{found.since} to {found.until}", "bold"), "  days in UTC")
    parts: list[RenderableType] = [title, Text()]
    if found.items:
        parts += [_drawn(found, width), Text()]
    parts += _totals(found.totals)
    if found.budgets:
        parts += [Text(), Text("budgets today", "bold"), _budgets(found.budgets)]
    return Group(*parts)


def table(found: Costs) -> Rows:
    """Costs for other programs: a record a line."""
    names = ("money", "currency", "coins", "seconds", "jobs", "attempts", "at risk")
    rows = Rows(*found.by, *names)
    for sum in found.items:
        rows.add_row(
            *(_group(sum, name) for name in found.by),
            money_text(_known(sum.money)),
            sum.currency or "",
            plain_text(_known(sum.coins)),
            plain_text(_known(sum.seconds)),
            str(sum.jobs),
            str(sum.attempts),
            str(_unproved(sum)),
        )
    return rows


def _drawn(found: Costs, width: int) -> Rows:
    """A line for each sum: what it is of, a bar, and its figures."""
    sums = [*_with_days_between(found)]
    amounts, unit = _amounts(sums)
    figures = _right(_as_long(amounts), unit)
    jobs = _right([str(sum.jobs) for sum in sums], "jobs")
    groups = [[_group(sum, name) for name in found.by] for sum in sums]
    longest = _longest_bar(groups, width)
    rows = Rows(
        *(*found.by, "", figures[0], jobs[0], "at risk"),
        gives_way=(jobs[0], ""),
        cut=[name for name in found.by if name != DAY],
    )
    for line, sum in enumerate(sums):
        colour = _colour(sum)
        rows.add_row(
            *(Text(name, colour) for name in groups[line]),
            Text(_bar(amounts[line], max(amounts), longest), "cyan"),
            Text(figures[line + 1], colour),
            Text(jobs[line + 1], colour),
            Text(_risk(sum), "yellow"),
        )
    return rows


def _colour(sum: CostSum) -> str:
    """A day on which there was nothing steps back."""
    if sum.attempts:
        return "default"
    return "bright_black"


def _amounts(sums: Sequence[CostSum]) -> tuple[list[Decimal], str]:
    """What bars are drawn of, and the unit: money, or coins where only those were charged."""
    if any(_known(sum.coins) for sum in sums) and not any(_known(sum.money) for sum in sums):
        return [_known(sum.coins) for sum in sums], "coins"
    currencies = {sum.currency or "money" for sum in sums}
    return [_known(sum.money) for sum in sums], " and ".join(sorted(currencies))


def _as_long(amounts: Iterable[Decimal]) -> list[str]:
    """Amounts with the same number of decimals, so that their points stand below each other."""
    texts = [money_text(amount) for amount in amounts]
    decimals = max(len(text.partition(".")[2]) for text in texts)
    return [text + "0" * (decimals - len(text.partition(".")[2])) for text in texts]


def _right(texts: Sequence[str], name: str) -> list[str]:
    """A column's name and cells, flush right."""
    width = max(map(len, (name, *texts)))
    return [text.rjust(width) for text in (name, *texts)]


def _longest_bar(groups: Sequence[Sequence[str]], width: int) -> int:
    """How long bars may be beside names that should be read whole."""
    names = max(sum(len(name) + 2 for name in group) for group in groups)
    return min(max(width - names - FIGURES, SHORTEST_BAR), LONGEST_BAR)


def _group(sum: CostSum, name: str) -> str:
    """What a sum is of; a dash where its jobs have no such metadata."""
    value = sum.group.get(name)
    if value is not None:
        return str(value)
    if sum.others:
        return "(others)"
    return NOTHING


def _with_days_between(found: Costs) -> Iterator[CostSum]:
    """The sums; by day alone also the days on which there was nothing, or the chart would lie."""
    before: date | None = None
    for sum in found.items:
        if tuple(found.by) == (DAY,):
            day = date.fromisoformat(sum.group[DAY] or "")
            while before and (before := before + timedelta(days=1)) < day:
                yield CostSum(group={DAY: before.isoformat()}, currency=sum.currency)
            before = day
        yield sum


def _bar(amount: Decimal, most: Decimal, longest: int) -> str:
    """A bar as long as an amount is of the largest; what is not nothing is seen."""
    if amount <= 0:
        return ""
    eighths = max(1, round(amount * longest * len(EIGHTHS) / most))
    whole, part = divmod(eighths, len(EIGHTHS))
    return ("█" * whole + EIGHTHS[part]).rstrip()


def _risk(sum: CostSum) -> str:
    """What may have been charged besides."""
    if not _unproved(sum):
        return ""
    told = [
        f"{one['money']} {one['currency'] or ''}".rstrip() for one in sum.at_risk.get("money", ())
    ]
    return ", ".join([_counted(_unproved(sum), "attempt"), *told])


def _counted(count: int, what: str) -> str:
    if count == 1:
        return f"1 {what}"
    return f"{count} {what}s"


def _totals(totals: Sequence[CostSum]) -> Iterator[Text]:
    if not totals:
        yield Text("Nothing was charged, and nothing is at risk.")
    for sum in totals:
        parts = [f"{money_text(_known(sum.money))} {sum.currency or ''}".rstrip()]
        if _known(sum.coins):
            parts.append(coins_text(plain_text(_known(sum.coins))))
        if _known(sum.seconds):
            parts.append(f"{plain_text(_known(sum.seconds))} s of run time")
        parts.append(f"for {_counted(sum.jobs, 'job')} in {_counted(sum.attempts, 'attempt')}")
        yield Text.assemble("together  ", (parts[0], "bold"), f", {', '.join(parts[1:])}")
        if _unproved(sum):
            yield Text(f"at risk   {_risk(sum)}", "yellow")


def _budgets(budgets: Sequence[Mapping[str, Any]]) -> Rows:
    """How far each is used up."""
    rows = Rows("", "used", "figures", gives_way=("used",), head=False)
    for budget in budgets:
        figures = f"{budget['held']} of {budget['limit']}, {budget['left']} left"
        gauge = _gauge(*(Decimal(budget[name]) for name in ("held", "limit", "left")))
        rows.add_row(budget["tenant"] or "everybody", gauge, figures)
    return rows


def _gauge(held: Decimal, limit: Decimal, left: Decimal) -> Text:
    used = Decimal(1)
    if limit:
        used = min(used, held / limit)
    colour = "green"
    if used >= ALMOST:
        colour = "yellow"
    if not left:
        colour = "red"
    filled = round(used * LONGEST_BAR)
    return Text("█" * filled + "░" * (LONGEST_BAR - filled), colour)


def _unproved(sum: CostSum) -> int:
    """Attempts that may have been charged without anybody's saying so."""
    return int(sum.at_risk.get("attempts", 0))


def _known(amount: Decimal | None) -> Decimal:
    """An amount that may not have been told, which is none then."""
    return amount or Decimal(0)
