"""Jobs as users list them: what narrows a list, and one page of it."""

from typing import Annotated

from runhook.worker import catalogue
from runhook.worker.domain.bodies import Group, JobId, Moment, Tenant, some_of
from runhook.worker.domain.jobs import LOCAL, State, is_job_id
from runhook.worker.domain.metadata import Label
from runhook.worker.domain.pages import USUAL, LabelledQuery, PageSize, begins_at
from runhook.worker.domain.views import View
from runhook.worker.flows.steps.viewing import shown
from runhook.worker.store import JobFilter
from runhook.worker.wiring import Wiring


class JobsQuery(LabelledQuery):
    """Which jobs to list, and where the page begins."""

    state: Annotated[tuple[str, ...], some_of(tuple(State))] = ()
    model: str | None = None
    tenant: Tenant | None = None
    root: JobId | None = None
    group: Group | None = None
    since: Moment | None = None
    until: Moment | None = None
    cursor: Annotated[str, begins_at(is_job_id)] | None = None
    limit: PageSize = USUAL


def page(
    w: Wiring,
    asked: JobsQuery,
    labels: tuple[Label, ...] = (),
    *,
    only: str | None = None,
    own: str = LOCAL,
) -> View:
    """A page of jobs, newest first.

    Args:
        w: The process's parts.
        asked: Which, and where it begins.
        labels: The metadata that they have.
        only: The one tenant whose jobs may be seen; None: any.
        own: Whose group is meant where no tenant is named.

    Raises:
        NotFound: There is no such model.
    """
    model = catalogue.listed_as(asked.model)
    if only is not None and asked.tenant not in (None, only):
        return {"items": [], "next": None}  # as if the other had none
    tenant = only or asked.tenant
    if asked.group and not tenant:
        tenant = own
    wanted = JobFilter(
        states=asked.state,
        model=model,
        tenant=tenant,
        labels=labels,
        root=asked.root,
        group=asked.group,
        since=asked.since,
        until=asked.until,
    )
    found = w.store.listing.page(wanted, asked.cursor, asked.limit)
    return {"items": [shown(w, job) for job in found.jobs], "next": found.next}
