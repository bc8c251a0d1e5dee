"""The web process under granian: reads a request's body, then has it answered in its own place.

The event loop reads bodies, so whoever sends slowly takes neither a thread nor a place. Threads
answer: callbacks have some of their own, so that nothing that /v1 waits for delays them, and large
bodies, strangers and what streams have others. It speaks RSGI to granian and WSGI to Flask, because
WSGI has no way to stop waiting for a body. Small callbacks never reach Flask: the route is there
for other servers, for large ones, and to say what went wrong.
"""

import asyncio
import contextvars
import io
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any

from flask import Request, Response
from granian.rsgi import (  # type: ignore[attr-defined]  # offered, not typed so
    HTTPProtocol,
    ProtocolClosed,
    Scope,
)
from werkzeug.exceptions import HTTPException, NotFound, ServiceUnavailable

from runhook.config.callers import Caller
from runhook.webhook.edge.access import caller_of
from runhook.webhook.edge.environ import Head, environ_of
from runhook.webhook.edge.gathering import Gathering
from runhook.webhook.edge.limits import (
    AGENTS_WAITING,
    ASKING,
    BATCHES,
    CALLING,
    CHANGING,
    GIVING,
    KEEPING,
    KEPT_AT_ONCE,
    OPENED_AT_ONCE,
    OPENING,
    SENDING,
    SIGNING_IN,
    STRANGE,
    TESTS,
    WAITING,
    Limit,
)
from runhook.webhook.edge.page_forms import LARGEST_STRANGE, NEW
from runhook.webhook.edge.problems import careful, refusal
from runhook.webhook.edge.receiving import IN_MEMORY, Sending, read_small, read_whole
from runhook.webhook.edge.request_ids import HEADER as REQUEST_ID
from runhook.webhook.edge.request_ids import request_id
from runhook.webhook.edge.streams import STREAMS
from runhook.webhook.routes import assets, callbacks, jobs, mcp
from runhook.worker.errors import StoreUnavailable
from runhook.worker.secrets.signing import PATH, PROBE
from runhook.worker.store import Arrival
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring

Application = Callable[..., Any]

# Threads of each kind. So many wait for a round trip to Redis at once; measured, more is worse.
THREADS = 4
FEW = 2  # threads: who asks whether we live, and strangers, hold nobody else up
# Threads: so many may all wait at once for RunningHub, or for a thousand jobs.
OTHERS = ASKING.together + CHANGING.together
# Each stream has a thread for as long as it runs.
STREAMING = STREAMS + BATCHES.together + TESTS.together + GIVING.together + AGENTS_WAITING.together
# A callback of up to so many bytes is taken without Flask and shares its round trip with others:
# RunningHub's are some hundred bytes, and so many together are as quick as one large one.
SMALL, TOGETHER = 16 * 1024, 64
ANSWER_WITHIN = 2.5  # seconds from a callback's last byte to 503: RunningHub is told within 3 s
TOO_LATE = f"it could not be written down within {ANSWER_WITHIN:g} s; send it again"
VIA = {"": "callback", "via=resend": "resend"}  # how a callback came, by its URL's query
JSON_HEAD = [("Content-Type", "application/json"), ("X-Content-Type-Options", "nosniff")]
CLOSE = ("Connection", "close")  # the rest of the request is not waited for
# Only these are read from a caller; what else comes with a body is answered without it.
WITH_BODY = ("POST", "PUT", "PATCH", "DELETE")
CALLBACKS = f"{PATH}/"
# Asked by load balancers, which take a slow answer for a dead process.
ALIVE = ("/healthz", "/readyz")
V1, SIGN_IN = "/v1/", "/login"
ASSETS, JOBS = "/v1/assets", "/v1/jobs"
OUTPUT = re.compile(r"/v1/jobs/[^/]*/outputs/.*")  # kept where files are
# What a body must hold for a text in it to begin with `data:`, however JSON has it spelt.
DATA_URI = re.compile(rb"data:|\\u00(?:64|61|74|3[aA])")

# Seconds are for whole bodies: a callback is small, and its places are few.
CALLBACK = Sending(largest=callbacks.LARGEST, seconds=10)
JSON = Sending(largest=jobs.LARGEST, seconds=30)  # a megabyte a second brings the largest
# What who may ask for nothing sends: the form with a token, and the button that signs out.
FORM = Sending(largest=LARGEST_STRANGE, seconds=5)
# 64 KiB a second is a bad telephone; who sends less than that would send for a day.
FILE = Sending(largest=assets.LARGEST, seconds=30, slowest=64 * 1024)
AGENTS = Sending(largest=mcp.LARGEST, seconds=30)
BODIES = {ASSETS: FILE, "/v1/jobs/batch": FILE, mcp.PATH: AGENTS}  # of all other paths JSON


