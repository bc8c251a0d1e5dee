"""Forgetting a job that has ended: its record and all that is its own, at its owner's word."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from runhook.worker.domain import policy
from runhook.worker.domain.jobs import Job
from runhook.worker.errors import Conflict, NotFound
from runhook.worker.store import JobFilter
from runhook.worker.store.listing import pieces
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring


def forget(w: Wiring, job_id: str) -> bool:
    """Remove a job, its deliveries, its timeline and what the log says of it.

    Its files go soon after, and once the place of files answers. A delivery that is on its way may
    still be heard. Its idempotency key stays used while it is remembered: a repeat pays nothing.

    Returns:
        Whether it went by this call, and not by another at the same moment.

    Raises:
        NotFound: There is no such job.
        Conflict: It has not ended.
    """
    # Of an ended job little changes: its outputs are kept, its cost is told. Then there is an event
    # more to look for.
    while (state := _forgotten(w, w.store.jobs.get(job_id))) == "stale":
        pass
    # Gone is done: the first answer was lost, or somebody else forgot it at the same moment.
    if state not in ("done", "gone"):
        raise Conflict(f"{job_id} is {state}: only a job that has ended can be forgotten")
    report("job.forgotten", job=job_id)
    return state == "done"


def _forgotten(w: Wiring, job: Job) -> str:
    if not job.state.ended:
        return job.state.value
    # Looked at before it goes, because what it says of moments leads to its events.
    entries = w.store.events.of_job(job.id, _moments(w, job))
    return w.store.jobs.forget(job, entries)


def forget_tree(w: Wiring, root: str, tenant: str | None) -> int:
    """Remove all jobs of a tree, the youngest first; how many of them went by this call.

    What is asked for again goes on where it was broken off: the root goes last.

    Args:
        w: The process's parts.
        root: The job that it grew from.
        tenant: Whose jobs alone; None: everybody's.

    Raises:
        NotFound: There is no job of such a tree.
        Conflict: One of them has not ended; nothing is removed, unless it was retried meanwhile.
    """
    wanted = JobFilter(root=root, tenant=tenant)
    most = policy.MOST_OF_A_TREE
    names = [name for piece in w.store.listing.names(wanted, most + 1) for name in piece]
    if len(names) > most:
        raise Conflict(f"more than {most} jobs grew from {root}; forget them one by one")
    found = []
    for some in pieces(names, policy.READ_AT_ONCE):
        for job in filter(wanted.takes, w.store.jobs.many(some)):
            if not job.state.ended:
                why = f"{job.id} is {job.state}: only a tree that has ended can be forgotten"
                raise Conflict(why)
            found.append(job.id)
    if not found:
        raise NotFound(f"tree of {root}")
    gone = 0
    for name in found:
        with suppress(NotFound):  # it went meanwhile
            gone += forget(w, name)
    return gone


def _moments(w: Wiring, job: Job) -> Iterator[datetime]:
    """When something happened to it, by its record and its timeline."""
    yield job.spec.created_at
    yield job.history.updated_at
    for attempt in job.history.attempts:
        yield from (at for at in (attempt.submitted_at, attempt.ended_at) if at)
    for entry in w.store.jobs.timeline(job.id):
        if entry.get("at"):
            yield datetime.fromisoformat(entry["at"])
