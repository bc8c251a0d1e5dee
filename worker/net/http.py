"""HTTP outwards: one fresh connection a request, no retries, no redirects, a total time-out.

There is one client, and it has no session: a session sends what it does not know by an adapter of
its own, reads the whole body of a redirect, and takes cookies and a netrc along. Once the
connection is open the caller is asked whether the request may leave; only then goes the first
byte. So whether bytes left is known, never guessed from the class of an exception.

A fresh connection is urllib3's, without the pools that requests would make for it, at half of
the cost. Free questions may share kept ones, of an adapter of requests', and are asked once more
where such a one breaks.
"""

import errno
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPException, HTTPResponse
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from requests import adapters
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidHeader
from requests.utils import default_headers, get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from runhook.worker.net.answer import Answer
from runhook.worker.net.call import Call, MayNotLeave
from runhook.worker.net.form import Body, Form, Readable
from runhook.worker.net.interim import FinalResponse
from runhook.worker.net.trust import trusting
from runhook.worker.net.watch import Watch

__all__ = ["FAILURES", "Answer", "Body", "Call", "Form", "Http", "MayNotLeave", "Readable"]

CONNECT = 10.0  # seconds
PORTS = {"http": 80, "https": 443}  # of URLs that name none
# How a system says that whoever is written to has closed; the last one is what macOS may say.
CLOSED = (errno.EPIPE, errno.ECONNRESET, errno.EPROTOTYPE)
# Seconds that a kept connection rests before nobody trusts it: servers close theirs after more.
RESTS = 4.0
KEPT = 64  # connections that rest at once: more than a process has threads that ask
LARGEST_ANSWER = 8 * 1024 * 1024  # bytes: ten thousand results fit, and a thread holds it whole
USUAL_HEADERS = dict(default_headers())
# Everything that goes wrong on the way, whoever raises it: requests, urllib3, http.client or the
# socket.
FAILURES = (requests.RequestException, HTTPError, HTTPException, OSError)

_calls = threading.local()


def _dial(connection: HTTPConnection, dial: Callable[[], socket.socket]) -> socket.socket:
    """Dial the addresses that the call allows, one after the other until one answers."""
    call: Call = _calls.current
    name = connection._dns_host
    failure: Exception = OSError(f"{name} has no address")
    try:
        for address in call.resolve(name, connection.port) if call.resolve else [name]:
            connection._dns_host = address
            connection.timeout = min(CONNECT, max(0.001, call.until - time.monotonic()))
            try:
                sock = dial()
            except (HTTPError, OSError) as error:
                failure = error
            else:
                call.dialled(sock)
                return sock
        raise failure
    finally:
        connection._dns_host = name  # TLS and the Host header speak of the name


class _Told:
    """A connection that tells the call under way of itself; before urllib3's own class."""

    response_class: type[HTTPResponse] = FinalResponse
    _rests = 0.0  # since when, on the monotonic clock
    _resumed = False

    def _new_conn(self) -> socket.socket:
        return _dial(cast(HTTPConnection, self), super()._new_conn)  # type: ignore[misc]

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self._resumed = False
        _calls.current.opened()

    def request(self, *args: Any, **options: Any) -> None:
        sock: socket.socket | None = self.sock  # type: ignore[attr-defined]
        if sock is not None and self._resumed:
            _calls.current.resumed(sock)
        super().request(*args, **options)  # type: ignore[misc]

    def getresponse(self) -> Any:
        self._rests, self._resumed = time.monotonic(), True
        return super().getresponse()  # type: ignore[misc]

    @property
    def is_connected(self) -> bool:
        rested = time.monotonic() - self._rests
        return rested < RESTS and super().is_connected  # type: ignore[misc]


class _Connection(_Told, HTTPConnection):
    pass


