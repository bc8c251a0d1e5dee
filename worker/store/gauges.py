"""What a monitoring system reads of all nouns together: in three round trips, however often."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from runhook.worker.domain import policy
from runhook.worker.domain.jobs import State, born_at
from runhook.worker.domain.tallies import Tally, spans_until
from runhook.worker.store import keys, tallies
from runhook.worker.store.clock import Clock
from runhook.worker.store.commands import Redis
from runhook.worker.store.connection import reaching
from runhook.worker.store.ledger import Day, Ledger
from runhook.worker.store.queue import Queue
from runhook.worker.store.queue_state import QueueState
from runhook.worker.store.scripts import pairs
from runhook.worker.store.vitals import LaneState, Living, ask_pulse, pulse

TOLD = ("pending", "dead")  # the states of deliveries that somebody should know of


@dataclass(frozen=True, kw_only=True)
class Gauged:
    """How everything stands, everybody's together.

    Attributes:
        now: When.
        states: How many jobs are in each.
        oldest: When the oldest job that is queued was made; None: none is.
        queue: How the queue stands.
        ended: How jobs ended in this UTC day.
        today: What this UTC day cost; empty: nothing was counted.
        deliveries: Of each receiver how many are in each state of TOLD, in the order of names.
        lanes: Every lane.
        processes: Those that live.
    """

    now: datetime
    states: Mapping[State, int]
    oldest: datetime | None
    queue: QueueState
    ended: Tally
    today: Sequence[Day]
    deliveries: Mapping[str, Mapping[str, int]]
    lanes: Sequence[LaneState]
    processes: Sequence[Living]


class Gauges:
    """Reads all that is measured."""

    def __init__(self, client: Redis, clock: Clock, queue: Queue, ledger: Ledger) -> None:
        self._redis, self._clock, self._queue, self._ledger = client, clock, queue, ledger

    def look(self) -> Gauged:
        """How everything stands now.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        now = self._clock.now().astimezone(UTC)
        day = now.date().isoformat()
        (span,) = spans_until(now, policy.TALLY_SPANS_S[-1], 1)
        queue, ended, size, names = self._queue.state_and(
            ("HGETALL", tallies.key_of(span, "")),
            ("HLEN", keys.costs(day)),
            ("ZRANGE", keys.receivers(), "0", "-1"),
        )
        receivers = [name.decode("utf-8", "replace") for name in names]
        found = self._counts(receivers, now)
        states = {state: next(found) for state in State}
        deliveries = {name: {told: next(found) for told in TOLD} for name in receivers}
        oldest = next(found)
        lanes, processes = pulse(list(found))
        return Gauged(
            now=now,
            states=states,
            oldest=next((born_at(name.decode("utf-8", "replace")) for name in oldest), None),
            queue=queue,
            ended=tallies.counted(pairs(ended)),
            today=self._today(now, size),
            deliveries=deliveries,
            lanes=lanes,
            processes=processes,
        )

    def _counts(self, receivers: Sequence[str], now: datetime) -> Iterator[Any]:
        """The answers to everything else, in the order in which it is asked."""
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            for state in State:
                pipe.zcard(keys.jobs_in_state(state))
            for name in receivers:
                for told in TOLD:
                    pipe.zcard(keys.deliveries_of(name, told))
            pipe.zrange(keys.jobs_in_state(State.QUEUED), 0, 0)
            ask_pulse(pipe, now.timestamp())
            return iter(pipe.execute())

    def _today(self, now: datetime, size: int) -> Sequence[Day]:
        """What this day cost, which is not asked for where nothing was counted."""
        if not size:
            return ()
        today = now.date()
        return tuple(self._ledger.days(today, today, {today.isoformat(): size}))
