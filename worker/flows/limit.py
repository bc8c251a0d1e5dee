"""How many tasks the key may have in flight, asked of RunningHub."""

from runhook.worker.errors import ProviderSilent
from runhook.worker.store import Again, Answer
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring

LIMIT_EVERY, LIMIT_AGAIN = 300.0, 30.0


def read_limit(w: Wiring) -> Answer:
    """How many tasks the key may have in flight, from RunningHub itself."""
    if w.settings.concurrency is not None:
        return None
    try:
        limit = w.client.capacity().limit
    except ProviderSilent as silent:
        report("line.limit", limit=None, why=str(silent))
        return Again(LIMIT_AGAIN)
    if limit is not None:
        w.store.line.set_limit(limit)
    report("line.limit", limit=limit)
    return Again(LIMIT_EVERY)
