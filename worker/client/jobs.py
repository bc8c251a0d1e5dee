"""A job and what belongs to it, as users' code has them: immutable, typed, read from /v1's JSON."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import AwareDatetime, BeforeValidator, TypeAdapter, ValidationError

from runhook.worker.client.errors import RunhookError, not_runhook

ENDED = ("succeeded", "failed", "cancelled")


def _no_number(given: object) -> object:
    """A moment is a text, and no count of seconds or milliseconds that would be guessed at."""
    if isinstance(given, int | float):
        raise ValueError("is a number")
    return given


Moment = Annotated[AwareDatetime, BeforeValidator(_no_number)]


class Client(Protocol):
    """What a job asks of the `Runhook` that it came from."""

    def get(self, job_id: str) -> "Job": ...
    def wait(self, job_id: str, *, timeout: float | None = None) -> "Job": ...
    def cancel(self, job_id: str, *, tree: bool = False) -> "Job": ...
    def download(self, job: "Job", folder: str | Path) -> list[Path]: ...


@dataclass(frozen=True, kw_only=True)
class Output:
    """One file or text that a job made. As a media value of another job it names itself.

    Attributes:
        job: The job's id.
        n: Which of its outputs, from 0.
        url: Where RunningHub keeps it, for a day from the end; None: it is a text.
        type: The file's ending: png, mp4, wav, glb, txt.
        text: The text, where it is one.
        node_id: The ComfyUI node that saved it.
        expires_at: When `url` dies.
        archived_url: runhook's own copy.
        thumbnail_url: A small picture of it.
    """

    job: str
    n: int
    url: str | None = None
    type: str | None = None
    text: str | None = None
    node_id: str | None = None
    expires_at: Moment | None = None
    archived_url: str | None = None
    thumbnail_url: str | None = None

    def __str__(self) -> str:
        return f"output:{self.job}/{self.n}"


@dataclass(frozen=True, kw_only=True)
class JobError:
    """Why a job failed, or why it is unconfirmed, and what that means for the money.

    Attributes:
        code: What went wrong, the same each time: rejected, timeout, input_failed, …
        message: In a sentence, with what was paid.
        provider_code: RunningHub's code, if it named one.
        detail: Particulars.
    """

    code: str
    message: str
    provider_code: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What RunningHub charged; None where it did not say.

    Attributes:
        money: In `currency`.
        currency: CNY on the .cn site, unknown elsewhere.
        coins: RH coins.
        seconds: Run time that was billed.
    """

    money: Decimal | None = None
    currency: str | None = None
    coins: Decimal | None = None
    seconds: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a running job is.

    Attributes:
        elapsed: Seconds since its submit.
        usual: Seconds that half of the jobs of its model take; None: nobody knows yet.
        p95: Seconds that nineteen of twenty take.
    """

    elapsed: float
    usual: float | None = None
    p95: float | None = None


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One paid submit of a job.

    Attributes:
        n: Which, from 1.
        state: As the job's, at its own end.
        model: What it ran, where a job may fall back on another.
        ref: RunningHub's id of it.
        submitted_at: When RunningHub had it.
        ended_at: When it ended.
        error: Why it failed.
        cost: What it cost.
        outputs: What it made.
        settled_by: Whose word ended it: callback, resend, detail, query, submit or user.
    """

    n: int
    state: str
    model: str | None = None
    ref: str | None = None
    submitted_at: Moment | None = None
    ended_at: Moment | None = None
    error: JobError | None = None
    cost: Cost | None = None
    outputs: tuple[Output, ...] = ()
    settled_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """One generation as it was when it was asked for; `refresh` and `wait` answer with a newer one.

    Attributes:
        id: Its name from its birth to its end.
        model: What it runs.
        state: queued, sending, unconfirmed, running, succeeded, failed or cancelled.
        input: With every default filled in.
        created_at: When it was accepted here.
        updated_at: When it last changed.
        options: How it is to run.
        metadata: The user's own.
        priority: 9 goes first.
        handlers: The only handlers that are told; None: all.
        tenant: Whose it is.
        group: The set of jobs that it belongs to.
        parent: The job that it grew from.
        root: The first of that tree.
        waits_for: Jobs whose outputs it needs first.
        ref: RunningHub's id of the current attempt.
        submitted_at: When RunningHub had that.
        ended_at: When the job ended; None: it has not.
        queue_position: Its place among its tenant's while it is queued, where that was asked for.
        why_waiting: What it waits for but those before it, while it is queued.
        outputs: What it made.
        error: Why it failed, or is unconfirmed.
        cost: What all attempts cost together.
        risk: It may have been paid for twice, or for nothing.
        settled_by: Whose word ended it.
        attempts: Every paid submit.
        progress: How far it is, while it runs.
        document: The whole of /v1's JSON, with what this version does not know.
    """

    id: str
    model: str
    state: str
    input: Mapping[str, Any]
    created_at: Moment
    updated_at: Moment
    options: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    priority: int = 5
    handlers: tuple[str, ...] | None = None
    tenant: str = ""
    group: str | None = None
    parent: str | None = None
    root: str | None = None
    waits_for: tuple[str, ...] = ()
    ref: str | None = None
    submitted_at: Moment | None = None
    ended_at: Moment | None = None
    queue_position: int | None = None
    why_waiting: str | None = None
    outputs: tuple[Output, ...] = ()
    error: JobError | None = None
    cost: Cost | None = None
    risk: bool = False
    settled_by: str | None = None
    attempts: tuple[Attempt, ...] = ()
    progress: Progress | None = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    _client: Any = field(default=None, repr=False, compare=False)

    @property
    def ended(self) -> bool:
        """Whether nothing more is expected of it."""
        return has_ended(self.document)

    def refresh(self) -> "Job":
        """The job as it is now."""
        return self._runhook.get(self.id)

    def wait(self, *, timeout: float | None = None) -> "Job":
        """The job once it has ended, well or not.

        Args:
            timeout: Seconds to wait at most; None: as long as it takes.

        Raises:
            WaitTimeout: It has not ended by then; it goes on.
        """
        return self._runhook.wait(self.id, timeout=timeout)

    def cancel(self, *, tree: bool = False) -> "Job":
        """The job cancelled, or with the wish written down; free until it is sent.

        Args:
            tree: Cancel with it what waits for its outputs; else that fails, free.

        Raises:
            Conflict: It has ended, or RunningHub refuses.
        """
        return self._runhook.cancel(self.id, tree=tree)

    def download(self, folder: str | Path) -> list[Path]:
        """Write every output into a folder, as `<job id>-<n>.<type>`.

        Raises:
            Conflict: It has none: it has not ended, or not well.
            DownloadFailed: One did not come whole.
        """
        return self._runhook.download(self, folder)

    @property
    def _runhook(self) -> Client:
        if self._client is None:
            raise RuntimeError(f"this copy of a job was stored: ask Runhook().get({self.id!r})")
        client: Client = self._client
        return client

    def __getstate__(self) -> dict[str, Any]:
        # A copy that goes through a queue or a cache takes no connections along, and no token.
        return {**self.__dict__, "_client": None}


