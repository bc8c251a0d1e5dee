"""What happened, as subscribers get it: types, who wants which, the CloudEvent, outcomes. Pure."""

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from runhook.worker.domain import jobs
from runhook.worker.domain.answers import OutputView, When
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
# The state that a job has when such an event of it happens; other types may find it in any.
STATES = {f"job.{state}": state for state in State if f"job.{state}" in TYPES}
# Fields of a job that every event about one has: without them nobody could tell which it is.
ALWAYS = ("id", "model", "state")
OF_OUTPUTS = "outputs."  # before a field that each output has
CONTENT_TYPE = "application/cloudevents+json"  # the structured mode of CloudEvents 1.0
SAMPLE_MODEL = "rhart-image-n-pro/text-to-image"  # of samples: an image, for most jobs make one
NO_SOURCE = "/runhook"  # what CloudEvents name as their source without a public URL
ANSWER_HEAD = 500  # characters of a subscriber's answer that are kept: enough for its error


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened, to a job or to a subscription.

    Attributes:
        id: The event's: the same in every attempt to deliver it, and its place in the log.
        type: One of TYPES.
        time: When it happened, by Redis's clock.
        subject: The job's id, or the subscription's.
        job: The job as it was then; None where it is about none.
        previous_state: The state that the job left.
        state_now: The job's state since.
        detail: What an alert says: a sentence and its particulars.
        sample: It never happened, and its job never existed.
    """

    id: str
    type: str
    time: datetime
    subject: str
    job: Job | None = None
    previous_state: str | None = None
    state_now: State | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    sample: bool = False

    @property
    def model(self) -> str | None:
        """The job's model, which a subscription's globs must match; None where there is no job."""
        if self.job is None:
            return None
        return self.job.spec.model

    @property
    def outdated(self) -> bool:
        """Whether it is a failure that late success has overtaken."""
        return self.type == "job.failed" and self.state_now is State.SUCCEEDED

    def data(self, base: str, include: Sequence[str] = ()) -> View:
        """What the CloudEvent carries: the job, and beside it what only events say.

        Args:
            base: As `job_view` has it.
            include: Fields of the job that are wanted besides ALWAYS, `outputs.url` and so on for
                one of each output; none: all.
        """
        view: View = {}
        if self.job:
            view = {**job_view(self.job, base=base)}
        if include:
            view = _included(view, include)
        if self.previous_state:
            view["previous_state"] = self.previous_state
        return view | self.detail


def _included(view: View, include: Sequence[str]) -> View:
    """A job's view with what is wanted of it."""
    found = {name: value for name, value in view.items() if name in (*ALWAYS, *include)}
    members = [name.removeprefix(OF_OUTPUTS) for name in include if name.startswith(OF_OUTPUTS)]
    if members and "outputs" in view and "outputs" not in found:
        found["outputs"] = [{name: one[name] for name in members} for one in view["outputs"]]
    return found


