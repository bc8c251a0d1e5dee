"""Calls of /v1 from inside the web process: this very application, asked as its caller would.

What asks so is let in by the same token, sees the same scopes, limits and errors, and can do
nothing that the caller could not do by itself.
"""

import io
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from contextvars import Context
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from runhook.webhook.edge.environ import Head
from runhook.worker.net.answer import Answer
from runhook.worker.net.http import Body, Http

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

# What a request says of its caller and of this server; the rest of it is of the call around it.
SAME = ("HTTP_", "REMOTE_", "SERVER_", "SCRIPT_NAME", "wsgi.")
ITS_OWN = {
    "HTTP_ACCEPT",
    "HTTP_IDEMPOTENCY_KEY",
    "HTTP_IF_MATCH",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_NONE_MATCH",
    "HTTP_IF_RANGE",
    "HTTP_IF_UNMODIFIED_SINCE",
    "HTTP_LAST_EVENT_ID",
    "HTTP_RANGE",
    "HTTP_TRANSFER_ENCODING",
}


@dataclass
class Piecewise:
    """An answer that is read as the application gives it."""

    status: int
    headers: Mapping[str, str]
    pieces: Iterator[bytes]

    def read1(self, _size: int) -> bytes:
        """The next piece; empty behind the last."""
        return next((piece for piece in self.pieces if piece), b"")


class Inside(Http):
    """Requests to the application that is answering one."""

    def __init__(self, app: Application, environ: Mapping[str, Any]) -> None:
        """Args:
        app: The application.
        environ: The request that it is answering, whose caller asks.
        """
        super().__init__("", proxies=False)
        self._app, self._caller = app, _caller(environ)

    def request(self, method: str, path: str, **asked: Any) -> Answer:
        """One call. It takes as long as it takes, for nothing of it is on a network."""
        with self._asked(method, path, asked["headers"], asked["data"]) as answer:
            return Answer(answer.status, b"".join(answer.pieces), answer.headers)

    @contextmanager
    def opened(  # type: ignore[override]  # as much of an answer as its readers need
        self, path: str, *, method: str = "GET", seconds: float, **asked: Any
    ) -> Iterator[Piecewise]:
        """An answer, to be read piece by piece until the time is over."""
        with self._asked(method, path, asked["headers"], asked.get("data")) as answer:
            answer.pieces = _until(time.monotonic() + seconds, answer.pieces)
            yield answer

    @contextmanager
    def _asked(
        self, method: str, path: str, headers: Mapping[str, str], data: bytes | Body | None
    ) -> Iterator[Piecewise]:
        head, environ = Head(), self._environ(method, path, headers, data)
        # In no request's context: Flask would have this one share the `g` of the request around it.
        found = Context().run(self._app, environ, head)
        with closing(found):  # type: ignore[type-var]  # Werkzeug's have a close
            yield Piecewise(head.status, dict(head.headers), iter(found))

    def _environ(
        self, method: str, path: str, headers: Mapping[str, str], data: bytes | Body | None
    ) -> dict[str, Any]:
        assert data is None or isinstance(data, bytes), "agents send no files"
        where, _, query = path.partition("?")
        body = data or b""
        environ = self._caller | {
            "REQUEST_METHOD": method,
            "PATH_INFO": unquote_to_bytes(where).decode("latin-1"),
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
        for name, value in headers.items():
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
        environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
        return environ


def _until(over: float, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces that come in time, and the one after: who streams gives some every few seconds."""
    for piece in pieces:
        yield piece
        if time.monotonic() >= over:
            return


def _caller(environ: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in environ.items()
        if name.startswith(SAME) and name not in ITS_OWN
    }
