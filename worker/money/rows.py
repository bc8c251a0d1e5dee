"""The ledger's rows, and what they add up to by day, model, tenant or metadata. Pure."""

import fnmatch
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from runhook.worker.domain.metadata import PREFIX, Label
from runhook.worker.money import ledger
from runhook.worker.money.amounts import joined

DAY, MODEL, TENANT = "day", "model", "tenant"
DIMENSIONS = (DAY, MODEL, TENANT)


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one day cost for one model, tenant, currency and metadata.

    Attributes:
        day: In UTC.
        model: What ran.
        tenant: Whose jobs it were.
        currency: What its money is in; None: RunningHub does not say.
        labels: The indexed metadata of its jobs; None: that of those counted together because the
            day has too many.
        counts: By field, as ledger.py names them.
    """

    day: str
    model: str
    tenant: str
    currency: str | None
    labels: Mapping[str, str] | None
    counts: Mapping[str, int]

    def under(self, dimension: str) -> str | None:
        """What the row says of a dimension; None: its jobs have no such metadata."""
        match dimension:
            case "day":
                return self.day
            case "model":
                return self.model
            case "tenant":
                return self.tenant
        return (self.labels or {}).get(dimension.removeprefix(PREFIX))


def told_in(row: Row, usual: str | None) -> Row:
    """A row whose currency nobody told, in what the account is charged in."""
    if usual is None or row.currency is not None:
        return row
    return replace(row, currency=usual)


@dataclass(frozen=True, kw_only=True)
class RowFilter:
    """Which rows count; what is left out narrows nothing.

    Attributes:
        model: Its endpoint, or a glob over endpoints.
        tenant: Whose jobs.
        labels: The metadata that the jobs all have.
    """

    model: str | None = None
    tenant: str | None = None
    labels: tuple[Label, ...] = ()

    def takes(self, row: Row) -> bool:
        """Whether a row is one of these."""
        has = row.labels or {}
        return (
            (self.model is None or fnmatch.fnmatchcase(row.model, self.model))
            and self.tenant in (None, row.tenant)
            and all(has.get(key) == value for key, value in self.labels)
        )


@dataclass(kw_only=True)
class Sum:
    """What some rows add up to: amounts of one currency, which are never added to another's.

    Attributes:
        group: What the rows have in common, by dimension.
        currency: Of the money.
        others: It is of jobs whose metadata was not counted apart.
    """

    group: Mapping[str, str | None]
    currency: str | None
    others: bool = False
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def jobs(self) -> int:
        """Jobs whose first attempt was submitted then."""
        return self.counts[ledger.JOBS]

    @property
    def attempts(self) -> int:
        """Attempts that RunningHub had, or may have had."""
        return self.counts[ledger.ATTEMPTS]

    @property
    def unproved(self) -> int:
        """Attempts that may have been charged without anybody's saying so."""
        return self.counts[ledger.UNPROVED]

    @property
    def money(self) -> Decimal:
        """What RunningHub charged."""
        return self._amount(ledger.MONEY)

    @property
    def coins(self) -> Decimal:
        """The same in coins."""
        return self._amount(ledger.COINS)

    @property
    def seconds(self) -> Decimal:
        """Run time that was billed."""
        return self._amount(ledger.SECONDS)

    @property
    def risk(self) -> dict[str, Decimal]:
        """What the unproved ones cost at least if they were charged, by currency."""
        found: dict[str, dict[int, int]] = {}
        for name, count in self.counts.items():
            if name.startswith(ledger.RISK):
                currency, _, power = name[1:].partition("|")
                found.setdefault(currency, {})[int(power)] = count
        amounts = {currency: joined(pieces) for currency, pieces in found.items()}
        return {currency: amount for currency, amount in amounts.items() if amount}

    def _amount(self, letter: str) -> Decimal:
        return joined(
            {int(name[1:]): n for name, n in self.counts.items() if name.startswith(letter)}
        )


def summed(rows: Iterable[Row], by: Sequence[str]) -> list[Sum]:
    """What rows add up to, by some dimensions and by currency, in the order of those."""
    found: dict[tuple[object, ...], Sum] = {}
    parted = any(dimension.startswith(PREFIX) for dimension in by)
    for row in rows:
        group = {dimension: row.under(dimension) for dimension in by}
        others = parted and row.labels is None
        place = (*group.values(), row.currency, others)
        if place not in found:
            found[place] = Sum(group=group, currency=row.currency, others=others)
        found[place].counts.update(row.counts)
    return [found[place] for place in sorted(found, key=_order) if found[place].attempts]


def together(sums: Iterable[Sum]) -> list[Sum]:
    """All sums as one, for each currency."""
    found: dict[str | None, Sum] = {}
    for sum in sums:
        total = found.setdefault(sum.currency, Sum(group={}, currency=sum.currency))
        total.counts.update(sum.counts)
    return [found[currency] for currency in sorted(found, key=lambda name: (name is None, name))]


def _order(place: Sequence[object]) -> tuple[tuple[bool, str], ...]:
    """In the order of names, and what has none behind."""
    return tuple((part is None, str(part)) for part in place)
