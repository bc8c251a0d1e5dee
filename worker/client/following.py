"""Following a job to its end: through restarts of web and Redis, and beside full streams."""

import time
from collections.abc import Iterator

from runhook.worker.client.errors import RateLimited, Unavailable
from runhook.worker.client.jobs import has_ended
from runhook.worker.client.retrying import jittered
from runhook.worker.client.transport import Document, Transport
from runhook.worker.domain import policy


def following(transport: Transport, job_id: str, seconds: float) -> Iterator[Document]:
    """The job as it is, and after each change of it, until it has ended or the time is over.

    Args:
        transport: The way to it.
        job_id: Which.
        seconds: For which it is followed; `math.inf` for no end.

    Raises:
        NotFound: There is no such job.
        Unavailable: Nobody answers, and has not for so long that this is no restart.
    """
    heard = time.monotonic()
    until, waits = heard + seconds, jittered(policy.STREAM_WAITS)
    while (left := until - time.monotonic()) > 0:
        asked_for = 0.0
        try:
            for document in transport.follow(job_id, min(policy.STREAM_LIFE, left)):
                heard, waits = time.monotonic(), jittered(policy.STREAM_WAITS)
                yield document
                if has_ended(document):
                    return
        except (RateLimited, Unavailable) as error:
            if time.monotonic() - heard > policy.SILENT_FOR:
                raise
            asked_for = error.retry_after or 0.0
        wait = max(next(waits), asked_for)
        time.sleep(max(0.0, min(wait, until - time.monotonic())))
        # Where as many streams run as may, this is how it goes on.
        left = max(policy.LEAST_LOOK, until - time.monotonic())
        for document in _look(transport, job_id, min(policy.LONGEST_LOOK, left)):
            heard = time.monotonic()
            yield document
            if has_ended(document):
                return


def _look(transport: Transport, job_id: str, seconds: float) -> Iterator[Document]:
    """The job as it is; nothing where nobody answers."""
    try:
        yield transport.look(job_id, seconds)
    except (RateLimited, Unavailable):
        return
