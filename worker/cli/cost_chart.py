"""What days cost, drawn: a bar for each sum, the totals, and how far each budget is used up."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.text import Text

from runhook.worker.cli.tables import Rows
from runhook.worker.money.amounts import money_text, plain_text
from runhook.worker.money.report import BudgetToday, Costs
from runhook.worker.money.rows import DAY, Sum

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
    if found.sums:
        parts += [_drawn(found, width), Text()]
    parts += _totals(found.totals)
    if found.budgets:
        parts += [Text(), Text("budgets today", "bold"), _budgets(found.budgets)]
    return Group(*parts)


def table(found: Costs) -> Rows:
    """Costs for other programs: a record a line."""
    names = ("money", "currency", "coins", "seconds", "jobs", "attempts", "at risk")
    rows = Rows(*found.by, *names)
    for sum in found.sums:
        rows.add_row(
            *(_group(sum, name) for name in found.by),
            money_text(sum.money),
            sum.currency or "",
            plain_text(sum.coins),
            plain_text(sum.seconds),
            str(sum.jobs),
            str(sum.attempts),
            str(sum.unproved),
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


def _colour(sum: Sum) -> str:
    """A day on which there was nothing steps back."""
    if sum.attempts:
        return "default"
    return "bright_black"


def _amounts(sums: Sequence[Sum]) -> tuple[list[Decimal], str]:
    """What bars are drawn of, and the unit: money, or coins where only those were charged."""
    if any(sum.coins for sum in sums) and not any(sum.money for sum in sums):
        return [sum.coins for sum in sums], "coins"
    currencies = {sum.currency or "money" for sum in sums}
    return [sum.money for sum in sums], " and ".join(sorted(currencies))


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


def _group(sum: Sum, name: str) -> str:
    """What a sum is of; a dash where its jobs have no such metadata."""
    value = sum.group[name]
    if value is not None:
        return value
    if sum.others:
        return "(others)"
    return NOTHING


def _with_days_between(found: Costs) -> Iterator[Sum]:
    """The sums; by day alone also the days on which there was nothing, or the chart would lie."""
    before: date | None = None
    for sum in found.sums:
        if tuple(found.by) == (DAY,):
            day = date.fromisoformat(sum.group[DAY] or "")
            while before and (before := before + timedelta(days=1)) < day:
                yield Sum(group={DAY: before.isoformat()}, currency=sum.currency)
            before = day
        yield sum


def _bar(amount: Decimal, most: Decimal, longest: int) -> str:
    """A bar as long as an amount is of the largest; what is not nothing is seen."""
    if amount <= 0:
        return ""
    eighths = max(1, round(amount * longest * len(EIGHTHS) / most))
    whole, part = divmod(eighths, len(EIGHTHS))
    return ("█" * whole + EIGHTHS[part]).rstrip()


def _risk(sum: Sum) -> str:
    """What may have been charged besides."""
    if not sum.unproved:
        return ""
    told = [f"{money_text(money)} {currency}".rstrip() for currency, money in sum.risk.items()]
    return ", ".join([_counted(sum.unproved, "attempt"), *told])


def _counted(count: int, what: str) -> str:
    if count == 1:
        return f"1 {what}"
    return f"{count} {what}s"


def _totals(totals: Sequence[Sum]) -> Iterator[Text]:
    if not totals:
        yield Text("Nothing was charged, and nothing is at risk.")
    for sum in totals:
        parts = [f"{money_text(sum.money)} {sum.currency or ''}".rstrip()]
        if sum.coins:
            parts.append(f"{plain_text(sum.coins)} coins")
        if sum.seconds:
            parts.append(f"{plain_text(sum.seconds)} s of run time")
        parts.append(f"for {_counted(sum.jobs, 'job')} in {_counted(sum.attempts, 'attempt')}")
        yield Text.assemble("together  ", (parts[0], "bold"), f", {', '.join(parts[1:])}")
        if sum.unproved:
            yield Text(f"at risk   {_risk(sum)}", "yellow")


def _budgets(budgets: Sequence[BudgetToday]) -> Rows:
    """How far each is used up."""
    rows = Rows("", "used", "figures", gives_way=("used",), head=False)
    for budget in budgets:
        figures = f"{money_text(budget.held)} of {money_text(budget.limit)}"
        rows.add_row(
            budget.tenant or "everybody",
            _gauge(budget),
            f"{figures}, {money_text(budget.left)} left",
        )
    return rows


def _gauge(budget: BudgetToday) -> Text:
    used = Decimal(1)
    if budget.limit:
        used = min(used, budget.held / budget.limit)
    colour = "green"
    if used >= ALMOST:
        colour = "yellow"
    if not budget.left:
        colour = "red"
    filled = round(used * LONGEST_BAR)
    return Text("█" * filled + "░" * (LONGEST_BAR - filled), colour)
