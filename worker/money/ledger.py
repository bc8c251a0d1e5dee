"""The ledger: what each attempt counts for on its day, and what changed of that. Pure.

An attempt counts on the UTC day of its submit, whenever its cost is told. A job's record says all
that it counts for, so the days are the sum over all jobs. What a job was counted for last is kept
beside its record, and each change of it adds the difference: a late cost, or one that is taken
back, corrects the day it belongs to.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from runhook.worker.domain.frozen import evolve
from runhook.worker.domain.jobs import Attempt, Job
from runhook.worker.domain.reports import Cost
from runhook.worker.money.amounts import pieces
from runhook.worker.money.standing import Bill, bill_of

# What a row counts, by the letter that the fields of a day begin with.
JOBS, ATTEMPTS, UNPROVED = "j", "a", "u"
MONEY, COINS, SECONDS, RISK = "m", "c", "s", "r"
DAY = "%Y-%m-%d"


@dataclass(frozen=True, kw_only=True)
class Line:
    """What one attempt counts for.

    Attributes:
        day: The UTC day of its submit.
        model: What it ran.
        currency: What its money is in; None: RunningHub does not say.
        jobs: 1 for the first attempt of a job that counts, so that jobs are counted once.
        unproved: 1 where it may have been charged and nobody said so.
        money: What it cost.
        coins: The same in RH coins.
        seconds: Run time that was billed.
        risk: What it costs if it was charged after all, in `risk_in`; None: nobody knows.
        risk_in: The currency of that.
    """

    day: str
    model: str
    currency: str | None
    jobs: int
    unproved: int = 0
    money: str | None = None
    coins: str | None = None
    seconds: str | None = None
    risk: str | None = None
    risk_in: str | None = None

    def counts(self) -> Iterator[tuple[str, int]]:
        """What it adds to its row, by field."""
        yield ATTEMPTS, 1
        yield JOBS, self.jobs
        yield UNPROVED, self.unproved
        yield from _fields(MONEY, self.money)
        yield from _fields(COINS, self.coins)
        yield from _fields(SECONDS, self.seconds)
        yield from _fields(f"{RISK}{self.risk_in or ''}|", self.risk)


NAMES = tuple(field.name for field in fields(Line))  # in the order in which they are kept
Row = tuple[str, str, str | None]  # day, model, currency
Counts = Counter[tuple[Row, str]]


def _fields(letter: str, amount: str | None) -> Iterator[tuple[str, int]]:
    """An amount as fields of a row: `m-6` counts millionths of money."""
    if amount is not None:
        for power, piece in pieces(Decimal(amount)).items():
            yield f"{letter}{power}", piece


def day_of(moment: datetime) -> str:
    """The UTC day that a moment is in."""
    return moment.astimezone(UTC).strftime(DAY)


def submitted_on(job: Job, attempt: Attempt) -> str:
    """The day that an attempt belongs to, by its submit; by its birth where that is not known."""
    born = attempt.queued_at or job.spec.created_at
    return day_of(attempt.submitted_at or attempt.left_at or born)


def lines_of(job: Job, currency: str | None) -> list[Line]:
    """What a job counts for, a line for each attempt that ended there, or may have.

    Args:
        job: As its record says.
        currency: The account's, for attempts whose cost does not say one.
    """
    found: list[Line] = []
    for attempt in job.history.attempts:
        bill = bill_of(job, attempt)
        if bill.counts:
            found.append(_line(job, attempt, bill, currency, jobs=int(not found)))
    return found


def _line(job: Job, attempt: Attempt, bill: Bill, currency: str | None, *, jobs: int) -> Line:
    line = Line(
        day=submitted_on(job, attempt), model=job.model_of(attempt), currency=currency, jobs=jobs
    )
    cost = attempt.cost or Cost()
    if bill is Bill.UNPROVED:
        risk = {"risk": attempt.price, "risk_in": attempt.priced_in}
        return evolve(line, unproved=1, seconds=cost.seconds, **risk)
    return evolve(
        line,
        currency=cost.currency or currency,
        money=cost.money,
        coins=cost.coins,
        seconds=cost.seconds,
    )


def summed(lines: Iterable[Line]) -> Counts:
    """What lines add up to, by row and field."""
    found: Counts = Counter()
    for line in lines:
        row = (line.day, line.model, line.currency)
        for name, count in line.counts():
            found[row, name] += count
    return found


def difference(old: Iterable[Line], new: Iterable[Line]) -> dict[Row, dict[str, int]]:
    """What must be added so that the days count the new lines in place of the old."""
    change = summed(new)
    change.subtract(summed(old))
    found: dict[Row, dict[str, int]] = {}
    for (row, name), count in change.items():
        if count:
            found.setdefault(row, {})[name] = count
    return found


def packed(lines: Iterable[Line]) -> list[list[Any]]:
    """Lines as they are kept beside the job, without the nothings at their ends."""
    return [_trimmed([getattr(line, name) for name in NAMES]) for line in lines]


def unpacked(rows: Iterable[Sequence[Any]]) -> list[Line]:
    """The same as lines."""
    return [Line(**dict(zip(NAMES, row, strict=False))) for row in rows]


def _trimmed(values: list[Any]) -> list[Any]:
    while values and values[-1] is None:
        values.pop()
    return values
