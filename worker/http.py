"""HTTP to RunningHub: one fresh connection a request, no retries, no redirects, a total time-out.

Once the connection is open the caller is asked whether the request may leave; only then goes the
first byte. So whether bytes left is known, never guessed from the class of an exception.
"""

import io
import mimetypes
import re
import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

CONNECT = 10.0  # seconds
LARGEST_ANSWER = 8 * 1024 * 1024
FAILURES = (requests.RequestException, HTTPError, OSError)

Leaving = Callable[[], bool]


class MayNotLeave(Exception):
    """The caller said no once the connection was open. No byte left."""


@dataclass
class Call:
    """One request under way: what to do when its connection opens, and when its time is over."""

    leaving: Leaving | None = None
    left: bool = False
    over: bool = False
    sockets: list[socket.socket] = field(default_factory=list)

    def opened(self, sock: socket.socket | None) -> None:
        if sock is not None:
            self.sockets.append(sock)
            if self.over:
                self.stop()
        if self.leaving is not None and not self.leaving():
            raise MayNotLeave
        self.left = True

    def stop(self) -> None:
        """End it from another thread: a shut socket wakes whoever reads from it."""
        self.over = True
        for sock in self.sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


_calls = threading.local()


class _Connection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _calls.current.opened(self.sock)


class _SecureConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _calls.current.opened(self.sock)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        return manager


@contextmanager
def _under_way(call: Call, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, call.stop)
    timer.daemon = True
    _calls.current = call
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class Readable(Protocol):
    """Bytes that are read piece by piece."""

    def read(self, size: int = -1, /) -> bytes: ...


class Body(Readable, Protocol):
    """Bytes to be sent, and how many they are."""

    def __len__(self) -> int: ...


class Http:
    """Requests to one site."""

    def __init__(self, base_url: str) -> None:
        """Args:
        base_url: Where paths begin.
        """
        self._base = base_url
        self._proxies = get_environ_proxies(base_url)

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        data: bytes | Body | None,
        seconds: float,
        call: Call | None = None,
    ) -> tuple[int, bytes]:
        """One request and its whole answer: HTTP status and body.

        Args:
            path: Behind the base, query and all.
            seconds: For all of it.
            call: What to ask when the connection opens.

        Raises:
            MayNotLeave: The call's `leaving` said no. No byte left.
            FAILURES: No whole answer came.
        """
        call = call or Call()
        with _under_way(call, seconds), requests.Session() as session:
            session.trust_env = False  # a netrc entry would replace the key
            session.mount(self._base, _Adapter(max_retries=0))
            with session.request(
                method,
                self._base + path,
                data=data,
                headers={"Connection": "close", **headers},
                proxies=self._proxies,
                timeout=(CONNECT, seconds),
                allow_redirects=False,
                stream=True,
            ) as response:
                answer = response.raw.read(LARGEST_ANSWER, decode_content=True)
                if call.over:
                    raise requests.Timeout(f"no whole answer within {seconds:g} s")
                return response.status_code, answer


def why(error: Exception) -> str:
    """The cause in a few words, without the URL."""
    cause: BaseException = error
    while cause.__context__ is not None or cause.__cause__ is not None:
        cause = cause.__cause__ or cause.__context__ or cause
    return f"{type(cause).__name__}: {cause}"[:200]


def put(url: str, body: Body, seconds: float) -> int:
    """Put bytes to a URL that RunningHub signed; the HTTP status.

    Raises:
        FAILURES: No answer came.
    """
    parts = urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc}"
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(len(body))}
    status, _ = Http(base).request(
        "PUT", url.removeprefix(base), headers=headers, data=body, seconds=seconds
    )
    return status


class Form:
    """A multipart form with one file, streamed: memory stays flat however large the file is."""

    def __init__(self, fields: Mapping[str, str], name: str, file: Readable, size: int) -> None:
        """Args:
        fields: The form's other fields.
        name: The file's name as the receiver sees it.
        file: Its bytes.
        size: How many.
        """
        self.boundary = "runhook-" + secrets.token_hex(16)
        safe = re.sub(r"[^\w.-]", "_", name)
        parts = [
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
            for key, value in fields.items()
        ]
        kind = mimetypes.guess_type(safe)[0] or "application/octet-stream"
        parts.append(
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="file"; filename="{safe}"'
            f"\r\nContent-Type: {kind}\r\n\r\n"
        )
        tail = f"\r\n--{self.boundary}--\r\n".encode()
        head = "".join(parts).encode()
        self._pieces: list[Readable] = [io.BytesIO(head), file, io.BytesIO(tail)]
        self._size = len(head) + size + len(tail)

    @property
    def content_type(self) -> str:
        """For the header."""
        return f"multipart/form-data; boundary={self.boundary}"

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        while self._pieces:
            found = self._pieces[0].read(size)
            if found:
                return found
            self._pieces.pop(0)
        return b""
