"""Calls of /v1 over HTTP: what is sent, what comes back, and the error that an answer means."""

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

import orjson

from runhook.config.roles import LOOPBACK_HOSTS
from runhook.worker.client import sse
from runhook.worker.client.errors import (
    RunhookError,
    SettingsError,
    Unavailable,
    error_of,
    stranger,
    unavailable,
)
from runhook.worker.client.retrying import insisting
from runhook.worker.client.transport import Document
from runhook.worker.net.faults import why
from runhook.worker.net.http import FAILURES, Body, Call, Http
from runhook.worker.net.outbound import seconds_of
from runhook.worker.net.streaming import Streamed
from runhook.worker.net.untrusted import one_line
from runhook.worker.telemetry import masked

LARGEST = 64 * 1024 * 1024  # bytes of an answer: a hundred jobs of half a MiB each
LARGEST_PROBLEM = 1024 * 1024  # bytes of one: a hundred faults of 4 KiB each
EXCERPT = 200  # characters of an answer that is none of ours, shown so that its sender is known
# From our URL of an output to where it lies: a storage, its region, and one to spare.
HOPS = 3
NO_CONTENT = 204
READING = "GET"  # the method of calls that change nothing
MOVED = (301, 302, 303, 307, 308)


class Web:
    """One `web`."""

    def __init__(
        self, url: str, token: str, repeats: float = math.inf, http: Http | None = None
    ) -> None:
        """Args:
        url: Where it is.
        token: What it lets in; empty: nothing is shown.
        repeats: Seconds after which a call is not made again.
        http: Another way there than the network.
        """
        self.url, self.repeats = url, repeats
        self.headers = {"User-Agent": f"runhook-python/{version('runhook')}"}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        # No proxy could reach this machine's own.
        proxies = urlsplit(url).hostname not in LOOPBACK_HOSTS
        self._http = http or Http(url, proxies=proxies, keeps=True)

    def ask(
        self,
        method: str,
        path: str,
        body: Document | None = None,
        *,
        key: str | None = None,
        seconds: float,
        may_repeat: bool = True,
    ) -> Document:
        """What is answered in the end.

        Args:
            method: As GET.
            path: Behind its URL, query and all.
            body: What is sent as JSON.
            key: The idempotency key.
            seconds: For all of it, with its repetitions.
            may_repeat: It does no harm if it is done twice.
        """
        headers, data = {}, None
        if key is not None:
            headers["Idempotency-Key"] = key
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = orjson.dumps(body)

        def once(left: float) -> Document:
            call = Call(may_repeat=may_repeat)
            return self.once(method, path, data, headers=headers, seconds=left, call=call)

        return insisting(once, seconds, repeats=self.repeats, may_repeat=may_repeat)

    def once(
        self,
        method: str,
        path: str,
        data: bytes | Body | None,
        *,
        headers: Mapping[str, str],
        seconds: float,
        call: Call,
    ) -> Document:
        """What is answered to one request."""
        with _heard(self.url, method, call):
            answer = self._http.request(
                method,
                path,
                headers=self.headers | dict(headers),
                data=data,
                seconds=seconds,
                call=call,
                most=LARGEST,
            )
            if not 200 <= answer.status < 300:
                raise refused(self.url, answer.status, answer.headers, answer.body)
        if answer.status == NO_CONTENT:
            return {}
        return _document(self.url, answer.body)

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        data: Body | None = None,
        *,
        headers: Mapping[str, str],
        silence: float,
        seconds: float,
    ) -> Iterator[Streamed]:
        """An answer that is read as it comes; its pieces raise Unavailable where it breaks off."""
        call = Call()
        opening = self._http.opened(
            path,
            method=method,
            headers=self.headers | {"Accept-Encoding": "identity", **headers},
            data=data,
            stall=silence,
            seconds=seconds,
            call=call,
        )
        with ExitStack() as stack:
            with _heard(self.url, method, call):
                answer = Streamed.of(stack.enter_context(opening), call)
                if not 200 <= answer.status < 300:
                    body = answer.whole(LARGEST_PROBLEM)
                    raise refused(self.url, answer.status, answer.headers, body)
            yield replace(answer, pieces=_pieces(self.url, method, answer, call))


