"""/v1/events: the log from a cursor, and live; and the stream of one job."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import orjson
from flask import Blueprint, Response, current_app, request
from pydantic import BeforeValidator

from runhook.webhook.edge.queries import USUAL, PageSize, Query, query, read_query, takes
from runhook.webhook.edge.responses import answer, wiring
from runhook.webhook.edge.scopes import caller, open_to
from runhook.webhook.edge.streams import Hub, spoken
from runhook.worker.domain.bodies import fits, refused
from runhook.worker.domain.events import TYPES, Event, cloud_event, unknown_types
from runhook.worker.domain.faults import nearest
from runhook.worker.domain.jobs import Job
from runhook.worker.domain.views import job_view
from runhook.worker.errors import Fault, InvalidRequest
from runhook.worker.store import is_event_id

ALIVE = b": alive\n\n"  # a comment of server-sent events: it says only that the stream lives
# Pieces of the log, and events of each, that one request looks through for wanted types: so rare
# ones cost it no more than ten thousand events, and it answers with a cursor to go on from.
ROUNDS, PIECE = 20, 500
AN_EVENT = "must be an event's id, as evt_1795000000000-0"

blueprint = Blueprint("events", __name__, url_prefix="/v1")
blueprint.before_request(read_query)


def _words(text: str) -> tuple[str, ...]:
    types = tuple(one for one in text.split(",") if one)
    if unknown := unknown_types(types):
        near = next(iter(nearest(unknown[0], TYPES)), None)
        names = ", ".join(map(repr, unknown))
        raise refused(f"has {names}; expected some of {', '.join(TYPES)}", TYPES, nearest=near)
    return types


class StreamQuery(Query):
    """Which events, and from where on; without `after` those from now on."""

    after: Annotated[str, fits(lambda text: not text or is_event_id(text), AN_EVENT)] = ""
    types: Annotated[tuple[str, ...], BeforeValidator(_words)] = ()


class EventsQuery(StreamQuery):
    """A page of events; without `after` it begins with the oldest."""

    limit: PageSize = USUAL


@blueprint.get("/events")
@open_to("read")
@takes(EventsQuery)
def list_events() -> Response:
    """Events behind a cursor, oldest first; `next` is the cursor for the next time."""
    asked = query(EventsQuery)
    found, cursor = _page(asked.types, asked.after or None, asked.limit)
    items = [cloud_event(what, wiring().settings.public_url) for what in found]
    return answer({"items": items, "next": cursor})


@blueprint.get("/events/stream")
@open_to("read")
@takes(StreamQuery)
def stream_events() -> Response:
    """Events as they happen, and those since `Last-Event-ID` first."""
    asked = query(StreamQuery)
    # The header first: browsers send it when they connect again, to the same `?after=` as at first.
    cursor = request.headers.get("Last-Event-ID") or asked.after
    if cursor and not is_event_id(cursor):
        raise InvalidRequest([Fault(path="Last-Event-ID", message=AN_EVENT)])
    store = wiring().store.events
    if cursor:
        store.after(cursor, 1)  # says now that it is too old, while a status can still be sent
    start = cursor or store.newest()
    return _hub().stream(caller().name, _events(_hub(), start, asked.types))


@blueprint.get("/jobs/<job_id>/stream")
@open_to("read", "submit")
def stream_job(job_id: str) -> Response:
    """A job as it is, and then after each of its events, until it has ended."""
    w = wiring()
    # Before the job is read: an event in between is sent twice over, and not missed.
    start = w.store.events.newest()
    job = w.store.jobs.get(job_id)
    return _hub().stream(caller().name, _job(_hub(), start, job, w.settings.public_url))


def _events(hub: Hub, cursor: str, types: Sequence[str]) -> Iterator[bytes]:
    # ms until a browser connects again, so that a restart of web is hardly seen.
    yield b"retry: 2000\n\n"
    for message in hub.follow(cursor):
        if message is None:
            yield ALIVE
        elif not types or message.what.type in types:
            yield spoken(message.what.id, message.what.type, message.body)


def _job(hub: Hub, cursor: str, job: Job, base: str) -> Iterator[bytes]:
    yield spoken(cursor, f"job.{job.state}", orjson.dumps(job_view(job, base=base)))
    if job.state.ended:
        return
    for message in hub.follow(cursor):
        if message is None:
            yield ALIVE
            continue
        what = message.what
        if what.subject == job.id:
            yield spoken(what.id, what.type, orjson.dumps(what.data(base)))
            if what.job and what.job.state.ended:
                return


def _page(types: Sequence[str], cursor: str | None, limit: int) -> tuple[list[Event], str | None]:
    """So many events behind the cursor at most, and the cursor behind those looked at."""
    events, size = wiring().store.events, limit
    if types:
        size = PIECE
    for _ in range(ROUNDS):
        before = cursor
        found, cursor = events.after(before, size, types=types)
        # Fewer than a piece fit the page, so its cursor is its last event's and not the piece's.
        if len(found) > limit:
            return found[:limit], found[limit - 1].id
        if found or cursor == before:
            return found, cursor
    return [], cursor


def _hub() -> Hub:
    found: Hub = current_app.extensions["runhook.hub"]
    return found
