"""How jobs ended, by spans of time, as Redis counts them."""

from collections import Counter
from collections.abc import Mapping, Sequence

from runhook.worker.domain.tallies import Span, Tally
from runhook.worker.store import keys
from runhook.worker.store.connection import reaching
from runhook.worker.store.scripts import Scripts


class Tallies:
    """What ended when."""

    def __init__(self, scripts: Scripts) -> None:
        self._redis = scripts.client

    def of(self, spans: Sequence[Span], tenant: str = "") -> list[Tally]:
        """How a tenant's jobs, or all without one, ended in each span; in one round trip."""
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            for span in spans:
                pipe.hgetall(key_of(span, tenant))
            return [counted(fields) for fields in pipe.execute()]


def key_of(span: Span, tenant: str) -> str:
    """Where a tenant's jobs, or all of them, are counted that ended in a span."""
    return keys.tally(str(span.seconds), str(int(span.start.timestamp())), tenant)


def counted(fields: Mapping[bytes, bytes]) -> Tally:
    """What a span's hash says; what is no number counts for nothing."""
    return Tally(
        Counter(
            {
                name.decode("utf-8", "replace"): int(count)
                for name, count in fields.items()
                if count.isdigit()
            }
        )
    )