class _SecureConnection(_Told, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_watch = Watch()


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def cert_verify(self, conn: Any, url: str, *_: Any) -> None:
        if url.lower().startswith("https"):
            conn.cert_reqs = ssl.CERT_REQUIRED
            conn.conn_kw["ssl_context"] = trusting(adapters.DEFAULT_CA_BUNDLE_PATH)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        return manager


@contextmanager
def _under_way(call: Call, seconds: float) -> Iterator[None]:
    call.until = time.monotonic() + seconds
    _calls.current = call
    watched = _watch.start(call.until, call.stop)
    try:
        yield
    except FAILURES:
        if call.over:  # it was we who shut the socket, whatever whoever read from it made of that
            raise requests.Timeout(f"no whole answer within {seconds:g} s") from None
        raise
    finally:
        _watch.stop(watched)
        call.hang_up()


def _connection(url: str) -> _Connection | _SecureConnection:
    """A connection that nobody else has, not dialled yet."""
    parts = urlsplit(url)
    # With its port, else the last part of an IPv6 address would be taken for one.
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    if parts.scheme == "http":
        return _Connection(host, port)
    context = trusting(adapters.DEFAULT_CA_BUNDLE_PATH)
    return _SecureConnection(host, port, ssl_context=context, cert_reqs=ssl.CERT_REQUIRED)


class Http:
    """Requests to one site."""

    def __init__(self, base_url: str, *, proxies: bool = True, keeps: bool = False) -> None:
        """Args:
        base_url: Where paths begin.
        proxies: Go through the proxy that the environment names, if any.
        keeps: Keep connections for requests that may be sent twice, as all without a call.
        """
        self._base = base_url
        self._keeps = keeps
        self._kept: tuple[int, _Adapter] | None = None  # with the process whose connections it has
        self._proxies = get_environ_proxies(base_url) if proxies else {}

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        data: bytes | Body | None,
        seconds: float,
        call: Call | None = None,
        most: int = LARGEST_ANSWER,
    ) -> Answer:
        """One request.

        Args:
            path: Behind the base, query and all.
            seconds: For all of it.
            call: What to ask when the connection opens.
            most: Bytes of the answer to read.

        Raises:
            MayNotLeave: The call's `leaving` said no. No byte left.
            FAILURES: No whole answer came.
        """
        prepared = _prepared(method, self._base + path, {**USUAL_HEADERS, **headers}, data)
        if "@" in urlsplit(prepared.url or "").netloc:  # they would take the place of the key
            raise requests.exceptions.InvalidURL("holds credentials")
        waits = call or Call(may_repeat=True)
        may_ask_twice = waits.may_repeat and (data is None or isinstance(data, bytes))
        with _under_way(waits, seconds):
            if self._keeps and may_ask_twice:
                try:
                    with self._by(self._kept_adapter(), prepared, seconds) as response:
                        return _answer(response, most, waits, seconds)
                except FAILURES:
                    # Its server may have closed it just when the request was on its way.
                    if not waits.kept or time.monotonic() >= waits.until:
                        raise
            with self._freshly(prepared, seconds) as response:
                return _answer(response, most, waits, seconds)

    @contextmanager
    def opened(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str],
        data: bytes | Body | None = None,
        stall: float,
        seconds: float,
        call: Call,
    ) -> Iterator[BaseHTTPResponse]:
        """An answer, to be read with `stall` seconds for each piece; raises FAILURES if none."""
        prepared = _prepared(method, self._base + path, {**USUAL_HEADERS, **headers}, data)
        with _under_way(call, seconds), self._freshly(prepared, stall) as response:
            yield response

    def _kept_adapter(self) -> _Adapter:
        here = os.getpid()
        if self._kept is None or self._kept[0] != here:
            self._kept = here, _Adapter(pool_connections=1, pool_maxsize=KEPT, max_retries=0)
        return self._kept[1]

    @contextmanager
    def _by(
        self, adapter: _Adapter, prepared: requests.PreparedRequest, seconds: float
    ) -> Iterator[BaseHTTPResponse]:
        response: requests.Response = adapter.send(
            prepared, stream=True, timeout=(CONNECT, seconds), proxies=self._proxies
        )
        with response:
            yield response.raw

    @contextmanager
    def _freshly(
        self, prepared: requests.PreparedRequest, seconds: float
    ) -> Iterator[BaseHTTPResponse]:
        prepared.headers["Connection"] = "close"
        if not self._proxies:
            with _directly(prepared, seconds) as response:
                yield response
            return
        with (
            closing(_Adapter(max_retries=0)) as once,
            self._by(once, prepared, seconds) as response,
        ):
            yield response


@contextmanager
def _directly(prepared: requests.PreparedRequest, seconds: float) -> Iterator[BaseHTTPResponse]:
    """As requests' adapter sends it, without the pools that it makes for it."""
    with closing(_connection(prepared.url or "")) as connection:
        connection.connect()
        try:
            connection.request(
                prepared.method or "",
                "/" + prepared.path_url.lstrip("/"),
                body=prepared.body,
                headers=prepared.headers,
                chunked=prepared.body is not None and "Content-Length" not in prepared.headers,
                preload_content=False,
                decode_content=False,
            )
        except OSError as error:
            # Who refuses a large body may answer and close before it has read all of it.
            if error.errno not in CLOSED:
                raise
        connection.timeout = seconds
        with closing(connection.getresponse()) as response:
            yield response


def _prepared(
    method: str, url: str, headers: Mapping[str, str], data: bytes | Body | None
) -> requests.PreparedRequest:
    """A request as it will be sent: as requests makes it of one without cookies and hooks.

    Raises:
        FAILURES: Its URL or a header cannot be; the text holds no header.
    """
    prepared = requests.PreparedRequest()
    try:
        prepared.prepare_method(method)
        prepared.prepare_url(url, None)
        prepared.prepare_headers(headers)
        prepared.prepare_body(data, None)
        prepared.prepare_auth(None, url)
        parts = urlsplit(prepared.url or "")
    except InvalidHeader:
        raise requests.RequestException("a header holds what no header can hold") from None
    except requests.RequestException:
        raise
    except ValueError as error:
        raise requests.exceptions.InvalidURL(f"is no URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise requests.exceptions.InvalidURL("is no http or https URL")
    return prepared


def dialled(url: str) -> tuple[str, str, int]:
    """Scheme, host and port that a request to a URL dials, whatever their spelling.

    Raises:
        FAILURES: None can be dialled.
    """
    parts = urlsplit(_prepared("GET", url, {}, None).url or "")
    port = parts.port or PORTS[parts.scheme]
    return parts.scheme, (parts.hostname or "").rstrip("."), port


def _answer(response: BaseHTTPResponse, most: int, call: Call, seconds: float) -> Answer:
    body = response.read(most, decode_content=True)
    if call.over:
        raise requests.Timeout(f"no whole answer within {seconds:g} s")
    return Answer(response.status, body, response.headers)
