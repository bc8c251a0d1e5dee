"""Sessions that ended before their time: whoever signed out is let in by none of its copies."""

from runhook.worker.domain import policy
from runhook.worker.store import keys
from runhook.worker.store.commands import Redis
from runhook.worker.store.connection import reaching


class Sessions:
    """A session is in its cookie alone; only what was ended early is written down."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def end(self, session_id: str) -> None:
        """From now on this one is over, until it would be anyway."""
        with reaching():
            self._redis.set(keys.signed_out(session_id), b"1", ex=policy.SESSION_SECONDS)

    def has_ended(self, session_id: str) -> bool:
        """Whether its owner signed out."""
        with reaching():
            return bool(self._redis.exists(keys.signed_out(session_id)))
