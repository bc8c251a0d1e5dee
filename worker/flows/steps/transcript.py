"""What RunningHub was asked about a job and what it answered, in the job's timeline.

A flow listens while it works. What was heard goes with the next change of the job, in the same
script, so that it costs no round trip; what no change took along is written when the flow is over.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from runhook.worker.delivery.fanout import recipients
from runhook.worker.domain.frozen import evolve
from runhook.worker.domain.jobs import Job
from runhook.worker.flows.steps.earlier import settled_instead
from runhook.worker.store import Change, Closing, TimelineEntry
from runhook.worker.store.changes import Decision, Moved
from runhook.worker.wiring import Wiring


def listening(w: Wiring) -> Wiring:
    """The same parts, whose client keeps what it hears until `change` or `note` writes it down."""
    return evolve(w, client=w.client.listening())


@contextmanager
def of(w: Wiring, job_id: str) -> Iterator[Wiring]:
    """Parts that listen while the block works on a job; what is left is written at its end."""
    listener = listening(w)
    try:
        yield listener
    # On an error too: what RunningHub was asked and said is how such an error is understood.
    finally:
        note(listener, job_id)


def change(
    w: Wiring, job_id: str, decide: Decision, closing: Closing | None = None
) -> tuple[Moved, Job]:
    """Change a job as `Jobs.change` does; what was heard stands before it in the timeline.

    Where this process knows who is told of its event, their deliveries are opened with it. One that
    an earlier attempt has made does not fail, nor is it paid again.

    Raises:
        NotFound: There is no such job.
    """
    # Once, outside: `decide` may be called again when somebody else changed the job meanwhile.
    heard = _notes(w)

    def with_heard(job: Job) -> Change | None:
        wanted = decide(job)
        if wanted is None:
            return None
        wanted = settled_instead(job, wanted, w.clock.now())
        told, instead = recipients(w, wanted), wanted.otherwise
        if instead is not None:
            instead = evolve(instead, notes=(*heard, *instead.notes))
        notes = (*heard, *wanted.notes)
        return evolve(wanted, notes=notes, recipients=told, otherwise=instead)

    moved, job = w.store.jobs.change(job_id, with_heard, claim=w.claim, closing=closing)
    # Else it was written nowhere yet, and goes with the next change.
    if moved == "done":
        _written(w)
    return moved, job


def note(w: Wiring, job_id: str, *more: TimelineEntry) -> None:
    """Write down what was heard, and more."""
    notes = (*_notes(w), *more)
    if notes:
        w.store.jobs.note(job_id, *notes)
        _written(w)


def _notes(w: Wiring) -> tuple[TimelineEntry, ...]:
    return tuple(
        TimelineEntry("asked RunningHub", dict(vars(heard))) for heard in w.client.heard or ()
    )


def _written(w: Wiring) -> None:
    if w.client.heard:
        w.client.heard.clear()
