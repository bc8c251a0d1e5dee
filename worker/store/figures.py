"""What an overview of everything shows, of all nouns at once: in three round trips."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from runhook.worker.domain.jobs import State, born_at
from runhook.worker.domain.tallies import Span, Tally
from runhook.worker.store import keys, tallies
from runhook.worker.store.commands import Redis
from runhook.worker.store.connection import reaching
from runhook.worker.store.ledger import Day, Ledger, days_between
from runhook.worker.store.queue import Queue
from runhook.worker.store.queue_state import QueueState
from runhook.worker.store.scripts import pairs


@dataclass(kw_only=True)
class Standing:
    """How everything stands.

    Attributes:
        states: How many jobs are in each.
        queue: How the queue stands, everybody's together.
        oldest: When the oldest job that is queued was made; None: none is.
        tallies: How jobs ended in each span that was asked for.
        days: What each day that was asked for cost, as far as anything was counted.
        dead: Deliveries that were given up, by receiver; those that have none are left out. None: a
            tenant's are not counted apart.
    """

    states: dict[State, int]
    queue: QueueState
    oldest: datetime | None
    tallies: Sequence[Tally]
    days: Sequence[Day] = ()
    dead: dict[str, int] | None = None


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be shown.

    Attributes:
        tenant: Whose; None: everybody's.
        spans: Of how jobs ended.
        since: The first day of what was paid.
        until: The last one.
    """

    tenant: str | None
    spans: Sequence[Span]
    since: date
    until: date


class Figures:
    """Figures of all nouns together."""

    def __init__(self, client: Redis, queue: Queue, ledger: Ledger) -> None:
        self._redis, self._queue, self._ledger = client, queue, ledger

    def look(self, wanted: Wanted) -> Standing:
        """How everything stands now; the rows of its days are everybody's.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        days = days_between(wanted.since, wanted.until)
        commands = [
            *(("HGETALL", tallies.key_of(span, wanted.tenant or "")) for span in wanted.spans),
            *(("HLEN", keys.costs(day)) for day in days),
            ("ZRANGE", _names_of(wanted.tenant), "0", "-1"),
        ]
        queue, *answers, names = self._queue.state_and(*commands)
        ended = [tallies.counted(pairs(answer)) for answer in answers[: len(wanted.spans)]]
        sizes = dict(zip(days, answers[len(wanted.spans) :], strict=True))
        if wanted.tenant is None:
            found = self._of_all(queue, ended, names)
        else:
            found = self._of_one(wanted.tenant, queue, ended, names)
        filled = {day: size for day, size in sizes.items() if size}
        found.days = list(self._ledger.days(wanted.since, wanted.until, filled))
        return found

    def _of_all(
        self, queue: QueueState, ended: Sequence[Tally], names: Sequence[bytes]
    ) -> Standing:
        """Everybody's jobs, and the deliveries that each receiver did not get."""
        receivers = [name.decode() for name in names]
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            for state in State:
                pipe.zcard(keys.jobs_in_state(state))
            pipe.zrange(keys.jobs_in_state(State.QUEUED), 0, 0)
            for name in receivers:
                pipe.zcard(keys.deliveries_of(name, "dead"))
            found = pipe.execute()
        count = len(State)
        dead = zip(receivers, found[count + 1 :], strict=True)
        return Standing(
            states=dict(zip(State, found[:count], strict=True)),
            queue=queue,
            oldest=_oldest(found[count]),
            tallies=ended,
            dead={name: number for name, number in dead if number},
        )

    def _of_one(
        self, tenant: str, queue: QueueState, ended: Sequence[Tally], names: Sequence[bytes]
    ) -> Standing:
        """A tenant's jobs, which stand in a list for each model and state."""
        models = [name.decode() for name in names]
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            for model in models:
                for state in State:
                    pipe.zcard(keys.listed(state, tenant, model))
                pipe.zrange(keys.listed(State.QUEUED, tenant, model), 0, 0)
            found = pipe.execute()
        width = len(State) + 1
        rows = [found[at : at + width] for at in range(0, len(found), width)]
        return Standing(
            states={state: sum(row[at] for row in rows) for at, state in enumerate(State)},
            queue=queue,
            oldest=_oldest([name for row in rows for name in row[-1]]),
            tallies=ended,
        )


def _names_of(tenant: str | None) -> str:
    """The list of what is asked next: a tenant's models, or all who are told."""
    if tenant is None:
        return keys.receivers()
    return keys.models(tenant)


def _oldest(names: Sequence[bytes]) -> datetime | None:
    """When the oldest of some jobs was made: ids are in the order of time."""
    if not names:
        return None
    return born_at(min(names).decode())
