"""Lists that are read page by page, as they are asked for; and what narrows them."""

from collections.abc import Callable, Iterator
from datetime import datetime

from runhook.worker.client.inputs import moment
from runhook.worker.client.jobs import Job
from runhook.worker.client.transport import Document, Query
from runhook.worker.domain.pages import MOST


def pages(ask: Callable[[Query], Document], query: Query) -> Iterator[Document]:
    """Every item behind a query, in as few calls as there may be."""
    wanted = {**query, "limit": str(MOST)}
    while True:
        page = ask(wanted)
        yield from page["items"]
        if page["next"] is None:
            return
        wanted["cursor"] = page["next"]


def query_of(**parameters: str | Job | datetime | None) -> dict[str, str]:
    """The parameters that narrow a list, as a query has them; the others are left out."""
    return {name: _text(value) for name, value in parameters.items() if value is not None}


def _text(value: str | Job | datetime) -> str:
    if isinstance(value, datetime):
        return moment(value)
    return id_of(value)


def id_of(job: str | Job) -> str:
    """A job's id, which may stand for it wherever one is asked for."""
    if isinstance(job, Job):
        return job.id
    return job