class CloudEventView(TypedDict):
    """Something that happened, as CloudEvents 1.0 has it.

    Attributes:
        specversion: Of CloudEvents.
        id: The same each time that it is told.
        source: The installation that it comes from.
        type: What happened.
        subject: The job's id, the subscription's, or the group's name.
        time: When it happened.
        datacontenttype: Of `data`.
        data: The job as it was then; of other subjects what is said of them.
    """

    specversion: str
    id: str
    source: str
    # No enumeration: a newer process beside this one may write a type of its own.
    type: Annotated[str, WithJsonSchema({"type": "string", "examples": list(TYPES)})]
    subject: str
    time: When
    datacontenttype: str
    data: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one attempt to deliver an event went.

    Attributes:
        word: `done`; `again`: when the receiver asked for it; `failed`: again by the schedule;
            `dead`: never again unless somebody redelivers.
        took: Seconds from its begin to the answer.
        why: Why it is not done, as a sentence.
        after: Seconds that the receiver asks to be left alone for.
        status: The HTTP status of a subscriber's answer.
        answer: The head of that answer.
        gone: The subscriber wants nothing ever again (410).
    """

    word: Literal["done", "again", "dead", "failed"]
    took: float
    why: str | None = None
    after: float | None = None
    status: int | None = None
    answer: str | None = None
    gone: bool = False


def cloud_event(what: Event, public_url: str, include: Sequence[str] = ()) -> CloudEventView:
    """The event as CloudEvents 1.0 spells it (structured JSON).

    Args:
        what: The event.
        public_url: Of the installation that it comes from; empty: it has none.
        include: As `Event.data` has it.
    """
    return {
        "specversion": "1.0",
        "id": what.id,
        "source": public_url or NO_SOURCE,
        "type": what.type,
        "subject": what.subject,
        "time": iso(what.time),
        "datacontenttype": "application/json",
        "data": what.data(public_url, include),
    }


def wants(types: Sequence[str], globs: Sequence[str], what: Event) -> bool:
    """Whether a receiver with these filters wants an event.

    Args:
        types: Event types; none: all.
        globs: Patterns of models, as `vidu/*`; none: all. An event that is about no job is wanted
            whatever they say.
        what: The event.
    """
    if types and what.type not in types:
        return False
    model = what.model
    return not globs or model is None or any(fnmatch.fnmatchcase(model, glob) for glob in globs)


def unknown_types(types: Iterable[str]) -> list[str]:
    """Those of the types that no event has."""
    return [kind for kind in types if kind not in TYPES]


def sample(kind: str, now: datetime, model: str = SAMPLE_MODEL) -> Event:
    """An event of any type, about a job that never existed: what a subscription's test delivers.

    Args:
        kind: One of TYPES.
        now: When everything about it happened.
        model: Of the job.
    """
    if kind == "group.ended":
        return _sample_group(now)
    state = STATES.get(kind, State.SUCCEEDED)
    job = _sample_job(state, now, model)
    detail = {}
    if kind == "runhook.alert":
        detail["alert"] = "this is a test"
    return Event(
        id=jobs.new_id("evt_test"),
        type=kind,
        time=now,
        subject=job.id,
        job=job,
        state_now=state,
        detail=detail,
        sample=True,
    )


def sample_again(event_id: str, kind: str, time: datetime, subject: str, model: str) -> Event:
    """The same sample each time that it is read."""
    event = replace(sample(kind, time, model), id=event_id, subject=subject)
    if event.job is None:
        return event
    return replace(event, job=replace(event.job, id=subject))


def _sample_group(now: datetime) -> Event:
    detail = {
        "group": "test",
        "tenant": jobs.LOCAL,
        "states": {state.value: int(state is State.SUCCEEDED) for state in State},
        "succeeded": [jobs.new_id("job_test")],
    }
    event_id = jobs.new_id("evt_test")
    return Event(
        id=event_id, type="group.ended", time=now, subject="test", detail=detail, sample=True
    )


def _sample_job(state: State, now: datetime, model: str) -> Job:
    spec = JobSpec(
        model=model,
        kind="image",
        input={"prompt": "A harbour at dawn"},
        created_at=now,
        metadata={"test": True},
    )
    attempt = jobs.Attempt(n=1, queued_at=now)
    # Of these two RunningHub's task is not known yet.
    if state not in (State.QUEUED, State.UNCONFIRMED):
        attempt = replace(attempt, ref="1900000000000000000", submitted_at=now)
    history = JobHistory(updated_at=now, attempts=(attempt,))
    if state.ended:
        history = replace(history, attempts=(_ended(attempt, state, now),), ended_at=now)
    return Job(id=jobs.new_id("job_test"), spec=spec, state=state, history=history)


def _ended(attempt: jobs.Attempt, state: State, now: datetime) -> jobs.Attempt:
    attempt = replace(attempt, ended_at=now, settled_by="callback")
    if state is State.SUCCEEDED:
        output = Output(url="https://example.com/harbour.png", type="png")
        return replace(attempt, outputs=(output,))
    if state is State.FAILED:
        text = "This is a test: nothing was sent, nothing was paid."
        return replace(attempt, error=Error(code="failed", message=text))
    return attempt


# By which a receiver says what it wants: every field of a job, and every one of its outputs, of
# which there may be many.
JOB_FIELDS = (
    *sample("job.succeeded", datetime.fromtimestamp(0, UTC)).data(""),
    *(f"{OF_OUTPUTS}{name}" for name in OutputView.__annotations__),
)
