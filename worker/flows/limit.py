"""How many tasks the key may have in flight, asked of RunningHub."""

from runhook.worker.domain import policy
from runhook.worker.errors import ProviderSilent
from runhook.worker.store import Again, Answer
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring


def read_limit(w: Wiring) -> Answer:
    """Ask RunningHub how many tasks the key may have in flight, and dispatch by that. Free.

    Without an answer the limit known so far stays, and it is asked again sooner.
    """
    # Set by hand: the owner may want fewer than the key allows, and the duty ends.
    if w.settings.concurrency is not None:
        return None
    try:
        limit = w.client.capacity().limit
    except ProviderSilent as silent:
        report("queue.limit", limit=None, why=str(silent))
        return Again(policy.LIMIT_AGAIN)
    # An answer that names none leaves what is known; without that, one job goes at a time.
    if limit is not None:
        w.store.queue.set_limit(limit)
    report("queue.limit", limit=limit)
    return Again(policy.LIMIT_EVERY)