@contextmanager
def fetched(web: Web, path: str, *, silence: float) -> Iterator[Streamed]:
    """A file, wherever its URL leads in the end; the token is shown to its first host alone.

    Raises:
        RunhookError: It is not there, or not to be had.
    """
    for _ in range(HOPS):
        try:
            with web.stream("GET", path, headers={}, silence=silence, seconds=math.inf) as answer:
                yield answer
                return
        except SettingsError as moved:
            if "location" not in moved.problem:
                raise
            web, path = Web(moved.problem["location"], ""), ""
    raise RunhookError({"title": "Too many redirects", "detail": f"{web.url} leads on and on"})


def refused(url: str, status: int, headers: Mapping[str, str], body: bytes) -> RunhookError:
    """The error that an answer means; one that is not runhook's own is shown in part."""
    if status in MOVED:
        return _moved(url, urljoin(url, headers.get("Location", "")))
    retry_after = seconds_of(headers.get("Retry-After"))
    problem = _problem(body)
    if problem is None:
        shown = one_line(body[:EXCERPT].decode("utf-8", "replace"))
        detail = masked(f"{url} answered HTTP {status}: {shown}").rstrip(": ")
        problem = {"title": "Not runhook", "detail": detail}
    return error_of({**problem, "status": status}, retry_after)


def events(url: str, answer: Streamed) -> Iterator[Document]:
    """What a stream of events says, one by one.

    Raises:
        SettingsError: It is no stream of runhook's.
    """
    if not answer.headers.get("Content-Type", "").startswith("text/event-stream"):
        raise stranger(url, "no stream of events came")
    try:
        for data in sse.messages(answer.pieces):
            yield _document(url, data)
    except ValueError as endless:
        raise stranger(url, str(endless)) from None


def _moved(url: str, location: str) -> SettingsError:
    """It is elsewhere. No call is sent there, for that could show the token to a stranger."""
    detail = f"RUNHOOK_URL: {url} redirects to {location}; set that, if it is yours"
    return SettingsError({"title": "Moved", "detail": detail, "location": location})


def _document(url: str, body: bytes) -> Document:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise stranger(url, "no JSON object came")
    told, items = _told(url, found), found.get("items", [])
    if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
        raise stranger(url, "its items are no objects")
    if items:
        told["items"] = [_told(url, one) for one in items]
    return told


class _Told(dict[str, Any]):
    """A document of runhook's; where it lacks what runhook always says, it is a stranger's."""

    url = ""  # set behind its making, for whoever copies it makes it as any dict

    def __missing__(self, name: str) -> NoReturn:
        raise stranger(self.url, f"its answer has no {name!r}")


def _told(url: str, found: Mapping[str, Any]) -> _Told:
    told = _Told(found)
    told.url = url
    return told


def _problem(body: bytes) -> Document | None:
    """A problem document; None: what came is none, whatever it calls itself."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("title"), str):
        return None
    faults = found.get("errors", [])
    if not isinstance(faults, list) or not all(map(_is_fault, faults)):
        return None
    return found


def _is_fault(given: object) -> bool:
    return isinstance(given, dict) and {"path", "message"} <= given.keys()


@contextmanager
def _heard(url: str, method: str, call: Call) -> Iterator[None]:
    """Turn what goes wrong on the way into Unavailable, which knows whether a byte left; of a call
    that only reads nothing can have been done.
    """
    try:
        yield
    except FAILURES as error:
        detail = masked(f"no answer from {url}: {why(error)}")
        raise unavailable(detail, maybe_done=call.left and method != READING) from error
    except Unavailable as away:
        away.maybe_done = away.maybe_done and method != READING
        raise


def _pieces(url: str, method: str, answer: Streamed, call: Call) -> Iterator[bytes]:
    with _heard(url, method, call):
        yield from answer.pieces
