"""A job's timeline: its own notes, and what its deliveries say of themselves, by time.

A delivery's record has when it was opened and how each attempt went, so no note says it again. The
lines of a delivery go when it is removed.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from runhook.worker.domain.jobs import LOCAL, iso
from runhook.worker.store import keys
from runhook.worker.store.commands import Redis
from runhook.worker.store.connection import reaching
from runhook.worker.store.delivered import Delivery, look
from runhook.worker.store.notes import UNREADABLE, opened
from runhook.worker.store.scripts import stream_moment

Line = dict[str, Any]
Rows = Sequence[tuple[bytes, dict[bytes, bytes]]]
# What the release before noted of deliveries, which their records say too.
TOLD_BY_RECORDS = frozenset(
    f"delivery {word}" for word in ("opened", "done", "failed", "dead", "superseded")
)
# What a line says of an attempt, in this order; the answer's head is shown with the delivery.
SHOWN = ("n", "outcome", "status", "why", "took", "again_in")


def of(redis: Redis, job_id: str) -> list[Line]:
    """Everything that happened to a job, oldest first."""
    with reaching():
        pipe = redis.pipeline(transaction=False)
        ask(pipe, job_id)
        before, notes, names = pipe.execute()
    looked = look(redis, sorted(name.decode() for name in names))
    return lines(before, notes, [one for one in looked if isinstance(one, Delivery)])


def ask(pipe: Redis, job_id: str) -> None:
    """Put into a pipeline what lines are made of: two kinds of rows, and names of deliveries."""
    pipe.xrange(keys.timeline(job_id))
    pipe.lrange(keys.notes(job_id), 0, -1)
    pipe.smembers(keys.deliveries_of_job(job_id))


def lines(before: Rows, notes: Sequence[bytes], deliveries: Sequence[Delivery]) -> list[Line]:
    """Everything that happened to a job, oldest first, of what `ask` brought."""
    told = {one.handler for one in deliveries}
    found = [*_before(before, told), *map(_line, notes)]
    for delivery in deliveries:
        found += _lines_of(delivery)
    return [line for _, line in sorted(found, key=itemgetter(0))]


def _before(rows: Rows, told: Container[str]) -> Iterator[tuple[str, Line]]:
    """Lines of the release before, without what records of deliveries say."""
    for entry_id, fields in rows:
        at, line = iso(stream_moment(entry_id)), opened(fields.get(b"note", b""))
        if line.get("what") not in TOLD_BY_RECORDS or line.get("handler") not in told:
            yield at, {"at": at, **line}


def _line(note: bytes) -> tuple[str, Line]:
    """A note behind its moment; one that cannot be read hides no other."""
    ms, _, text = note.partition(b" ")
    try:
        at = iso(datetime.fromtimestamp(int(ms) / 1000, UTC))
    except (ValueError, OverflowError, OSError):
        return "", dict(UNREADABLE)
    return at, {"at": at, **opened(text)}


def _lines_of(delivery: Delivery) -> Iterator[tuple[str, Line]]:
    """That it was opened, and each attempt that came back."""
    begun = iso(delivery.opened_at)
    who = {"event": delivery.type, "handler": delivery.handler}
    yield begun, {"at": begun, "what": "delivery opened", **who}
    for tried in delivery.tries:
        what = f"delivery {_word(tried)}"
        shown = {name: tried.get(name) for name in SHOWN}
        at = tried.get("at")
        # The moments are of two clocks, which may be some ms apart.
        yield max(begun, str(at)), {"at": at, "what": what, **who, **shown}


def _word(tried: Mapping[str, Any]) -> str:
    """What an attempt made of its delivery: what is told again has failed so far."""
    if tried.get("again_in") is not None:
        return "failed"
    if tried.get("outcome") in ("done", "superseded"):
        return str(tried["outcome"])
    return "dead"


def asker(rows: Rows) -> str:
    """Who asked, by a timeline's first line; of a long one that line was trimmed away."""
    for _, fields in rows:
        first = opened(fields.get(b"note", b""))
        if first.get("what") == "queued":
            return str(first.get("by", LOCAL))
    return LOCAL
