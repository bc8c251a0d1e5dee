"""A job as it lies in Redis, and as this version has it."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

from pydantic import TypeAdapter

from runhook.worker.domain import policy
from runhook.worker.domain.frozen import evolve
from runhook.worker.domain.jobs import (
    EPOCH,
    MILLISECOND,
    Attempt,
    Job,
    JobHistory,
    JobSpec,
    State,
)
from runhook.worker.domain.tallies import name_of
from runhook.worker.errors import UnreadableRecord
from runhook.worker.store import records
from runhook.worker.store.claims import Held
from runhook.worker.store.commands import Redis
from runhook.worker.store.connection import reaching
from runhook.worker.store.records import Members

SPEC = TypeAdapter(JobSpec)
HISTORY = TypeAdapter(JobHistory)
# What is written also where it is the default, which is not nothing and so may change one day.
SAID: dict[TypeAdapter[Any], Members] = {
    SPEC: {"priority": JobSpec.priority},
    HISTORY: {"attempts": [{"n": 1}]},
}
LIFE_MEMBERS = {field.name for field in fields(JobHistory)} | set(records.MARKS)
ATTEMPT_MEMBERS = {field.name for field in fields(Attempt)}
# Bytes of records that one answer shows. Most are 2 KiB; each may be a MiB or two, and while a
# hundred of those are made JSON nobody else in the process is answered.
LARGEST_PAGE = 4 * 1024 * 1024


def fitting(redis: Redis, keys: Sequence[str]) -> int:
    """How many of these records, from the first on, one answer may show; one at least."""
    if not keys:
        return 0
    with reaching():
        pipe = redis.pipeline(transaction=False)
        for key in keys:
            pipe.hstrlen(key, "ask")
            pipe.hstrlen(key, "life")
        sizes = pipe.execute()
    so_far = accumulate(map(sum, zip(sizes[::2], sizes[1::2], strict=True)))
    # One at least: a record larger than a page must not end the list.
    return max(1, sum(1 for size in so_far if size <= LARGEST_PAGE))


def life_of(name: str, text: bytes) -> tuple[JobHistory, Members]:
    """A life, and the whole of its record.

    Raises:
        UnreadableRecord: It is not for this version.
    """
    held = records.opened("life", name, text)
    return records.made(name, held, lambda: HISTORY.validate_python(held)), held


def read(job_id: str, record: Mapping[bytes, bytes], tenant: str) -> Held | UnreadableRecord:
    """A job from its hash; the tenant is that of one whose hash does not say."""
    name = f"job {job_id}"
    try:
        life, held = life_of(name, record.get(b"life", b""))
        ask = records.opened("ask", name, record.get(b"ask", b""))
        job = records.made(name, ask | held, lambda: _job(job_id, record, life, ask, tenant))
    except UnreadableRecord as unreadable:
        return unreadable
    return Held(
        job=job,
        life=held,
        booked=record.get(b"booked", b""),
        labels=record.get(b"labels", b""),
    )


def _job(
    job_id: str, record: Mapping[bytes, bytes], history: JobHistory, spec: Members, tenant: str
) -> Job:
    attempts = tuple(
        evolve(attempt, **_departure(record.get(b"left:%d" % attempt.n)))
        for attempt in history.attempts
    )
    return Job(
        id=job_id,
        spec=SPEC.validate_python(spec),
        state=State(record[b"state"].decode()),
        history=evolve(history, attempts=attempts),
        rev=int(record[b"rev"]),
        tenant=record.get(b"tenant", tenant.encode()).decode(),
    )


def packed(job: Job) -> tuple[bytes, bytes]:
    """A new job's spec and history as they lie in Redis, in the names of their first version."""
    spec = _written(SPEC, job.spec)
    if job.spec.fallback or job.spec.upstream:
        spec["needs"] = records.CHAINED
    return records.packed("ask", spec), records.packed("life", _written(HISTORY, job.history))


def _written(kind: TypeAdapter[Any], value: Any) -> Members:
    members: Members = kind.dump_python(value, mode="json", exclude_defaults=True)
    return SAID[kind] | members


