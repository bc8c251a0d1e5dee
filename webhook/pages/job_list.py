"""/jobs: what was made and what is being made, as pictures or as a table; fifty a page."""

from typing import Annotated

from flask import Blueprint, Response, request

from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.scopes import caller, only, open_to
from runhook.webhook.pages import job_bulk
from runhook.webhook.pages.asking import Asked, read_form
from runhook.webhook.pages.job_tiles import IN_A_TILE, tile_of
from runhook.webhook.pages.shell import REFUSED, page
from runhook.worker.domain import policy
from runhook.worker.domain.bodies import Moment, one_of
from runhook.worker.domain.jobs import JOB_ID, State, first_id, is_job_id
from runhook.worker.domain.pages import PageSize, begins_at
from runhook.worker.errors import NotFound
from runhook.worker.flows import lists
from runhook.worker.flows.lists import JobsQuery
from runhook.worker.store.listing import Listed

EACH = 50  # jobs of a page: some 30 KB of HTML
VIEWS = ("gallery", "table")
# What stands behind every id of one job, or of one millisecond, and before the next one's: a page
# begins with it.
BEHIND = "~"

blueprint = Blueprint("job_list", __name__, template_folder="templates")


class ListQuery(JobsQuery):
    """Which jobs, how they are shown, and where the page begins."""

    view: Annotated[str, one_of(VIEWS)] = VIEWS[0]
    jump: Moment | None = None
    top: Annotated[str, begins_at(is_job_id, JOB_ID.pattern)] | None = None
    limit: PageSize = EACH


@blueprint.get("/jobs")
@open_to("read", "submit")
def show() -> Response:
    """A page of jobs, newest first; `top` is its first job, so that what is read stays in place."""
    asked = read_form(ListQuery, request.args)
    query = asked.query
    if query is None:
        return _page(asked, ListQuery(), Listed((), None), REFUSED)
    try:
        of = lists.wanted(query, asked.labels, only=only(), own=caller().name)
    except NotFound as unknown:
        faulty = Asked[ListQuery](query=None, given=asked.given, faults={"model": str(unknown)})
        return _page(faulty, query, Listed((), None), REFUSED)
    found = lists.page_of(wiring(), of, query.model_copy(update=_place(query)))
    newer = 0
    if of is not None and query.top and not query.jump:
        newer = lists.newer(wiring(), of, query.top, policy.NEWER_SHOWN + 1)
    return _page(asked, query, found, newer=newer)


def _place(query: ListQuery) -> dict[str, object]:
    """Where the page begins, as lists have it."""
    cursor = query.cursor
    if query.top:
        cursor = f"{query.top}{BEHIND}"
    elif query.jump and not cursor:
        last = query.jump.replace(hour=23, minute=59, second=59, microsecond=999_999)
        cursor = f"{first_id('job', last)}{BEHIND}"
    return {"cursor": cursor}


def _page(
    asked: Asked[ListQuery], query: ListQuery, found: Listed, status: int = 200, newer: int = 0
) -> Response:
    tiles = [tile_of(job) for job in found.jobs]
    here = asked.address("/jobs")
    older, top = None, None
    if found.next:
        older = asked.address("/jobs", cursor=found.next, top=None, jump=None)
    if tiles and not query.cursor:
        top = tiles[0].id
    return page(
        "jobs.html",
        status,
        asked=asked,
        query=query,
        tiles=tiles,
        short=IN_A_TILE,
        states=list(State),
        older=older,
        newest=asked.address("/jobs", cursor=None, top=None, jump=None),
        live_url=asked.address("/jobs", top=top),
        views=[(view, asked.address("/jobs", view=view, top=None)) for view in VIEWS],
        here=here,
        newer=newer,
        newer_shown=policy.NEWER_SHOWN,
        indexed=wiring().settings.indexed,
        narrowed=bool(set(asked.given) - {"view", "top", "cursor"}),
        all_tenants=only() is None,
        actions=job_bulk.open_actions(),
    )
