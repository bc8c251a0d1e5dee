"""How many tasks the key may have in flight, asked of RunningHub."""

from runhook.worker.errors import ProviderSilent
from runhook.worker.store import Claim
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring

LIMIT_EVERY, LIMIT_AGAIN = 300.0, 30.0


def read_limit(w: Wiring, claim: Claim) -> None:
    """How many tasks the key may have in flight, from RunningHub itself."""
    if w.settings.concurrency is not None:
        return
    try:
        limit = w.client.capacity().limit
    except ProviderSilent as silent:
        report("line.limit", limit=None, why=str(silent))
        claim.again_in = LIMIT_AGAIN
        return
    if limit is not None:
        w.store.line.set_limit(limit)
    report("line.limit", limit=limit)
    claim.again_in = LIMIT_EVERY
