"""The event log: a stream of everything that happened, trimmed by time only."""

import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import orjson

from runhook.worker.domain import policy
from runhook.worker.domain.events import Event, sample_again
from runhook.worker.domain.frozen import evolve
from runhook.worker.domain.jobs import Job, State
from runhook.worker.errors import NotFound, Trimmed, UnreadableRecord
from runhook.worker.store import keys, records
from runhook.worker.store.claims import Claim
from runhook.worker.store.connection import reaching
from runhook.worker.store.job_records import life_of
from runhook.worker.store.jobs import Jobs
from runhook.worker.store.records import Members
from runhook.worker.store.scripts import Scripts, milliseconds, pairs, stream_moment

PREFIX = "evt_"  # before an entry of the log where people see it
FIRST = f"{PREFIX}0-0"  # a cursor before all that ever happened
# As Redis writes an entry: two numbers of 64 bits; people may leave the prefix and the second out.
EVENT_ID = re.compile(rf"({PREFIX})?[0-9]{{1,19}}(-[0-9]{{1,19}})?")
# An end is dated by a process and its event by Redis; an end that came later is never so near.
CLOCKS_APART = timedelta(seconds=1)
Fields = Mapping[bytes, bytes]
Entry = tuple[bytes, Fields]


class Events:
    """Reading the log."""

    def __init__(self, scripts: Scripts, jobs: Jobs) -> None:
        self._scripts = scripts
        self._redis = scripts.client
        self._jobs = jobs
        self._key = keys.events()

    def alert(self, subject: str, why: str, once_in: int = 0) -> None:
        """Tell everybody who wants alerts of something that no job's change can say.

        Args:
            subject: What it is about.
            why: What happened.
            once_in: ms within which it is told once of this subject; 0: each time.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        self._scripts.waking("alert", 1, subject, why, uuid.uuid4().hex, once_in)

    def trigger(self, kind: str, subject: str, model: str) -> None:
        """Put a sample of an event into the log.

        Args:
            kind: Its type.
            subject: The job or group that it is about, of which there is none.
            model: The job's.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        self._scripts.waking("trigger", 1, kind, subject, model, uuid.uuid4().hex)

    def of_job(self, job_id: str, moments: Iterable[datetime]) -> list[str]:
        """The entries of the log that are about a job.

        Nothing lists them by job, which would cost each job memory for what few are asked. Each was
        written together with a line of the timeline, so they stand around these moments.

        Args:
            job_id: Which.
            moments: When something happened to it.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        around = policy.FORGOTTEN_AROUND_MS
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            for at in sorted({milliseconds(moment) for moment in moments}):
                pipe.xrange(self._key, at - around, at + around)
            pieces = pipe.execute()
        found = {
            entry.decode()
            for piece in pieces
            for entry, fields in piece
            if _text(fields, b"job") == job_id
        }
        return sorted(found, key=event_order)

    def get(self, event_id: str) -> Event:
        """One event.

        Raises:
            NotFound: It was trimmed, or its job was removed.
            UnreadableRecord: It or its job is not for this version.
        """
        entry = event_id.removeprefix(PREFIX)
        with reaching():
            found = self._redis.xrange(self._key, entry, entry)
        if not found:
            raise NotFound(f"event {event_id}")
        return self.of(event_id, found[0][1])

    def of_claim(self, claim: Claim) -> Event:
        """The event that a fan-out's claim brought.

        Raises:
            NotFound: It was trimmed, or its job was removed.
            UnreadableRecord: It or its job is not for this version.
        """
        event_id = PREFIX + claim.id.partition("/")[0]
        fields, record = claim.brought[:2] or (None, ())
        if not fields:
            raise NotFound(f"event {event_id}")
        return self.brought(event_id, fields, record)

    def brought(self, event_id: str, fields: Sequence[bytes], record: Sequence[bytes]) -> Event:
        """An event as a script brought it.

        Args:
            event_id: Which.
            fields: Those of its entry.
            record: That of its job.

        Raises:
            NotFound: Its job was removed.
            UnreadableRecord: It or its job is not for this version.
        """
        return _event(event_id, pairs(fields), lambda name: self._jobs.read(name, record))

    def of(self, event_id: str, fields: Fields) -> Event:
        """An event from its entry's fields.

        Raises:
            NotFound: Its job was removed.
            UnreadableRecord: It or its job is not for this version.
        """
        return _event(event_id, fields, self._jobs.get)

    def of_record(self, event_id: str, kind: str, job_id: str) -> Event:
        """An event that the log has no more, as far as its job's record says the same.

        So it does of the end at which the job still stands, and of a failure that success overtook.

        Raises:
            NotFound: It does not, or the job was removed.
            UnreadableRecord: The job is not for this version.
        """
        job, moment = self._jobs.get(job_id), stream_moment(event_id.removeprefix(PREFIX))
        ended = job.history.ended_at
        stands = kind == f"job.{job.state}" and ended and ended <= moment + CLOCKS_APART
        overtaken = kind == "job.failed" and job.state is State.SUCCEEDED
        if not (stands or overtaken):
            raise NotFound(f"event {event_id}")
        return Event(
            id=event_id, type=kind, time=moment, subject=job.id, job=job, state_now=job.state
        )

    def after(
        self, cursor: str | None, most: int, *, gaps: bool = False, types: Sequence[str] = ()
    ) -> tuple[list[Event], str | None]:
        """Events behind a cursor, oldest first, and the cursor behind those looked at.

        Those of large jobs are fewer: as many as fit into one page.

        Args:
            cursor: The id of the last event that is known; None: from the oldest on.
            most: How many to look at.
            gaps: Do not mind that events behind the cursor are gone.
            types: Only these; none: all.

        Raises:
            Trimmed: Events behind the cursor are gone.
            StoreUnavailable: Redis does not answer or refuses.
        """
        entry = (cursor or FIRST).removeprefix(PREFIX)
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            pipe.get(keys.trimmed())
            pipe.xrange(self._key, f"({entry}", "+", count=most)
            trimmed, entries = pipe.execute()
        if cursor and trimmed and not gaps and event_order(entry) < event_order(trimmed.decode()):
            raise Trimmed(f"events behind {cursor} are gone", self.oldest())
        wanted = [one for one in entries if not types or _text(one[1], b"type") in types]
        looked = self._fitting(wanted)
        if len(looked) < len(wanted):
            entries = looked
        if not entries:
            return [], cursor
        return self._many(looked), PREFIX + entries[-1][0].decode()

    def oldest(self) -> str | None:
        """The id of the first event that is kept."""
        with reaching():
            found = self._redis.xrange(self._key, "-", "+", count=1)
        return next((PREFIX + entry.decode() for entry, _ in found), None)

    def newest(self) -> str:
        """The id of the last event so far; what comes next is behind it."""
        with reaching():
            found = self._redis.xrevrange(self._key, "+", "-", count=1)
        return next((PREFIX + entry.decode() for entry, _ in found), FIRST)

    def wait(self, cursor: str, seconds: float) -> None:
        """Wait until there is an event behind the cursor, or for so long."""
        entry = cursor.removeprefix(PREFIX)
        with reaching():
            # 1 ms at least: 0 would wait for ever.
            self._redis.xread({self._key: entry}, count=1, block=max(1, round(seconds * 1000)))

    def subjects(self, cursor: str, most: int) -> tuple[set[str], str]:
        """The jobs that the next events behind a cursor are about, and the cursor behind these.

        No job is read for it: whoever waits for few of them hears of all.
        """
        with reaching():
            entry = cursor.removeprefix(PREFIX)
            found = self._redis.xrange(self._key, f"({entry}", "+", count=most)
        if not found:
            return set(), cursor
        return {_text(fields, b"job") for _, fields in found}, PREFIX + found[-1][0].decode()

    def _fitting(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """The first of the entries, as many as one page may show: each shows its job."""
        return entries[: self._jobs.fitting([_text(fields, b"job") for _, fields in entries])]

    def _many(self, entries: Sequence[Entry]) -> list[Event]:
        """Those of the entries that can be read here and whose job is still there."""
        names = {_text(fields, b"job") for _, fields in entries if b"job" in fields}
        known = {job.id: job for job in self._jobs.many(list(names))}
        found = []
        for entry, fields in entries:
            with suppress(UnreadableRecord):
                found.append(_occurrence(entry.decode(), fields, known))
        return [what for what in found if what]


def _text(fields: Fields, name: bytes) -> str:
    return fields.get(name, b"").decode("utf-8", "replace")


def kept_fields(packed: str) -> Fields:
    """An entry's fields as a dead delivery keeps them: names and values in turn."""
    return pairs([text.encode() for text in orjson.loads(packed)])


