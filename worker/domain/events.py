"""What happened, as it is told: types, who wants which, the CloudEvent, how telling went. Pure."""

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from runhook.worker.domain import jobs
from runhook.worker.domain.jobs import Job, JobHistory, JobSpec, State, iso
from runhook.worker.domain.reports import Error, Output
from runhook.worker.domain.views import View, job_view

TYPES = (
    "job.queued",
    "job.running",
    "job.unconfirmed",
    "job.succeeded",
    "job.failed",
    "job.cancelled",
    "job.archived",
    "group.ended",
    "runhook.alert",
)
CONTENT_TYPE = "application/cloudevents+json"
ANSWER_HEAD = 500  # characters of a subscriber's answer that are kept


@dataclass(frozen=True)
class Event:
    """Something that happened, to a job or to a subscription.

    Attributes:
        id: The event's: the same in every attempt to tell it, and its place in the log.
        subject: The job's id, or the subscription's.
        job: The job as it was then; None where it is about none.
        previous_state: The state that the job left.
        state_now: The job's state since.
        detail: What an alert says, in words and particulars.
    """

    id: str
    type: str
    time: datetime
    subject: str
    job: Job | None = None
    previous_state: str | None = None
    state_now: State | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> str | None:
        """What globs over models are held against."""
        return self.job.spec.model if self.job else None

    @property
    def outdated(self) -> bool:
        """A failure that late success has overtaken."""
        return self.type == "job.failed" and self.state_now is State.SUCCEEDED

    @property
    def data(self) -> View:
        """The job, and beside it what only events say."""
        found = job_view(self.job) if self.job else {}
        if self.previous_state:
            found["previous_state"] = self.previous_state
        return found | self.detail


@dataclass(frozen=True)
class Outcome:
    """How one attempt to tell somebody went.

    Attributes:
        word: `again` and `failed` are told again, the first when the handler says so itself.
        took: Seconds.
        after: Seconds until it wants to be told again.
        status: The HTTP status of a subscriber's answer.
        answer: The answer's head.
        gone: It never wants to be told anything again.
    """

    word: Literal["done", "again", "dead", "failed"]
    took: float
    why: str | None = None
    after: float | None = None
    status: int | None = None
    answer: str | None = None
    gone: bool = False


def cloud_event(what: Event, source: str) -> View:
    """The event as CloudEvents 1.0 spells it (structured JSON)."""
    return {
        "specversion": "1.0",
        "id": what.id,
        "source": source,
        "type": what.type,
        "subject": what.subject,
        "time": iso(what.time),
        "datacontenttype": "application/json",
        "data": what.data,
    }


def wants(types: Sequence[str], globs: Sequence[str], what: Event) -> bool:
    """Whether who asked for these types and models is told; nothing asked for means all.

    What is about no job is told whatever the models.
    """
    if types and what.type not in types:
        return False
    model = what.model
    return not globs or model is None or any(fnmatch.fnmatchcase(model, glob) for glob in globs)


def unknown_types(types: Iterable[str]) -> list[str]:
    """Those that no event has."""
    return [kind for kind in types if kind not in TYPES]


def sample(kind: str, now: datetime) -> Event:
    """An event of any type, about a job that there never was."""
    word = kind.removeprefix("job.")
    state = State(word) if word in tuple(State) else State.SUCCEEDED
    job = _sample_job(state, now)
    detail = {"alert": "this is a test"} if kind == "runhook.alert" else {}
    return Event(jobs.new_id("evt_test"), kind, now, job.id, job, None, state, detail)


def _sample_job(state: State, now: datetime) -> Job:
    ask = JobSpec(
        "rhart-image-n-pro/text-to-image",
        "image",
        {"prompt": "A harbour at dawn"},
        now,
        metadata={"test": True},
    )
    attempt = jobs.Attempt(1, now)
    if state not in (State.QUEUED, State.UNCONFIRMED):
        attempt = jobs.Attempt(1, now, ref="1900000000000000000", submitted_at=now)
    changes: dict[str, Any] = {"ended_at": now, "settled_by": "callback"} if state.ended else {}
    if state is State.SUCCEEDED:
        changes["outputs"] = (Output("https://example.com/harbour.png", "png"),)
    elif state is State.FAILED:
        changes["error"] = Error("failed", "This is a test: nothing was sent, nothing was paid.")
    life = JobHistory(now, (replace(attempt, **changes),), now if state.ended else None)
    return Job(jobs.new_id("job_test"), ask, state, life)
