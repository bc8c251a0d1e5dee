"""What runhook needs of whoever runs its jobs: one Protocol, its capabilities as data. Pure.

`runhook.worker.runninghub` is the only provider there is. Nothing above it knows more of it than
stands here: what it can be asked, and by which facts the flows decide what to ask.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, Protocol

from runhook.worker.domain.beliefs import Belief, Sample
from runhook.worker.domain.reports import (
    Account,
    App,
    AppField,
    Capacity,
    Exchange,
    LivePrice,
    Recorded,
    Report,
    Style,
    SubmitAnswer,
    Uploaded,
)

Again = Literal["no", "later", "unknown"]
Matter = Literal[
    "request", "access", "money", "capacity", "state", "provider", "content", "unknown"
]


class Unreadable(Exception):
    """What came is not what the provider's API says. The text says how."""


@dataclass(frozen=True, kw_only=True)
class Submit:
    """What one paid submit says.

    Attributes:
        model: An endpoint, or `workflow/<id>`, `app/<id>`, `quick/<id>/<code>`.
        given: The checked input, its files uploaded.
        options: ComfyUI options, as the API names them.
        webhook_url: Where the provider reports the end.
        legacy: It goes the older path, which `Kind.older_path` says there is.
        fields: The app's fields by "<nodeId>.<fieldName>", where `Kind.names_fields`.
    """

    model: str
    given: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    webhook_url: str | None = None
    legacy: bool = False
    fields: Mapping[str, AppField] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Code:
    """One error code of the provider.

    Attributes:
        matter: Whose it is: the request's, the key's access, the account's money, capacity, a
            task's state, the provider's own failure, the content check's.
        meaning: What happened, in plain words.
        again: For a submit, and with it who pays: `no` surely refused, nothing paid; `later` the
            same, for now; `unknown` it may have been accepted and charged.
        advice: What to do next.
        own_machines: It speaks of the machines of one line only (`Provider.line_of`).
        refuses_key: It may mean that the key is good for nothing, or be about one request only. A
            free question tells which.
        outage: The provider itself is ill.
        passing: In answer to a free question: the same question may be answered later.
    """

    matter: Matter
    meaning: str
    again: Again
    advice: str
    own_machines: bool = False
    refuses_key: bool = False
    outage: bool = False
    passing: bool = False


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What the provider does for one kind of job, where kinds differ.

    Attributes:
        usual_seconds: What such a task usually takes; asking about it before is mostly in vain.
        calls_back: A submit may carry the URL that its end is reported to.
        older_calls: Its tasks are asked about through two older calls instead of one.
        older_path: Options by which it is submitted on an older path from the start. None: it has
            one path only; else what the newer path refuses may be tried on the older.
        names_fields: A submit names the app's fields, so the app must be known.
        old_uploads: It loads files by the name that the older upload gives.
    """

    usual_seconds: float
    calls_back: bool = True
    older_calls: bool = False
    older_path: tuple[str, ...] | None = None
    names_fields: bool = False
    old_uploads: bool = False


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What the flows decide by.

    Attributes:
        kinds: By the kind of a job: a model's output, `workflow`, `app` or `quick`.
        unknown_kind: For a kind that only a newer version of runhook knows.
        outputs_live: How long the URLs of results live from the end of their task.
        largest_old_upload: Bytes that the older upload takes.
    """

    kinds: Mapping[str, Kind]
    unknown_kind: Kind
    outputs_live: timedelta
    largest_old_upload: int

    def kind(self, name: str) -> Kind:
        """The facts of a kind."""
        return self.kinds.get(name, self.unknown_kind)


class Readable(Protocol):
    """Bytes that are read piece by piece."""

    def read(self, size: int = -1, /) -> bytes: ...


class Body(Readable, Protocol):
    """Bytes to be sent, and how many they are."""

    def __len__(self) -> int: ...


class Provider(Protocol):
    """Whoever runs the jobs and is paid for them, for one account.

    Every call but `submit` is free. A free one raises `ProviderRefused` when the provider says no,
    and `ProviderSilent` when it gives no usable answer; `submit` raises neither.

    Attributes:
        heard: What was asked and answered since `listening`; None for one that does not listen.
    """

    heard: list[Exchange] | None

    @property
    def capabilities(self) -> Capabilities:
        """What it can do, as data."""

    def listening(self) -> "Provider":
        """The same for one piece of work: it keeps in `heard` what it asks and hears."""

    def beliefs(self, sample: Sample) -> Sequence[Belief]:
        """What is believed of its answers, each with a question that costs nothing.

        Args:
            sample: A model whose price is known.
        """

    def explain(self, code: str) -> Code:
        """What one of its error codes means; a row that says so for a code nobody has explained."""

    def other_model_may(self, code: str) -> bool:
        """Whether another model may do what ended with this error code.

        A task failed for the provider's own sake, or the submit was refused for the model's. False
        where that is in doubt, for the other model is paid for.
        """

    def line_of(self, options: Mapping[str, Any]) -> str:
        """Which line a job with these options stands in: `main`, or that of its own machines.

        The values stand in Redis; when such machines are full, only their own line waits.
        """

    def submit(self, wanted: Submit, leaving: Callable[[], bool]) -> SubmitAnswer | None:
        """Send one paid submit, at most once; None when `leaving` said no."""

    def report(self, ref: str, kind: str, *, legacy: bool = False) -> Report:
        """What it says of a task now.

        Args:
            ref: The task's id.
            kind: The kind of its job.
            legacy: It was submitted on the older path.
        """

    def calls_of_report(self, kind: str, *, legacy: bool) -> int:
        """How many calls `report` takes at most; they are counted where anybody can cause them."""

    def read_callback(self, body: bytes) -> Report:
        """What a callback says, whoever sent it. Raises `Unreadable`."""

    def recorded(self, ref: str) -> Recorded | None:
        """Its own record of the callback for a task; None when it has none."""

    def resend(self, webhook_id: str, webhook_url: str) -> None:
        """Have a recorded callback sent again, to this URL."""

    def cancel(self, ref: str) -> None:
        """Ask it to stop a task."""

    def signs_of_life(self) -> Sequence[Callable[[], object]]:
        """Questions of different kinds: whatever it answers to one proves that it is there."""

    def capacity(self) -> Capacity:
        """How many tasks the account may run, and runs."""

    def account(self) -> Account:
        """What the account has left."""

    def price(self, model: str, given: Mapping[str, Any]) -> LivePrice:
        """What a model would charge for this input now."""

    def app(self, webapp_id: str) -> App:
        """An AI app's fields."""

    def workflow(self, workflow_id: str) -> dict[str, Any]:
        """A workflow's graph in ComfyUI's API format."""

    def styles(self, webapp_id: str, kind: int) -> list[Style]:
        """The style library of a quick create."""

    def upload(self, name: str, file: Readable, size: int, *, old: bool = False) -> Uploaded:
        """Send a file of that name and size in bytes; `old`: by the older upload."""

    def lora_url(self, name: str, md5: str) -> tuple[str, str]:
        """Where to put a LoRA file: the name nodes load it by, and a signed URL."""

    def put(self, url: str, body: Body) -> None:
        """Put a file to a URL that it signed."""
