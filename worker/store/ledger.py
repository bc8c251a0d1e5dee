"""The ledger of days: read, compared with the jobs' own records, and made to agree with them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

import orjson

from runhook.worker.domain import policy
from runhook.worker.errors import UnreadableRecord
from runhook.worker.money.amounts import of_millionths
from runhook.worker.money.ledger import ATTEMPTS, summed
from runhook.worker.money.rows import Row
from runhook.worker.store import keys
from runhook.worker.store.bookings import ALL, OF, Books, opened
from runhook.worker.store.claims import Held
from runhook.worker.store.connection import reaching
from runhook.worker.store.jobs import Jobs
from runhook.worker.store.scripts import Scripts

ROW = "#"  # before a row's name, among the fields of a day
GONE = "gone"
Counts = Counter[tuple[tuple[str, str, str | None], str]]  # by tenant, model, currency; and field


@dataclass(frozen=True, kw_only=True)
class Day:
    """A day of the ledger as it lies in Redis.

    Attributes:
        name: Which, as 2026-11-28.
        rows: What it cost.
        gone: How many of its jobs are no longer there.
    """

    name: str
    rows: Sequence[Row] = ()
    gone: int = 0


@dataclass(kw_only=True)
class JobBooks:
    """The ledger as the jobs have it.

    Attributes:
        days: What jobs were counted for: by day, and there by row and field.
        unbooked: Jobs that are counted otherwise than their records say.
        unreadable: How many cannot be read here; nobody knows of which days they are.
    """

    days: dict[str, Counts] = field(default_factory=dict)
    unbooked: list[str] = field(default_factory=list)
    unreadable: int = 0

    def add(self, held: Held) -> None:
        """Count one more job."""
        lines, _ = opened(held.booked)
        for ((day, model, currency), what), count in summed(lines).items():
            row = (held.job.tenant, model, currency)
            self.days.setdefault(day, Counter())[row, what] += count

    def differs(self, day: Day) -> bool:
        """Whether a day says otherwise than all of its jobs together."""
        return self.days.get(day.name, Counter()) != counts_of(day)

    def has_all(self, day: Day) -> bool:
        """Whether every attempt that a day counts is of one of these jobs."""
        return _attempts(self.days.get(day.name, Counter())) == _attempts(counts_of(day))


def counts_of(day: Day) -> Counts:
    """What a day says, its metadata aside."""
    found: Counts = Counter()
    for row in day.rows:
        for what, count in row.counts.items():
            found[(row.tenant, row.model, row.currency), what] += count
    return found


def _attempts(counts: Counts) -> int:
    return sum(count for (_, what), count in counts.items() if what == ATTEMPTS)


class Ledger:
    """What days cost, and what is held of their budgets."""

    def __init__(self, scripts: Scripts, jobs: Jobs, books: Books) -> None:
        self._scripts = scripts
        self._redis = scripts.client
        self._jobs = jobs
        self._books = books

    def days(
        self, since: date, until: date, sizes: Mapping[str, int] | None = None
    ) -> Iterator[Day]:
        """The days from one to another, both of them included, as far as anything was counted.

        Args:
            since: The first.
            until: The last.
            sizes: How many fields each has, where that was read before.
        """
        if sizes is None:
            sizes = self._sizes(days_between(since, until))
        piece: list[str] = []
        room = policy.COST_FIELDS_AT_ONCE
        for name, size in sizes.items():
            if piece and size > room:
                yield from self._read(piece)
                piece, room = [], policy.COST_FIELDS_AT_ONCE
            piece.append(name)
            room -= size
        if piece:
            yield from self._read(piece)

    def _sizes(self, names: Sequence[str]) -> dict[str, int]:
        """How many fields each day has; those that have none are left out."""
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            for name in names:
                pipe.hlen(keys.costs(name))
            found = zip(names, pipe.execute(), strict=True)
        return {name: size for name, size in found if size}

    def held(self, day: date) -> Mapping[str, Decimal]:
        """What is held of a day's budget: by tenant, and everybody's under no name."""
        with reaching():
            found = self._redis.hgetall(keys.budget(day.isoformat()))
        held = {
            name.decode(): of_millionths(_number(count.decode())) for name, count in found.items()
        }
        return {_tenant_of(name): amount for name, amount in held.items()}

    def books(self, pieces: Iterable[Sequence[str]]) -> JobBooks:
        """What jobs were counted for, by their names, in pieces."""
        found = JobBooks()
        for names in pieces:
            for one in self._jobs.look(names):
                if isinstance(one, UnreadableRecord):
                    found.unreadable += 1
                    continue
                found.add(one)
                if self._books.order(one.job, one.booked, one.labels):
                    found.unbooked.append(one.job.id)
        return found

    def rebook(self, names: Sequence[str]) -> int:
        """Count jobs as their records say; how many were not. What changes meanwhile is left."""
        wrong = 0
        for one in self._jobs.look(names):
            if isinstance(one, UnreadableRecord):
                continue
            if order := self._books.order(one.job, one.booked, one.labels):
                args = (one.job.id, str(one.job.rev), one.booked, orjson.dumps(order))
                wrong += int(self._scripts.run("rebook", *args))
        return wrong

    def _read(self, names: Sequence[str]) -> Iterator[Day]:
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            for name in names:
                pipe.hgetall(keys.costs(name))
            found = pipe.execute()
        for name, fields in zip(names, found, strict=True):
            if fields:
                yield _day(name, {k.decode(): v.decode() for k, v in fields.items()})


def _tenant_of(name: str) -> str:
    if name == ALL:
        return ""
    return name.removeprefix(OF)


def days_between(since: date, until: date) -> list[str]:
    """The days from one to another, both of them included, as keys name them."""
    count = (until - since).days + 1
    return [(since + timedelta(days=number)).isoformat() for number in range(count)]


def _day(name: str, fields: Mapping[str, str]) -> Day:
    """A day from its hash; what is no number there counts for nothing."""
    counts: dict[str, dict[str, int]] = {}
    for key, value in fields.items():
        number, colon, what = key.partition(":")
        if colon and number.isdecimal():
            counts.setdefault(number, {})[what] = _number(value)
    rows = [
        _row(name, key.removeprefix(ROW), counts.get(number, {}))
        for key, number in fields.items()
        if key.startswith(ROW)
    ]
    return Day(name=name, rows=rows, gone=_number(fields.get(GONE, "0")))


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:  # somebody damaged it; the day then differs from its jobs
        return 0


def _row(day: str, name: str, counts: Mapping[str, int]) -> Row:
    tenant, model, currency, labels = orjson.loads(name)
    return Row(
        day=day,
        model=model,
        tenant=tenant,
        currency=currency,
        labels=None if labels is None else dict(labels),
        counts=counts,
    )
