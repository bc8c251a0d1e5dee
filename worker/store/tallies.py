"""How jobs ended, by spans of time, as Redis counts them."""

from collections import Counter
from collections.abc import Mapping

from runhook.worker.domain.tallies import Span, Tally
from runhook.worker.store import keys


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
