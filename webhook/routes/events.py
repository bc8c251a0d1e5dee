"""/v1/events: the log from a cursor or a moment, and live; and the stream of one job."""

from collections.abc import Iterator, Sequence

import orjson
from flask import Blueprint, current_app, g, request
from typing_extensions import TypedDict

from runhook.webhook.edge.bodies import body, reads
from runhook.webhook.edge.declared import Header, gives, hears
from runhook.webhook.edge.queries import USUAL, PageSize, query, read_query, takes
from runhook.webhook.edge.responses import Answer, Done, Events, answer, wiring
from runhook.webhook.edge.scopes import caller, open_to
from runhook.webhook.edge.streams import Hub, joined, spoken
from runhook.worker.delivery.log import AN_EVENT, StreamQuery, beginning
from runhook.worker.delivery.subscriptions import listening_secret
from runhook.worker.delivery.trigger import TriggeredView, TriggerRequest, trigger
from runhook.worker.domain.answers import JobView, Page
from runhook.worker.domain.events import STATES, CloudEventView, Event, cloud_event
from runhook.worker.domain.jobs import Job
from runhook.worker.domain.problem_kinds import NOT_FOUND, TRIMMED
from runhook.worker.domain.views import job_view
from runhook.worker.errors import Fault, Trimmed
from runhook.worker.store import event_order, is_event_id
from runhook.worker.store.events import EVENT_ID

LARGEST = 4096  # bytes of a body, which has two words
# Pieces of the log, and events of each, that one request looks through for wanted types: so rare
# ones cost it no more than ten thousand events, and it answers with a cursor to go on from.
ROUNDS, PIECE = 20, 500
ENDS = tuple(kind for kind, state in STATES.items() if state.ended)


def _last_event_fault(text: str) -> Fault | None:
    if not text or is_event_id(text):
        return None
    return Fault(path="Last-Event-ID", message=AN_EVENT)


LAST_EVENT = Header(
    name="Last-Event-ID",
    means="The last event that was heard; those behind it come first.",
    schema={"type": "string", "pattern": f"^(?:{EVENT_ID.pattern})$"},
    fault=_last_event_fault,
)

blueprint = Blueprint("events", __name__, url_prefix="/v1")
blueprint.before_request(read_query)


class ListeningView(TypedDict):
    """What `runhook listen --forward` signs with.

    Attributes:
        secret: As Standard Webhooks has it, `whsec_…`.
    """

    secret: str


class EventsQuery(StreamQuery):
    """A page of events.

    Attributes:
        after: The id behind which it begins; without it and `since` the oldest.
        limit: How many.
    """

    limit: PageSize = USUAL


@blueprint.get("/events")
@open_to("read")
@takes(EventsQuery)
@gives(problems=(TRIMMED,))
def list_events() -> Answer[Page[CloudEventView]]:
    """Events behind a cursor, oldest first; `next` is the cursor for the next time."""
    asked = query(EventsQuery)
    found, cursor = _page(asked.types, beginning(asked), asked.limit, gaps=asked.since is not None)
    items = [cloud_event(what, wiring().settings.public_url) for what in found]
    return answer({"items": items, "next": cursor})


@blueprint.get("/events/stream")
@open_to("read")
@takes(StreamQuery)
@hears(LAST_EVENT)
@gives(problems=(TRIMMED,))
def stream_events() -> Events[CloudEventView]:
    """Events as they happen, and those since `Last-Event-ID` first."""
    asked = query(StreamQuery)
    # The header first: browsers send it when they connect again, to the same `?after=` as at first.
    last = request.headers.get(LAST_EVENT.name)
    cursor, store = last or beginning(asked), wiring().store.events
    if cursor and (last or asked.after):
        store.after(cursor, 1)  # says now that it is too old, while a status can still be sent
    start = cursor or store.newest()
    response = _hub().stream(caller().name, _events(_hub(), start, asked.types), g.session)
    # Where to go on if it breaks off before any event has come.
    response.headers[LAST_EVENT.name] = start
    return response


@blueprint.post("/events/trigger")
@open_to("admin")
@reads(TriggerRequest, largest=LARGEST, example={"type": "job.succeeded"})
@gives(202, problems=(NOT_FOUND,))
def post_trigger() -> Answer[TriggeredView]:
    """Send a sample of an event to all that want it: `{"type", "model"?}`. Nothing is paid."""
    return answer(trigger(wiring(), body(TriggerRequest)), 202)


@blueprint.get("/events/secret")
@open_to("admin")
def get_secret() -> Answer[ListeningView]:
    """What `runhook listen --forward` signs with; it is always the same."""
    return answer({"secret": listening_secret(wiring())})


@blueprint.get("/jobs/<job_id>/stream")
@open_to("read", "submit")
@hears(LAST_EVENT)
@gives(200, 204)
def stream_job(job_id: str) -> Events[JobView] | Done:
    """A job as it is, and then after each of its events, until it has ended.

    204 to whoever heard its end, by `Last-Event-ID`: a browser connects no more then.
    """
    w, last = wiring(), request.headers.get(LAST_EVENT.name)
    # Before the job is read: an event in between is sent twice over, and not missed.
    start = w.store.events.newest()
    job = w.store.jobs.get(job_id)
    if last and job.state.ended and _has_heard_all(job, last, start):
        return Done()
    return _hub().stream(caller().name, _job(_hub(), start, job, w.settings.public_url), g.session)


def _has_heard_all(job: Job, last: str, newest: str) -> bool:
    """Whether a job surely did not end behind the event that was heard last.

    One piece of the log is looked through: whoever comes back after longer is told the end again.
    """
    try:
        found, behind = wiring().store.events.after(last, PIECE, types=ENDS)
    except Trimmed:
        return False
    is_whole = event_order(behind or last) >= event_order(newest)
    return is_whole and all(event.subject != job.id for event in found)


def _events(hub: Hub, cursor: str, types: Sequence[str]) -> Iterator[bytes]:
    # ms until a browser connects again, so that a restart of web is hardly seen.
    yield b"retry: 2000\n\n"
    for found in hub.follow(cursor):
        yield b""
        yield from joined(
            spoken(message.what.id, message.what.type, message.body)
            for message in found
            if not types or message.what.type in types
        )


def _job(hub: Hub, cursor: str, job: Job, base: str) -> Iterator[bytes]:
    yield spoken(cursor, f"job.{job.state}", orjson.dumps(job_view(job, base=base)))
    if job.state.ended:
        return
    for found in hub.follow(cursor):
        yield b""
        for what in (message.what for message in found if message.what.subject == job.id):
            yield spoken(what.id, what.type, orjson.dumps(what.data(base)))
            if what.job and what.job.state.ended:
                return


def _page(
    types: Sequence[str], cursor: str | None, limit: int, *, gaps: bool
) -> tuple[list[Event], str | None]:
    """So many events behind the cursor at most, and the cursor behind those looked at.

    Args:
        types: Only these; none: all.
        cursor: Where it begins; None: with the oldest.
        limit: The most there are to be.
        gaps: It begins with a moment, before which nothing was seen that could be missing.
    """
    events, size = wiring().store.events, limit
    if types:
        size = PIECE
    for _ in range(ROUNDS):
        before = cursor
        found, cursor = events.after(before, size, gaps=gaps, types=types)
        # Fewer than a piece fit the page, so its cursor is its last event's and not the piece's.
        if len(found) > limit:
            return found[:limit], found[limit - 1].id
        if found or cursor == before:
            return found, cursor
    return [], cursor


def _hub() -> Hub:
    found: Hub = current_app.extensions["runhook.hub"]
    return found
