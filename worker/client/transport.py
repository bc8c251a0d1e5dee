"""What `Runhook` needs of the way to runhook: documents in, documents out, as /v1 has them.

Two ways have it, in process and over HTTP. Each asks again by itself what may be asked again, and
raises the errors of `errors.py`.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol

from runhook.worker.client.jobs import Output
from runhook.worker.client.spool import Spool

if TYPE_CHECKING:
    from runhook.worker.net.streaming import Streamed  # brings requests, which values do without

Document = Mapping[str, Any]
Query = Mapping[str, str]  # as the query of a URL has it
Act = Literal["retry", "reconcile"]


class Transport(Protocol):
    """One way to runhook."""

    def submit(self, body: Document, key: str) -> Document:
        """The job that was made, or the one that this key made before."""
        ...

    def check(self, body: Document) -> Document:
        """What a job would be, and cost; nothing is kept."""
        ...

    def batch(self, lines: Spool, key: str, *, dry_run: bool) -> Iterator[Document]:
        """What became of each line, as it becomes of it."""
        ...

    def job(self, job_id: str) -> Document:
        """One job."""
        ...

    def look(self, job_id: str, seconds: float, /) -> Document:
        """The same, asked once and not again, in so many seconds."""
        ...

    def jobs(self, query: Query) -> Document:
        """A page of jobs."""
        ...

    def act(self, job_id: str, what: Act) -> Document:
        """The job after one of these was done with it."""
        ...

    def cancel(self, job_id: str, *, tree: bool) -> Document:
        """The job, cancelled or with the wish written down; with what waits for it, if wanted."""
        ...

    def forget(self, job_id: str, *, tree: bool) -> int:
        """Remove a job that has ended, or all of a root, with its files; how many those were."""
        ...

    def tree(self, job_id: str, query: Query) -> Document:
        """A page of what grew from a job."""
        ...

    def group(self, name: str, query: Query) -> Document:
        """How a group stands."""
        ...

    def resolve(self, job_id: str, verdict: Document) -> Document:
        """The job after its owner's word."""
        ...

    def timeline(self, job_id: str) -> Document:
        """What happened to a job."""
        ...

    def follow(self, job_id: str, seconds: float) -> Iterator[Document]:
        """The job as it is, and again whenever something happened to it.

        It ends by itself, at the latest after so many seconds; that says nothing of the job.
        """
        ...

    def keep(self, name: str, file: IO[bytes], size: int, /) -> Document:
        """The asset that a file is kept as."""
        ...

    def models(self, query: str) -> Document:
        """The models that match."""
        ...

    def model(self, name: str) -> Document:
        """One model."""
        ...

    def input_schema(self, name: str) -> Document:
        """A model's input as JSON Schema."""
        ...

    def queue(self) -> Document:
        """How the queue stands."""
        ...

    def pause(self, *, paused: bool) -> Document:
        """The same, once it was stopped or let go on."""
        ...

    def workflow(self, workflow_id: str) -> Document:
        """A workflow's nodes."""
        ...

    def app(self, webapp_id: str) -> Document:
        """What an AI app takes."""
        ...

    def styles(self, webapp_id: str, kind: int) -> Document:
        """The styles of an AI app."""
        ...

    def lora(self, body: Document) -> Document:
        """Where a LoRA file goes."""
        ...

    def account(self) -> Document:
        """What is left, and in flight."""
        ...

    def costs(self, query: Query) -> Document:
        """What days cost."""
        ...

    def deliveries(self, query: Query) -> Document:
        """A page of deliveries."""
        ...

    def delivery(self, delivery_id: str) -> Document:
        """One delivery."""
        ...

    def redeliver_all(self, body: Document) -> Document:
        """How many were handed to their handlers again."""
        ...

    def handlers(self) -> Document:
        """Every handler, and what waits for it."""
        ...

    def end_handler(self, name: str) -> Document:
        """How much waited for a handler that will not come back."""
        ...

    def subscriptions(self) -> Document:
        """Every subscription."""
        ...

    def subscription(self, name: str) -> Document:
        """One."""
        ...

    def subscribe(self, body: Document) -> Document:
        """A new one, with its secret."""
        ...

    def change_subscription(self, name: str, body: Document) -> Document:
        """One, changed."""
        ...

    def unsubscribe(self, name: str) -> None:
        """Remove one."""
        ...

    def rotate(self, name: str, body: Document) -> Document:
        """One with a new secret."""
        ...

    def try_subscription(self, name: str, body: Document) -> Document:
        """How a subscriber took a sample."""
        ...

    def trigger(self, body: Document) -> Document:
        """Whom a sample of an event was sent to."""
        ...

    def listening_secret(self) -> Document:
        """What signs events that a developer has forwarded."""
        ...

    def hear(self, query: Query, seconds: float) -> Iterator[tuple[str, Document | None]]:
        """Events as they happen, each behind its id; the first is where it begins, and no event.

        It ends by itself, at the latest after so many seconds.
        """
        ...

    def redeliver(self, delivery_id: str) -> Document:
        """The delivery, handed to its handler again."""
        ...

    def recover(self, body: Document) -> Document:
        """What was missing of a period."""
        ...

    def output(self, output: Output) -> AbstractContextManager["Streamed"]:
        """The file of an output, as it comes; runhook's own copy where there is one."""
        ...

    def close(self) -> None:
        """Let go of every connection; the next call makes new ones."""
        ...
