"""/mcp: the tools of AI agents by streamable HTTP, without sessions; JSON answers each POST.

One that waits and asks for its progress is answered by a stream of events.

Each tool asks /v1 as whoever calls /mcp, so nothing is open here that is not open there.
"""

import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

import orjson
from flask import Blueprint, Flask, Response, current_app, g, request
from werkzeug.exceptions import (
    Forbidden,
    RequestEntityTooLarge,
    ServiceUnavailable,
    UnsupportedMediaType,
)
from werkzeug.exceptions import NotImplemented as NotOffered

from runhook.webhook.edge.asgi import Answered, AsgiApp, Loop, Message, Receive, Send, Turn
from runhook.webhook.edge.inside import Inside
from runhook.webhook.edge.limits import AGENTS_WAITING, Place
from runhook.webhook.edge.queries import read_query
from runhook.webhook.edge.receiving import body_within
from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.scopes import caller, open_to
from runhook.worker.agents.tools import Desk
from runhook.worker.client.over_http import OverHttp
from runhook.worker.client.runhook import Runhook
from runhook.worker.domain import policy
from runhook.worker.domain.bodies import json_object
from runhook.worker.errors import InvalidRequest

PATH = "/mcp"
LARGEST = 4 * 1024 * 1024  # bytes of a call: an agent writes prompts, and names files by URL
ONCE = 0.0  # seconds for a call of /v1: what is busy is told to the agent, and holds no thread here
# In a request's scope: where its tools are carried out, and whether it is told how that goes on.
PLACE, TOLD = "runhook.place", "runhook.told"
REQUEST_ID = "HTTP_X_REQUEST_ID"  # as WSGI has that header
UNREADABLE = -32700  # JSON-RPC's code for what is no JSON

# Of a stream of events, which no proxy on the way may keep back.
EVENTS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}

Found = TypeVar("Found")

blueprint = Blueprint("mcp", __name__)
blueprint.before_request(read_query)


class RequestPlace(Turn):
    """Where the tools of one request are carried out: in its own thread, as its own caller."""

    def __init__(self, app: Flask, environ: Mapping[str, Any]) -> None:
        super().__init__()
        runhook = Runhook(transport=OverHttp("", "", ONCE, http=Inside(app.wsgi_app, environ)))
        most = policy.AGENT_WAIT_MOST
        self._desk = Desk(runhook=runhook, paying=runhook, longest_wait=most)

    def work(
        self,
        work: Callable[[Desk], Found],
        /,
        *,
        long: bool,
        pays: bool,  # noqa: ARG002 - each goes on to its end here
    ) -> Awaitable[Found]:
        """Asked by the loop: what comes of a tool, by the desk as it is when its turn comes."""
        return self.have_done(lambda: work(self._desk), long=long)

    def only_look(self) -> None:
        """Wait for nothing."""
        self._desk = replace(self._desk, longest_wait=0)


@blueprint.post(PATH)
@open_to("read", "submit")
def post_message() -> Response:
    """Answer one message of an agent. What each tool may do, the scopes of its token say."""
    if importlib.util.find_spec("mcp") is None:
        raise NotOffered("the package mcp is missing here: pip install 'runhook[mcp]'")
    _own_pages_only()
    body = _body()
    try:
        message = json_object(body, "the message")
    except InvalidRequest as invalid:
        return _unreadable(invalid)
    # What it asks of /v1 is logged under its own name.
    place = RequestPlace(current_app, {**request.environ, REQUEST_ID: g.request_id})
    told = _is_told(message)
    answer = _loop().ask(_scope(place, told=told), body, place)
    if place.serve(answer):
        return _response(place.answered, [place.answered.taken()])
    return _waited(place, answer, told=told)


def _own_pages_only() -> None:
    """Refuse pages of other sites, as the protocol demands: a browser sends its token for them."""
    origin = request.headers.get("Origin")
    ours = {request.host.lower(), urlsplit(wiring().settings.public_url).netloc.lower()}
    if origin is not None and urlsplit(origin).netloc.lower() not in ours - {""}:
        raise Forbidden("Origin is another site's. Nothing was done, nothing was paid.")


def _body() -> bytes:
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("send Content-Type: application/json")
    body = body_within(request, LARGEST)
    if body is None:
        raise RequestEntityTooLarge(f"a message is at most {LARGEST} bytes")
    return body


def _unreadable(invalid: InvalidRequest) -> Response:
    why = "; ".join(f"{fault.path} {fault.message}".strip() for fault in invalid.listed)
    error = {"code": UNREADABLE, "message": f"{why}. Nothing was done, nothing was paid."}
    body = orjson.dumps({"jsonrpc": "2.0", "id": None, "error": error})
    return Response(body, 400, content_type="application/json")


def _is_told(message: Mapping[str, Any]) -> bool:
    """Whether a call asks for its progress, which only a stream of events can carry."""
    match message:
        case {"method": "tools/call", "params": {"_meta": {"progressToken": str() | int()}}}:
            return request.accept_mimetypes["text/event-stream"] > 0
    return False


def _waited(place: RequestPlace, answer: Future[None], *, told: bool) -> Response:
    """The answer to whoever waits for a job. It is streamed, so that no other waits behind it."""
    try:
        taken = AGENTS_WAITING.take(caller().name)
    except ServiceUnavailable:
        place.only_look()
        body = b"".join(place.serve_out(answer))
        return _response(place.answered, [body])
    # Known before the package says it: only who is told of progress is told anything by now.
    headers = {"Content-Type": "application/json"}
    if told:
        headers = EVENTS
    response = Response(_holding(taken, place.serve_out(answer)), headers=headers)
    response.call_on_close(taken.leave)  # of an answer that is never begun
    response.call_on_close(answer.cancel)
    return response


def _holding(taken: Place, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """An answer with whose end its place is left: werkzeug's server may forget to close one."""
    with taken:
        yield from pieces


def _response(answered: Answered, body: Iterable[bytes]) -> Response:
    # Connection is between two servers, and WSGI leaves it to the one that serves.
    headers = [(name, value) for name, value in answered.headers if name.lower() != "connection"]
    return Response(body, answered.status, headers=headers)


def _scope(place: RequestPlace, *, told: bool) -> dict[str, Any]:
    headers = [(name.lower().encode(), value.encode()) for name, value in request.headers]
    return {
        "method": "POST",
        "path": PATH,
        "query_string": b"",
        "headers": headers,
        PLACE: place,
        TOLD: told,
    }


@lru_cache(maxsize=1)
def _loop() -> Loop:
    return Loop(_begin)


def _begin() -> tuple[AsgiApp, AbstractAsyncContextManager[None]]:
    # Not at the top: thirty megabytes and half a second, for those whom an agent asks.
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from runhook.worker.agents.server import make_server

    server = make_server(lambda context: context.request.scope[PLACE])
    plain, telling = (
        StreamableHTTPSessionManager(
            server, json_response=json, stateless=True, max_request_body_size=LARGEST
        )
        for json in (True, False)
    )

    async def answer(scope: Message, receive: Receive, send: Send) -> None:
        if scope[TOLD]:
            await telling.handle_request(scope, receive, send)
        else:
            await plain.handle_request(scope, receive, send)

    return answer, _both(plain.run(), telling.run())


@asynccontextmanager
async def _both(
    one: AbstractAsyncContextManager[None], two: AbstractAsyncContextManager[None]
) -> AsyncIterator[None]:
    async with one, two:
        yield
