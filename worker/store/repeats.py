"""What the same request made before: rows of idempotency keys, and of handlers' calls."""

from collections.abc import Sequence
from typing import Any

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


def known(traces: Sequence[Trace], answer: str) -> tuple[str, str]:
    """The same, where `create` found which trace has a row, and that row."""
    at, _, row = answer.partition(" ")
    return traces[int(at) - 1].said_by(row)


def rows(traces: Sequence[Trace], retention: float) -> dict[str, Any]:
    """What `create` is told of the key of a new job.

    Args:
        traces: Those of the key; none without one.
        retention: Seconds that an ended job is kept; a row is kept no longer.
    """
    lasting = [one.name for one in traces if one.seconds >= retention]
    written = [[one.name, one.written, round(1000 * min(one.seconds, retention))] for one in traces]
    return {"traces": written, "known_by": " ".join(lasting)}


def remember(redis: Redis, job_ids: Sequence[str], kept: int) -> None:
    """Have rows of these jobs' keys that are still there stay for so many ms from now on."""
    with reaching():
        pipe = redis.pipeline(transaction=False)
        for job_id in job_ids:
            pipe.hget(keys.job(job_id), "known_by")
        found = [name for names in pipe.execute() if names for name in names.decode().split()]
        for name in found:
            pipe.pexpire(keys.idempotency(name), kept)
        pipe.execute()
