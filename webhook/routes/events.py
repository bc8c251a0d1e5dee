"""/v1/events: the log from a cursor, and live; and the stream of one job."""

from collections.abc import Iterator, Sequence

import orjson
from flask import Blueprint, Response, current_app, request

from runhook.webhook.edge.answers import answer, known_parameters, page_size, takes, wiring
from runhook.webhook.edge.scopes import caller, open_to
from runhook.webhook.edge.streams import Hub, spoken
from runhook.worker.domain.events import TYPES, Event, cloud_event, unknown_types
from runhook.worker.domain.jobs import Job
from runhook.worker.domain.views import job_view
from runhook.worker.errors import Fault, InvalidRequest
from runhook.worker.store import is_event_id

ALIVE = b": alive\n\n"
ROUNDS, PIECE = 20, 500  # pieces of the log that one request looks through for wanted types

blueprint = Blueprint("events", __name__, url_prefix="/v1")
blueprint.before_request(known_parameters)


@blueprint.get("/events")
@open_to("read")
@takes("after", "types", "limit")
def list_events() -> Response:
    """Events behind a cursor, oldest first; `next` is the cursor for the next time."""
    faults: list[Fault] = []
    types, cursor = _types(faults), _cursor(request.args.get("after"), faults)
    most = page_size(request.args.get("limit"), faults)
    if faults:
        raise InvalidRequest(faults)
    found, cursor = _page(types, cursor, most)
    items = [cloud_event(what, wiring().source) for what in found]
    return answer({"items": items, "next": cursor})


@blueprint.get("/events/stream")
@open_to("read")
@takes("after", "types")
def stream_events() -> Response:
    """Events as they happen, and those since `Last-Event-ID` first."""
    faults: list[Fault] = []
    types = _types(faults)
    given = request.headers.get("Last-Event-ID") or request.args.get("after")
    cursor = _cursor(given, faults)
    if faults:
        raise InvalidRequest(faults)
    store = wiring().store.events
    if cursor:
        store.after(cursor, 1)  # says now that it is too old, while a status can still be sent
    start = cursor or store.newest()
    return _hub().stream(caller().name, _events(_hub(), start, types))


@blueprint.get("/jobs/<job_id>/stream")
@open_to("read", "submit")
def stream_job(job_id: str) -> Response:
    """A job as it is, and then after each of its events, until it has ended."""
    w = wiring()
    start = w.store.events.newest()
    job = w.store.jobs.get(job_id)
    return _hub().stream(caller().name, _job(_hub(), start, job))


def _events(hub: Hub, cursor: str, types: Sequence[str]) -> Iterator[bytes]:
    yield b"retry: 2000\n\n"
    for message in hub.follow(cursor):
        if message is None:
            yield ALIVE
        elif not types or message.what.type in types:
            yield spoken(message.what.id, message.what.type, message.body)


def _job(hub: Hub, cursor: str, job: Job) -> Iterator[bytes]:
    yield spoken(cursor, f"job.{job.state}", orjson.dumps(job_view(job)))
    if job.state.ended:
        return
    for message in hub.follow(cursor):
        if message is None:
            yield ALIVE
            continue
        what = message.what
        if what.subject == job.id:
            yield spoken(what.id, what.type, orjson.dumps(what.data))
            if what.job and what.job.state.ended:
                return


def _page(types: Sequence[str], cursor: str | None, most: int) -> tuple[list[Event], str | None]:
    """So many events behind the cursor at most, and the cursor behind those looked at."""
    events = wiring().store.events
    for _ in range(ROUNDS):
        before = cursor
        found, cursor = events.after(before, PIECE if types else most, types=types)
        if len(found) > most:
            return found[:most], found[most - 1].id
        if found or cursor == before:
            return found, cursor
    return [], cursor


def _types(faults: list[Fault]) -> tuple[str, ...]:
    types = tuple(kind for kind in request.args.get("types", "").split(",") if kind)
    unknown = unknown_types(types)
    faults += [Fault("types", f"{kind!r} is no event type", TYPES) for kind in unknown]
    return types


def _cursor(given: str | None, faults: list[Fault]) -> str | None:
    if given and not is_event_id(given):
        faults.append(Fault("after", "must be an event's id, as evt_1795000000000-0"))
        return None
    return given or None


def _hub() -> Hub:
    found: Hub = current_app.extensions["runhook.hub"]
    return found
