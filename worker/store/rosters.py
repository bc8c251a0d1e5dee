"""Who is told, handlers and subscribers alike, and how telling each goes: in two round trips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runhook.worker.domain.receivers import Health
from runhook.worker.errors import UnreadableRecord
from runhook.worker.store import delivered, keys, processes, subscriptions
from runhook.worker.store.commands import Redis
from runhook.worker.store.connection import reaching
from runhook.worker.store.delivered import Waiting
from runhook.worker.store.processes import Known
from runhook.worker.store.subscriptions import Subscription

MOST_AWAITED = 10_000  # slots of handlers that are looked at for names; some ms of Redis


@dataclass(frozen=True, kw_only=True)
class Roster:
    """Who there is.

    Attributes:
        known: Handlers that a process published, by name.
        handlers: All handlers by name, with those that a pending delivery waits for.
        subscriptions: Ids, the oldest first.
        everyone: Whoever may have deliveries, those included that are gone.
    """

    known: Mapping[str, Known]
    handlers: Sequence[str]
    subscriptions: Sequence[str]
    everyone: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Standings:
    """How telling each goes.

    Attributes:
        subscriptions: Those that can be read here.
        unreadable: Those that cannot.
        healths: How the last attempts went, by name or id.
        waiting: What each has not heard, by name or id.
    """

    subscriptions: Sequence[Subscription]
    unreadable: Sequence[UnreadableRecord]
    healths: Mapping[str, Health]
    waiting: Mapping[str, Waiting]


class Rosters:
    """Reading handlers and subscribers together."""

    def __init__(self, client: Redis) -> None:
        self._redis = client

    def look(self) -> Roster:
        """Who there is, in one round trip.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            pipe.hgetall(keys.handlers())
            pipe.hgetall(keys.handlers_first())
            pipe.zrangebyscore(keys.due("handlers"), "-inf", "+inf", start=0, num=MOST_AWAITED)
            pipe.zrange(keys.subscriptions(), 0, -1)
            pipe.zrange(keys.receivers(), 0, -1)
            rows, first, slots, ids, told = pipe.execute()
        found = processes.published(rows, first)
        known = {one.handler.name: one for one in found if isinstance(one, Known)}
        awaited = {slot.decode().partition("/")[0] for slot in slots}
        return Roster(
            known=known,
            handlers=sorted(known.keys() | awaited),
            subscriptions=[name.decode() for name in ids],
            everyone=sorted({name.decode() for name in (*rows, *ids, *told)}),
        )

    def standings(self, handlers: Sequence[str], ids: Sequence[str]) -> Standings:
        """How telling some goes, in one round trip.

        Args:
            handlers: Names of handlers.
            ids: Of subscriptions.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        names = [*handlers, *ids]
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            for name in ids:
                pipe.hgetall(keys.subscription(name))
            for name in names:
                pipe.hgetall(keys.endpoint(name))
            delivered.ask_waiting(pipe, names)
            found = pipe.execute()
        behind = len(ids) + len(names)
        held, healths, counts = found[: len(ids)], found[len(ids) : behind], found[behind:]
        read = [subscriptions.readable(n, row) for n, row in zip(ids, held, strict=True) if row]
        return Standings(
            subscriptions=[one for one in read if isinstance(one, Subscription)],
            unreadable=[one for one in read if isinstance(one, UnreadableRecord)],
            healths=dict(zip(names, map(subscriptions.health_of, healths), strict=True)),
            waiting=dict(zip(names, delivered.waitings(counts), strict=True)),
        )
