"""How everything stands, for whoever wants to see it at a glance: counts, money, and the last hour,
day and month.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from runhook.worker.domain import policy
from runhook.worker.domain.jobs import State
from runhook.worker.domain.tallies import Span, Tally, grouped, spans_until, together
from runhook.worker.flows.steps.budgets import budgets_today
from runhook.worker.money.report import BudgetToday
from runhook.worker.money.rows import DAY, RowFilter, Sum, summed, told_in
from runhook.worker.money.rows import together as added
from runhook.worker.store import Day, QueueState, Wanted
from runhook.worker.wiring import Wiring

SHORT, LONG = policy.TALLY_SPANS_S
HOUR = 3600  # seconds
HOURS, DAYS = 24, 30  # that a day and a month are drawn of
PIECES = HOUR // SHORT  # that an hour is drawn of


@dataclass(frozen=True, kw_only=True)
class Overview:
    """How everything stands; of one tenant alone, where one is meant.

    Attributes:
        now: When.
        states: How many jobs are in each.
        queue: How everybody's queue stands; None: a tenant is told nothing of others.
        oldest: When the oldest queued job was made; None: none is queued.
        hour: How jobs ended in the last hour, by short spans.
        day: In the last day, by hours.
        month: In the last thirty days.
        today: What this UTC day cost, for each currency.
        this_month: What this month cost.
        by_day: What each of the last thirty days cost, for each currency.
        budgets: How today's stand.
        dead: Deliveries that were given up, by receiver; None: a tenant is not told.
    """

    now: datetime
    states: Mapping[State, int]
    queue: QueueState | None
    oldest: datetime | None
    hour: Sequence[tuple[Span, Tally]]
    day: Sequence[tuple[Span, Tally]]
    month: Sequence[tuple[Span, Tally]]
    today: Sequence[Sum]
    this_month: Sequence[Sum]
    by_day: Sequence[Sum]
    budgets: Sequence[BudgetToday]
    dead: Mapping[str, int] | None

    @property
    def last_day(self) -> Tally:
        """How jobs ended in the last day."""
        return together(tally for _, tally in self.day)

    @property
    def in_flight(self) -> int:
        """How many jobs RunningHub has, or may have."""
        return sum(
            self.states[state] for state in (State.SENDING, State.UNCONFIRMED, State.RUNNING)
        )


def overview(w: Wiring, only: str | None = None) -> Overview:
    """How everything stands now.

    Args:
        w: The process's parts.
        only: The one tenant whose jobs may be seen; None: any.

    Raises:
        StoreUnavailable: Redis does not answer or refuses.
    """
    now = w.clock.now().astimezone(UTC)
    today, short, days = now.date(), _short_spans(now), spans_until(now, LONG, DAYS)
    since = min(today.replace(day=1), days[0].start.date())
    found = w.store.figures.look(
        Wanted(tenant=only, spans=[*short, *days], since=since, until=today)
    )
    ended = found.tallies[: len(short)]
    sums = _sums(found.days, only, w.settings.budget_currency)
    queue: QueueState | None = found.queue
    if only is not None:
        queue = None
    return Overview(
        now=now,
        states=found.states,
        queue=queue,
        oldest=found.oldest,
        hour=list(zip(short, ended, strict=True))[-PIECES:],
        day=grouped(short, ended, HOUR),
        month=list(zip(days, found.tallies[len(short) :], strict=True)),
        today=_since(sums, today),
        this_month=added(_since(sums, today.replace(day=1))),
        by_day=_since(sums, days[0].start.date()),
        budgets=budgets_today(w, only),
        dead=found.dead,
    )


def _short_spans(now: datetime) -> list[Span]:
    """The short ones of the last day, beginning with a whole hour."""
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    return spans_until(now, SHORT, int((now - first).total_seconds()) // SHORT + 1)


def _sums(days: Sequence[Day], only: str | None, usual: str | None) -> list[Sum]:
    """What each day cost; money that was charged without a currency is in the account's."""
    wanted = RowFilter(tenant=only)
    rows = (told_in(row, usual) for day in days for row in day.rows if wanted.takes(row))
    return summed(rows, [DAY])


def _since(sums: Sequence[Sum], first: date) -> list[Sum]:
    return [one for one in sums if (one.group[DAY] or "") >= first.isoformat()]