@dataclass(frozen=True)
class JobPage:
    """Some jobs, the newest first.

    Attributes:
        items: Those.
        next: The cursor of the page behind it; None: there is none.
        document: The whole of /v1's JSON.
    """

    items: tuple[Job, ...]
    next: str | None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class WaitTimeout(RunhookError, TimeoutError):
    """A job has not ended in time. It goes on, and is paid for.

    Attributes:
        job: As it was last seen.
    """

    job: Job


@cache
def _adapter() -> TypeAdapter[Job]:
    return TypeAdapter(Job)


def job_of(document: Mapping[str, Any], client: Client) -> Job:
    """A job from its JSON."""
    name = document["id"]
    told = {
        **document,
        "outputs": _numbered(name, document.get("outputs", ())),
        "attempts": _each(document.get("attempts", ()), partial(_attempt, name)),
        "document": document,
        "_client": client,
    }
    try:
        return _adapter().validate_python(told)
    except ValidationError as wrong:
        raise not_runhook(Job, wrong) from None


def has_ended(document: Mapping[str, Any]) -> bool:
    """Whether a job's JSON is of one that has ended; a newer version may have more such states."""
    return document["state"] in ENDED or document.get("ended_at") is not None


def _attempt(job_id: str, _: int, given: Mapping[str, Any]) -> dict[str, Any]:
    return {**given, "outputs": _numbered(job_id, given.get("outputs", ()))}


def _numbered(job_id: str, outputs: object) -> object:
    """Outputs that know what they are called in another job's input."""
    return _each(outputs, lambda n, one: {**one, "job": job_id, "n": n})


def _each(given: object, change: Callable[[int, Mapping[str, Any]], object]) -> object:
    """Objects, each changed; what is none is left as it came, for whoever reads it to refuse."""
    if not isinstance(given, Sequence) or not all(isinstance(one, Mapping) for one in given):
        return given
    return [change(n, one) for n, one in enumerate(given)]
