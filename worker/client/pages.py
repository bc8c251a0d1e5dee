"""Lists that are read page by page, as they are asked for; and what narrows them."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TypedDict, cast

from runhook.worker.client.answers import Group
from runhook.worker.client.inputs import Input, Moment, Named, moment, name_of, text_of, words
from runhook.worker.client.jobs import Job
from runhook.worker.client.transport import Document, Query
from runhook.worker.domain.pages import MOST


class Wanted(TypedDict, total=False):
    """Which jobs are listed; what is left out narrows nothing.

    Attributes:
        state: In one of these.
        model: Of a model, or of all whose endpoint fits a pattern: `vidu/*`.
        tenant: One tenant's.
        group: Of one group.
        root: Grown from one job.
        since: Created then or later; `2h` is two hours ago.
        until: Created before then.
        metadata: With these values, of the keys in RUNHOOK_INDEX_METADATA.
    """

    state: str | Iterable[str] | None
    model: str | None
    tenant: str | None
    group: str | Group | None
    root: str | Job | None
    since: Moment | None
    until: Moment | None
    metadata: Input | None


def wanted_query(wanted: Wanted) -> dict[str, str]:
    """The same as a query has it."""
    found = {**wanted, "state": words(wanted.get("state"))}
    metadata = wanted.get("metadata") or {}
    found.pop("metadata", None)
    found |= {f"metadata.{name}": text_of(value) for name, value in metadata.items()}
    return query_of(**cast(dict[str, str], found))


def pages(ask: Callable[[Query], Document], query: Query) -> Iterator[Document]:
    """Every item behind a query, in as few calls as there may be."""
    wanted = {**query, "limit": str(MOST)}
    while True:
        page = ask(wanted)
        yield from page["items"]
        if page["next"] is None:
            return
        wanted["cursor"] = page["next"]


def query_of(**parameters: str | Named | datetime | None) -> dict[str, str]:
    """The parameters that narrow a list, as a query has them; the others are left out."""
    return {name: _text(value) for name, value in parameters.items() if value is not None}


def _text(value: str | Named | datetime) -> str:
    if isinstance(value, datetime):
        return moment(value)
    return name_of(value)
