"""How long the last jobs of each model took here, from submit to success."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from redis.exceptions import RedisError

from runhook.worker.domain import policy
from runhook.worker.errors import StoreUnavailable
from runhook.worker.store import keys
from runhook.worker.store.clock import Clock
from runhook.worker.store.commands import Redis
from runhook.worker.store.connection import reaching


class Durations:
    """Those of the last hundred jobs of each model, in seconds; `move` writes them down."""

    def __init__(self, client: Redis, clock: Clock) -> None:
        self._redis, self._clock = client, clock
        # By model: until when, and what is believed until then.
        self._lately: dict[str, tuple[datetime, Sequence[float]]] = {}

    def of(self, model: str) -> Sequence[float]:
        """As they are now, the shortest first.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        with reaching():
            return in_order(self._redis.lrange(keys.durations(model), 0, -1))

    def lately(self, model: str) -> Sequence[float]:
        """As they were at most a minute ago, so that few jobs cost a round trip.

        What cannot be read is as if it were not there: who asks has a paid answer to write down.
        """
        now = self._clock.now()
        until, known = self._lately.get(model, (now, ()))
        believed = timedelta(seconds=policy.DURATIONS_BELIEVED)
        if now < until <= now + believed:  # else Redis' clock was put back
            return known
        with suppress(StoreUnavailable, RedisError, ValueError):
            known = self.of(model)
        if model not in self._lately and len(self._lately) >= policy.MODELS_REMEMBERED:
            self._lately.clear()
        self._lately[model] = now + believed, known
        return known


def in_order(answer: Sequence[bytes]) -> Sequence[float]:
    """Seconds, the shortest first, of milliseconds as Redis holds them."""
    return sorted(int(ms) / 1000 for ms in answer)
