"""Following a job or all events: through restarts of web and Redis, and beside full streams."""

import time
from collections.abc import Iterator

from runhook.worker.client.errors import RateLimited, Unavailable
from runhook.worker.client.jobs import has_ended
from runhook.worker.client.retrying import jittered
from runhook.worker.client.transport import Document, Query, Transport
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


def hearing(transport: Transport, query: Query) -> Iterator[Document]:
    """Every event that a query wants, as it happens, for ever.

    Args:
        transport: The way to them.
        query: Which, and where they begin.

    Raises:
        Unavailable: Nobody answers, at the start or for so long that this is no restart.
    """
    cursor, heard, waits = "", time.monotonic(), jittered(policy.STREAM_WAITS)
    while True:
        asked_for = 0.0
        try:
            for place, document in transport.hear(_from(query, cursor), policy.STREAM_LIFE):
                cursor, heard, waits = place, time.monotonic(), jittered(policy.STREAM_WAITS)
                if document is not None:
                    yield document
        except (RateLimited, Unavailable) as error:
            # At the start a wrong RUNHOOK_URL is more likely than a restart; who is busy is there.
            at_start = not cursor and isinstance(error, Unavailable)
            if at_start or time.monotonic() - heard > policy.SILENT_FOR:
                raise
            asked_for = error.retry_after or 0.0
        time.sleep(max(next(waits), asked_for))


def _from(query: Query, cursor: str) -> Query:
    """The same query behind the last event that came."""
    if not cursor:
        return query
    rest = {name: value for name, value in query.items() if name not in ("after", "since")}
    return {**rest, "after": cursor}


def _look(transport: Transport, job_id: str, seconds: float) -> Iterator[Document]:
    """The job as it is; nothing where nobody answers."""
    try:
        yield transport.look(job_id, seconds)
    except (RateLimited, Unavailable):
        return
