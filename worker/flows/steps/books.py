"""Whether the two ledgers agree: what the jobs' records say, and what the days say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta

from runhook.worker.domain import policy
from runhook.worker.store import Day, JobFilter
from runhook.worker.store.upkeep import LOOKED_AT
from runhook.worker.wiring import Wiring


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How the two ledgers agree.

    Attributes:
        unbooked: Jobs that are not counted as their records say.
        differing: Days that say otherwise than their jobs, all of which are still there.
        compared: How many days could be compared; others lack jobs, or went on meanwhile.
    """

    unbooked: Sequence[str]
    differing: Sequence[str]
    compared: int


def compare(w: Wiring) -> Agreement:
    """Compare the newest jobs with their days."""
    before, seen = _days(w), 0

    def pieces() -> Iterator[list[str]]:
        nonlocal seen
        for names in w.store.listing.names(JobFilter(), LOOKED_AT):
            seen += len(names)
            yield names

    books = w.store.ledger.books(pieces())
    # What changed while the jobs were read is of neither time.
    still = [day for name, day in _days(w).items() if day == before.get(name)]
    whole = [
        day
        for day in still
        if not day.gone and not books.unreadable and (seen < LOOKED_AT or books.has_all(day))
    ]
    return Agreement(
        unbooked=books.unbooked,
        differing=[day.name for day in whole if books.differs(day)],
        compared=len(whole),
    )


def _days(w: Wiring) -> dict[str, Day]:
    today: date = w.clock.now().astimezone(UTC).date()
    oldest = today - timedelta(seconds=policy.DAYS_KEPT_S)
    return {day.name: day for day in w.store.ledger.days(oldest, today)}