@dataclass(frozen=True, kw_only=True)
class Stream:
    """An answer whose pieces come one by one.

    Attributes:
        head: Its status and headers.
        pieces: As the application gives them.
        close: Ends it, whether all were given or not.
        context: In which the application made it, and in which it goes on.
    """

    head: Head
    pieces: Iterator[bytes]
    close: Callable[[], None]
    context: contextvars.Context

    def next(self) -> bytes:
        """The next piece once it is there; empty behind the last, and none before is."""
        return next((piece for piece in self.pieces if piece), b"")


class RsgiApp:
    """An RSGI application around a WSGI one."""

    def __init__(self, app: Application, wiring: Wiring) -> None:
        self._app = app
        self._settings = wiring.settings
        self._gathered = Gathering("taking", TOGETHER, wiring.store.callbacks.take_each)
        self._callbacks = ThreadPoolExecutor(THREADS, "callbacks")
        self._alive = ThreadPoolExecutor(FEW, "alive")
        self._strangers = ThreadPoolExecutor(FEW, "strangers")
        self._v1 = ThreadPoolExecutor(THREADS + OTHERS, "v1")
        self._large = ThreadPoolExecutor(THREADS + OTHERS, "large")
        self._files = ThreadPoolExecutor(KEPT_AT_ONCE, "files")
        self._opening = ThreadPoolExecutor(OPENED_AT_ONCE, "opening")
        self._streams = ThreadPoolExecutor(STREAMING, "streams")

    async def __rsgi__(self, scope: Scope, proto: HTTPProtocol) -> None:
        """Answer one request."""
        path = "/" + scope.path.lstrip("/")  # as Flask looks it up
        try:
            if scope.method == "POST" and path.startswith(CALLBACKS):
                await self._answer_callback(path, scope, proto)
            elif path in ALIVE:
                async with STRANGE.turn(path):
                    await self._answer_soon(environ_of(scope), proto, self._alive)
            else:
                await self._answer_call(path, environ_of(scope), proto)
        except HTTPException as error:
            named = (REQUEST_ID, request_id(scope.headers.get(REQUEST_ID)))
            _send(proto, refusal(error), CLOSE, named)
        except ProtocolClosed:
            pass  # whoever asked hung up, perhaps in the middle of a body; nothing was done

    async def _answer_callback(self, path: str, scope: Scope, proto: HTTPProtocol) -> None:
        """A callback; a forged one is refused here, so that no genuine one waits behind it."""
        named = callbacks.genuine(self._settings.secrets, path)
        if named is None:
            callbacks.wrong_signatures.add()
            raise NotFound("there is no such callback")
        with CALLING.take(path):
            size = _small_size(scope)
            if size is None or named[0] == PROBE:
                environ = environ_of(scope)
                await read_whole(environ, proto, CALLBACK)
            else:
                body = await read_small(size, proto, CALLBACK)
                if await self._take(*named, VIA[scope.query_string], body, proto):
                    return
                environ = environ_of(scope) | {"wsgi.input": io.BytesIO(body)}
            try:
                await self._answer_soon(environ, proto, self._callbacks)
            except ServiceUnavailable as late:
                report("callback.not_kept", why=str(late.description))
                raise

    async def _take(
        self, job_id: str, attempt: int, via: str, body: bytes, proto: HTTPProtocol
    ) -> bool:
        """Take a callback together with others and answer it; False: the application must."""
        arrival = Arrival(job_id=job_id, attempt=attempt, via=via, body=body)
        try:
            word = await self._gathered.answer(arrival, ANSWER_WITHIN)
        except TimeoutError:
            report("callback.not_kept", job=job_id, attempt=attempt, why=TOO_LATE)
            raise ServiceUnavailable(TOO_LATE) from None
        except StoreUnavailable as error:
            _send(proto, refusal(callbacks.not_kept(job_id, attempt, error)))
            return True
        except Exception:  # noqa: BLE001 - nobody foresaw it, and perhaps it is another one's
            return False
        if word not in callbacks.ANSWERS:
            return False
        proto.response_bytes(200, JSON_HEAD, callbacks.ANSWERS[word])
        return True

    async def _answer_call(self, path: str, environ: dict[str, Any], proto: HTTPProtocol) -> None:
        """Any other request. Of strangers no body is read, and they wait behind each other."""
        caller = caller_of(self._settings, Request(environ))
        sends = environ["REQUEST_METHOD"] in WITH_BODY
        if caller is None:
            if sends and path == SIGN_IN:
                async with SIGNING_IN.turn(environ["REMOTE_ADDR"]):
                    await read_whole(environ, proto, FORM)
            async with STRANGE.turn(""):
                stream = await self._answer(environ, proto, self._strangers)
        elif sends and (path == mcp.PATH or caller.may(("submit",))):
            async with SENDING.turn(caller.name):
                await read_whole(environ, proto, _sending(path))
                stream = await self._answer_in_turn(caller, path, environ, proto)
        else:
            if sends and not path.startswith(V1):
                await read_whole(environ, proto, FORM)  # signing out is open to all who are in
            stream = await self._answer_in_turn(caller, path, environ, proto)
        if stream is not None:
            await self._send_on(stream, proto)

    async def _answer_in_turn(
        self, caller: Caller, path: str, environ: dict[str, Any], proto: HTTPProtocol
    ) -> Stream | None:
        """Among those of its kind, which wait for each other alone."""
        limit, threads = self._kind_of(path, environ)
        async with limit.turn(caller.name):
            return await self._answer(environ, proto, threads)

    def _kind_of(self, path: str, environ: dict[str, Any]) -> tuple[Limit, ThreadPoolExecutor]:
        if _is_form_with_files(path, environ) or may_keep_files(path, environ["wsgi.input"]):
            return KEEPING, self._files
        if OUTPUT.fullmatch(path):
            return OPENING, self._opening
        # A large body takes long to parse and check, and those behind it would wait.
        if int(environ.get("CONTENT_LENGTH") or 0) > IN_MEMORY:
            return WAITING, self._large
        return WAITING, self._v1

    async def _answer_soon(
        self, environ: dict[str, Any], proto: HTTPProtocol, threads: ThreadPoolExecutor
    ) -> None:
        """With 503 in time, even if so many came while Redis hangs that no place is free.

        What is under way then may still be kept: RunningHub sends it again, and it counts once.
        """
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await self._answer(environ, proto, threads)
        except TimeoutError:
            raise ServiceUnavailable(TOO_LATE) from None

    async def _answer(
        self, environ: dict[str, Any], proto: HTTPProtocol, threads: ThreadPoolExecutor
    ) -> Stream | None:
        """Have the application answer, in a thread; what it streams is left to the caller."""
        context = contextvars.copy_context()  # Flask's, whichever thread works on it
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            threads, context.run, self._respond, environ, proto, context
        )

    async def _send_on(self, stream: Stream, proto: HTTPProtocol) -> None:
        """A stream's pieces as they come."""
        loop, run = asyncio.get_running_loop(), stream.context.run
        try:
            answer = proto.response_stream(stream.head.status, stream.head.headers)
            while piece := await loop.run_in_executor(self._streams, run, stream.next):
                await answer.send_bytes(piece)
        except ProtocolClosed:
            pass  # whoever listened is gone
        finally:
            await loop.run_in_executor(self._streams, run, stream.close)

    def _respond(
        self, environ: dict[str, Any], proto: HTTPProtocol, context: contextvars.Context
    ) -> Stream | None:
        head = Head()
        pieces = self._app(environ, head)
        if head.streams:
            return Stream(head=head, pieces=iter(pieces), close=pieces.close, context=context)
        try:
            proto.response_bytes(head.status, head.headers, b"".join(pieces))
        finally:
            pieces.close()
        return None


