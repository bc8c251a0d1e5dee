"""What days cost: the ledger's rows that are asked for, added up, and how today's budgets stand."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from runhook.config.budgets import WHOLE
from runhook.worker.domain import policy
from runhook.worker.domain.faults import misspelt
from runhook.worker.domain.metadata import PREFIX
from runhook.worker.errors import Fault, InvalidRequest
from runhook.worker.money.amounts import of_millionths
from runhook.worker.money.report import BudgetToday, Costs
from runhook.worker.money.rows import DAY, DIMENSIONS, RowFilter, summed, together
from runhook.worker.wiring import Wiring

USUAL_DAYS = 30  # that are told of where nobody says since when: a month
MOST_SUMS = 10_000  # in one answer: 2 MB of JSON, and more than anybody reads


def costs(
    w: Wiring,
    wanted: RowFilter,
    *,
    by: Sequence[str] = (DAY,),
    since: datetime | None = None,
    until: datetime | None = None,
) -> Costs:
    """What days cost, of the jobs that are wanted.

    Args:
        w: The process's parts.
        wanted: Whose, which models, which metadata.
        by: What to part the sums by.
        since: In the first day; None: a month ago. What is kept no longer counts for nothing.
        until: In the last day, or at its end; None: today.

    Raises:
        InvalidRequest: That makes more sums than are told.
    """
    first, last = _period(w.clock.now(), since, until)
    days = w.store.ledger.days(first, last)
    # Row by row, for a year may have hundreds of thousands.
    sums = summed((row for day in days for row in day.rows if wanted.takes(row)), by)
    if len(sums) > MOST_SUMS:
        text = (
            f"makes {len(sums)} sums, at most {MOST_SUMS} are told; ask for fewer days, or by less"
        )
        raise InvalidRequest([Fault(path="by", message=text)])
    return Costs(
        since=first,
        until=last,
        by=by,
        sums=sums,
        totals=together(sums),
        budgets=budgets_today(w, wanted.tenant),
    )


def budgets_today(w: Wiring, only: str | None = None) -> list[BudgetToday]:
    """How the budgets of this UTC day stand; of one tenant alone, where it is said."""
    limits = w.settings.budgets.of
    if only is not None:
        limits = {name: limit for name, limit in limits.items() if name == only}
    if not limits:
        return []
    today = _day(w.clock.now())
    held = w.store.ledger.held(today)
    return [
        BudgetToday(
            tenant=_tenant(name),
            limit=limit,
            held=held.get(name, of_millionths(0)),
            ends_at=datetime.combine(today + timedelta(days=1), time(), UTC),
        )
        for name, limit in limits.items()
    ]


def by_faults(by: Sequence[str], indexed: Sequence[str]) -> list[Fault]:
    """What is wrong with what sums are to be parted by."""
    known = (*DIMENSIONS, *(f"{PREFIX}{key}" for key in indexed))
    text = (
        f"must be some of {', '.join(known)}, with commas between them; metadata must be in "
        "RUNHOOK_INDEX_METADATA"
    )
    return [misspelt("by", text, name, known) for name in by if name not in known]


def _period(now: datetime, since: datetime | None, until: datetime | None) -> tuple[date, date]:
    """The first and the last day of a period, as far as days are kept."""
    today = last = _day(now)
    first = today - timedelta(days=USUAL_DAYS - 1)
    if since is not None:
        first = _day(since)
    if until is not None:
        # A period ends before `until`, so midnight is the end of the day before.
        last = _day(until - timedelta(microseconds=1))
    oldest = today - timedelta(seconds=policy.DAYS_KEPT_S)
    return max(first, oldest), min(last, today)


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _tenant(name: str) -> str | None:
    if name == WHOLE:
        return None
    return name