def changed(held: Members, life: JobHistory) -> Members:
    """A life as it is to be, with what a newer version wrote there."""
    if _is_known(held):
        kept = {name: held[name] for name in records.MARKS if name in held}
        return kept | _written(HISTORY, life)
    known = HISTORY.dump_python(HISTORY.validate_python(held), mode="json")
    whole = HISTORY.dump_python(life, mode="json")
    short = HISTORY.dump_python(life, mode="json", exclude_defaults=True)
    members: Members = records.lean(records.merged(held, known, whole), whole, short)
    return members


def _is_known(held: Members) -> bool:
    """Whether no newer version can have written anything there that this one must keep.

    A look is enough while no attempt has an error, an output or a cost yet, which is so of most.
    """
    attempts = held.get("attempts", ())
    deep = [value for one in attempts for value in one.values() if isinstance(value, dict | list)]
    known = all(one.keys() <= ATTEMPT_MEMBERS for one in attempts)
    return known and held.keys() <= LIFE_MEMBERS and not any(deep)


def departed(job: Job, n: int, left: bytes) -> Job:
    """A job whose newest attempt left, as `left:<n>` has it."""
    before = job.history.attempts[: n - 1]
    attempts = (*before, evolve(job.history.attempts[n - 1], **_departure(left)))
    return evolve(job, history=evolve(job.history, attempts=attempts))


def asked(job: Job, line: str, group: Mapping[str, Any]) -> Members:
    """A new job's place as its script takes it, and whom it belongs together with.

    Args:
        job: The new one.
        line: In which it stands.
        group: What lib/groups takes of its group, if it has one.
    """
    return {
        "job": job.id,
        "model": job.spec.model,
        "tenant": job.tenant,
        "line": line,
        "score": line_score(job),
        "expires": round(1000 * job.spec.options.get("expires_in", 0)),
        **_kin(job, group),
    }


def _kin(job: Job, group: Mapping[str, Any]) -> Members:
    """Those that a new job belongs together with; mostly nobody."""
    kin: dict[str, Any] = {}
    parent = filter(None, [job.spec.parent])
    if above := list(dict.fromkeys((*parent, *job.spec.upstream))):
        kin = {"tree": job.root, "above": above}
    if job.history.waits_for:
        kin["waits"] = job.history.waits_for
    if job.spec.group:
        kin |= {"group": job.spec.group, **group}
    return kin


def _departure(value: bytes | None) -> dict[str, Any]:
    if not value:
        return {"left_at": None, "left_by": None}
    milliseconds, _, token = value.decode().partition(":")
    return {"left_at": datetime.fromtimestamp(int(milliseconds) / 1000, UTC), "left_by": token}


def line_score(job: Job) -> float:
    """A queued job's place: priority first, 9 before 0; then age. Exact: below 2^53."""
    age = (job.spec.created_at - EPOCH) // MILLISECOND
    return (9 - job.spec.priority) * policy.PRIORITY_STEP + age


def moved(before: Job, after: Job, line: str) -> dict[str, Any]:
    """A job that is changed, as `move` takes it."""
    return {
        "job": after.id,
        "tenant": after.tenant,
        "rev": before.rev,
        "state": after.state,
        "n": after.history.attempts[-1].n,
        "line": line,
        "score": line_score(after),
        "ran": after.current_model,
        "waits": after.history.waits_for,
        **_ended_as(before, after),
    }


def _ended_as(before: Job, after: Job) -> dict[str, Any]:
    """What `move` is told of a job's end, for the p95 of its model and for figures over time."""
    ran = _duration_ms(before, after)
    found: dict[str, Any] = {"duration": ran}
    if after.state.ended:
        found["tally"] = name_of(after, ran)
    return found


def _duration_ms(before: Job, after: Job) -> int:
    """Of a job that just succeeded from submit to success, 1 at least; 0: it did not, or when it
    was submitted is not known.
    """
    start, end = after.attempt.submitted_at, after.attempt.ended_at
    succeeded = after.state is State.SUCCEEDED and before.state is State.RUNNING
    if not succeeded or start is None or end is None:
        return 0
    return max(1, round((end - start).total_seconds() * 1000))
