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

Document = dict[str, Any]
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

    def forget(self, job_id: str) -> None:
        """Remove a job that has ended, and its files."""
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

    def account(self) -> Document:
        """What is left, and in flight."""
        ...

    def costs(self, query: Query) -> Document:
        """What days cost."""
        ...

    def deliveries(self, query: Query) -> Document:
        """A page of deliveries."""
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
