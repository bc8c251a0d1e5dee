"""What the same request made before: rows of idempotency keys, and of handlers' calls."""

from collections.abc import Sequence

from runhook.worker.secrets.idempotency import Trace
from runhook.worker.store import keys
from runhook.worker.store.commands import Redis
from runhook.worker.store.connection import reaching


def made_by(redis: Redis, traces: Sequence[Trace], told_of: str) -> tuple[str, str] | None:
    """What a key made: how its row speaks of this request, and the job; None: nothing yet.

    Only a look, so that a repeated request is not judged anew; `create` decides between twins.

    Args:
        redis: Where to look.
        traces: Those of the key.
        told_of: Where a handler makes the request: its event's job, or its delivery of an event
            that is of no job. Else empty.

    Raises:
        StoreUnavailable: Redis does not answer or refuses.
    """
    names = [one.name for one in traces]
    with reaching():
        known = redis.mget([keys.idempotency(name) for name in names])
        if told_of and not any(known):
            known = redis.hmget(keys.submits(told_of), names)
    for one, row in zip(traces, known, strict=True):
        if row is not None:
            return one.said_by(row.decode())
    return None
