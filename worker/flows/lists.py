"""Jobs as users list them: what narrows a list, one page of it, a tree, and how a group stands."""

from typing import Annotated

from runhook.worker import catalogue
from runhook.worker.domain import policy
from runhook.worker.domain.answers import JobView, Page, TreePage
from runhook.worker.domain.bodies import Group, JobId, ModelWord, Moment, Tenant, some_of
from runhook.worker.domain.jobs import JOB_ID, LOCAL, State, is_job_id
from runhook.worker.domain.metadata import Label
from runhook.worker.domain.pages import USUAL, LabelledQuery, PageSize, Query, begins_at
from runhook.worker.errors import NotFound
from runhook.worker.flows.steps.viewing import shown
from runhook.worker.store import JobFilter
from runhook.worker.store.groups import GroupView
from runhook.worker.store.listing import Listed
from runhook.worker.wiring import Wiring


class JobsQuery(LabelledQuery):
    """Which jobs to list, and where the page begins.

    Attributes:
        state: In one of these states.
        model: Of this model, or of those that a glob like `vidu/*` matches.
        tenant: Of this tenant.
        root: Of the tree that grew from this job.
        group: Of this group of the tenant's, or of the caller's own.
        since: Asked for at this time or later; `2h` is two hours ago.
        until: Asked for before.
        cursor: The `next` of the page before.
        limit: How many.
    """

    state: Annotated[tuple[str, ...], some_of(tuple(State))] = ()
    model: ModelWord | None = None
    tenant: Tenant | None = None
    root: JobId | None = None
    group: Group | None = None
    since: Moment | None = None
    until: Moment | None = None
    cursor: Annotated[str, begins_at(is_job_id, JOB_ID.pattern)] | None = None
    limit: PageSize = USUAL


class TreeQuery(Query):
    """Where a page of a tree begins.

    Attributes:
        cursor: The `next` of the page before.
        limit: How many.
    """

    cursor: Annotated[str, begins_at(is_job_id, JOB_ID.pattern)] | None = None
    limit: PageSize = USUAL


class GroupQuery(Query):
    """Whose group it is.

    Attributes:
        tenant: The caller's own, where that is not said.
    """

    tenant: Tenant | None = None


def page(
    w: Wiring,
    asked: JobsQuery,
    labels: tuple[Label, ...] = (),
    *,
    only: str | None = None,
    own: str = LOCAL,
) -> Page[JobView]:
    """A page of jobs, newest first, as `/v1` has it; the parameters are those of `wanted`.

    Raises:
        NotFound: There is no such model.
    """
    found = page_of(w, wanted(asked, labels, only=only, own=own), asked)
    return {"items": [shown(w, job) for job in found.jobs], "next": found.next}


def wanted(
    asked: JobsQuery,
    labels: tuple[Label, ...] = (),
    *,
    only: str | None = None,
    own: str = LOCAL,
) -> JobFilter | None:
    """Which jobs are meant; None: none that whoever asks may see.

    Args:
        asked: What narrows them.
        labels: The metadata that they have.
        only: The one tenant whose jobs may be seen; None: any.
        own: Whose group is meant where no tenant is named.

    Raises:
        NotFound: There is no such model.
    """
    model = catalogue.listed_as(asked.model)
    if only is not None and asked.tenant not in (None, only):
        return None  # as if the other had none
    tenant = only or asked.tenant
    if asked.group and not tenant:
        tenant = own
    return JobFilter(
        states=asked.state,
        model=model,
        tenant=tenant,
        labels=labels,
        root=asked.root,
        group=asked.group,
        since=asked.since,
        until=asked.until,
    )


def page_of(w: Wiring, of: JobFilter | None, asked: JobsQuery) -> Listed:
    """A page of jobs as they are."""
    if of is None:
        return Listed((), None)
    return w.store.listing.page(of, asked.cursor, asked.limit)


def newer(w: Wiring, of: JobFilter, than: str, most: int) -> int:
    """How many jobs came since one of them, up to so many."""
    if of.labels:
        names = [job.id for job in w.store.listing.page(of, None, most).jobs]
    else:
        names = [name for piece in w.store.listing.names(of, most) for name in piece]
    return sum(name > than for name in names)


def tree(w: Wiring, job_id: str, asked: TreeQuery, *, only: str | None = None) -> TreePage[JobView]:
    """A page of a job and what grew from it, the oldest first.

    Raises:
        NotFound: There is no such job.
    """
    store = w.store
    store.jobs.get(job_id)
    names, whole = store.lineage.grown(job_id, policy.MOST_OF_A_TREE)
    ahead = [name for name in names if asked.cursor is None or name > asked.cursor]
    looked = ahead[: asked.limit]
    looked = looked[: store.jobs.fitting(looked)]
    found = [job for job in store.jobs.many(looked) if only in (None, job.tenant)]
    behind = None
    if len(looked) < len(ahead):
        behind = looked[-1]
    return {"items": [shown(w, job) for job in found], "next": behind, "complete": whole}


def group(
    w: Wiring, name: str, asked: GroupQuery, *, only: str | None = None, own: str = LOCAL
) -> GroupView:
    """How a group stands.

    Raises:
        NotFound: There is none of this name.
    """
    tenant = only or asked.tenant or own
    state = w.store.groups.state(tenant, name)
    # A submit token that names another tenant is told of none, whether there is one or not.
    if state is None or asked.tenant not in (None, tenant):
        raise NotFound(f"group {name}")
    return state.view()