def event_at(moment: datetime) -> str:
    """The cursor just before everything that happened since a moment."""
    ms = milliseconds(moment)
    if ms <= 0:
        return FIRST
    return f"{PREFIX}{ms - 1}-{2**64 - 1}"


def is_event_id(text: str) -> bool:
    """Whether a text can be a cursor."""
    return EVENT_ID.fullmatch(text) is not None


def event_order(event_id: str) -> tuple[int, int]:
    """Where an event stands in the log."""
    left, _, right = event_id.removeprefix(PREFIX).partition("-")
    return int(left), int(right or 0)


def _event(event_id: str, fields: Fields, job_of: Callable[[str], Job]) -> Event:
    name, known = _text(fields, b"job"), {}
    if name:
        known[name] = job_of(name)  # an event has its own life, the rest is the job's
    found = _occurrence(event_id.removeprefix(PREFIX), fields, known)
    if found is None:
        raise NotFound(f"job of event {event_id}")
    return found


def _occurrence(entry: str, fields: Fields, jobs: Mapping[str, Job]) -> Event | None:
    """An event, or None where its job is gone.

    Raises:
        UnreadableRecord: It is not for this version.
    """
    name = f"event {PREFIX}{entry}"
    text = records.brought_up("event", name, records.texts(fields))
    return records.made(name, text, lambda: _told(entry, text, jobs))


def _group(text: Members) -> dict[str, Any]:
    """What the end of a group says."""
    return {
        "group": text["subject"],
        "tenant": text["tenant"],
        "states": orjson.loads(text["counts"]),
        "succeeded": text["succeeded"].split(),
    }


def _told(entry: str, text: Members, jobs: Mapping[str, Job]) -> Event | None:
    detail: dict[str, Any] = {}
    if text.get("why"):
        detail["alert"] = text["why"]
    if "counts" in text:
        detail |= _group(text)
    event_id, kind, moment = f"{PREFIX}{entry}", text["type"], stream_moment(entry)
    if "sample" in text:
        return sample_again(event_id, kind, moment, text["subject"], text["sample"])
    if "job" not in text:
        return Event(id=event_id, type=kind, time=moment, subject=text["subject"], detail=detail)
    job = jobs.get(text["job"])
    if job is None:
        return None
    life, _ = life_of(f"event {event_id}", text["life"].encode())
    then = evolve(job, history=life, state=State(text["state"]))
    previous = text["previous"] or None
    return Event(
        id=event_id,
        type=kind,
        time=moment,
        subject=job.id,
        job=then,
        previous_state=previous,
        state_now=job.state,
        detail=detail,
    )