def _sending(path: str) -> Sending:
    """How much is read of what is sent there, and how long it is waited for."""
    if path.startswith(NEW):
        return FILE
    return BODIES.get(path, JSON)


def _is_form_with_files(path: str, environ: dict[str, Any]) -> bool:
    """Whether it is a job's form as browsers post it; scripts ask for its price without files."""
    return path.startswith(NEW) and environ.get("CONTENT_TYPE", "").startswith("multipart/")


def may_keep_files(path: str, body: IO[bytes]) -> bool:
    """Whether answering may wait for the place of files: for an upload, and for data URIs."""
    if path not in (JOBS, mcp.PATH):
        return path == ASSETS
    has_one = DATA_URI.search(body.read()) is not None
    body.seek(0)
    return has_one


def _small_size(scope: Scope) -> int | None:
    """The length of a callback's body that is taken without Flask; None: Flask takes it."""
    told = scope.headers.get("content-length") or ""
    if scope.query_string not in VIA or not (told.isdecimal() and len(told) <= len(str(SMALL))):
        return None
    if "transfer-encoding" in scope.headers or int(told) > SMALL:
        return None
    return int(told)


def _send(proto: HTTPProtocol, answer: Response, *more: tuple[str, str]) -> None:
    """An answer of this module's own, with more headers."""
    careful(answer)
    headers = [*answer.headers.items(), *more]
    proto.response_bytes(answer.status_code, headers, answer.get_data())
