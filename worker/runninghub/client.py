"""Calls to RunningHub over HTTP: the paid submit, and free questions.

The submit uses a fresh connection, no retries and no redirects. Once the connection is open the
caller is asked whether the request may leave; only then goes the first byte. So whether bytes
left is known, never guessed from the class of an exception. Every call has a total time-out.
"""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import orjson
import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from worker.errors import ProviderSilent
from worker.reports import Capacity, Doubtful, NeverLeft, Recorded, Report, SubmitAnswer
from worker.runninghub import wire
from worker.runninghub.shapes import Unreadable

CONNECT, SUBMIT, QUESTION = 10.0, 90.0, 15.0  # seconds; submit and question are totals
LARGEST_ANSWER = 8 * 1024 * 1024

Leaving = Callable[[], bool]
Answer = TypeVar("Answer")


class _MayNotLeave(Exception):
    """The caller said no once the connection was open. No byte left."""


@dataclass
class _Call:
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
            raise _MayNotLeave
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
def _under_way(call: _Call, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, call.stop)
    timer.daemon = True
    _calls.current = call
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class Client:
    """RunningHub's API for one key. Safe to share between threads."""

    def __init__(
        self, base_url: str, api_key: str, *, submit: float = SUBMIT, question: float = QUESTION
    ) -> None:
        """Args:
        base_url: One of RunningHub's sites, or a sandbox.
        api_key: The account's key.
        submit: Seconds in all for a paid submit.
        question: Seconds in all for a free question.
        """
        self._seconds = {"submit": submit, "question": question}
        self._base = base_url
        self._key = api_key
        self._proxies = get_environ_proxies(base_url)

    def submit(
        self,
        model: str,
        given: Mapping[str, Any],
        options: Mapping[str, Any],
        webhook_url: str | None,
        leaving: Leaving,
    ) -> SubmitAnswer | None:
        """Send one paid submit, at most once, and sort the answer by who pays.

        Args:
            model: An endpoint or `workflow/<id>`.
            given: The checked input.
            options: ComfyUI options.
            webhook_url: Where RunningHub reports the end.
            leaving: Called once the connection is open; False, and nothing is sent.

        Returns:
            The answer, or None when `leaving` said no.
        """
        path, body = wire.submit_request(model, given, options, webhook_url)
        call = _Call(leaving)
        try:
            status, answer = self._post(path, body, self._seconds["submit"], call)
        except _MayNotLeave:
            return None
        except (requests.RequestException, HTTPError, OSError) as error:
            if call.left:
                return Doubtful(f"no answer: {_why(error)}", outage=True)
            return NeverLeft(f"no connection: {_why(error)}")
        return wire.read_submit(status, answer)

    def report(self, ref: str, *, comfy: bool) -> Report:
        """What RunningHub says of a task now.

        Args:
            ref: The task's id.
            comfy: A ComfyUI task is asked about through its own pair of calls.

        Raises:
            ProviderSilent: No usable answer.
        """
        if not comfy:
            report = self._ask("/openapi/v2/query", {"taskId": ref}, wire.read_query)
            if report.ref not in ("", ref):
                raise ProviderSilent(f"asked about task {ref}, told about {report.ref}")
            return replace(report, ref=ref)
        asked = {"taskId": ref}
        report = self._ask(
            "/task/openapi/outputs",
            asked,
            lambda status, body: wire.read_outputs(status, body, ref),
        )
        if report.state != "succeeded" or report.outputs:
            return report
        # Code 0 without data is "not yet" for some and "done" for others: the status decides.
        state = self._ask("/task/openapi/status", asked, wire.read_status)
        return Report(ref, state, cost=report.cost)

    def recorded(self, ref: str) -> Recorded | None:
        """RunningHub's own record of the callback for a task; None when it has none.

        Raises:
            ProviderSilent: No usable answer.
        """
        return self._ask(
            "/task/openapi/getWebhookDetail", {"taskId": ref}, wire.read_webhook_detail
        )

    def resend(self, webhook_id: str, webhook_url: str) -> None:
        """Have RunningHub send a recorded callback again, to this URL.

        Raises:
            ProviderSilent: It was not taken, or no usable answer.
        """
        asked = {"webhookId": webhook_id, "webhookUrl": webhook_url}
        self._ask("/task/openapi/retryWebhook", asked, wire.read_done)

    def cancel(self, ref: str) -> None:
        """Ask RunningHub to stop a task.

        Raises:
            ProviderSilent: It refused, or no usable answer.
        """
        self._ask("/task/openapi/cancel", {"taskId": ref}, wire.read_done)

    def capacity(self) -> Capacity:
        """How many tasks the key may run, and runs. Free.

        Raises:
            ProviderSilent: No usable answer.
        """
        return self._ask("/openapi/v2/queue/status", None, wire.read_queue_status)

    def _ask(
        self, path: str, asked: dict[str, Any] | None, read: Callable[[int, bytes], Answer]
    ) -> Answer:
        try:
            status, body = self._post(path, asked, self._seconds["question"], _Call())
        except (requests.RequestException, HTTPError, OSError) as error:
            raise ProviderSilent(f"{path}: {_why(error)}") from error
        if wire.asks_to_slow_down(status, body):
            raise ProviderSilent(f"{path}: RunningHub asks to slow down", busy=True)
        try:
            return read(status, body)
        except Unreadable as error:
            raise ProviderSilent(f"{path}: {error}") from error

    def _post(
        self, path: str, body: dict[str, Any] | None, seconds: float, call: _Call
    ) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self._key}", "Connection": "close"}
        data = None
        if body is not None:
            legacy = not path.startswith("/openapi/v2/")
            data = orjson.dumps({"apiKey": self._key, **body} if legacy else body)
            headers["Content-Type"] = "application/json"
        with _under_way(call, seconds), requests.Session() as session:
            session.trust_env = False  # a netrc entry would replace the key
            session.mount(self._base, _Adapter(max_retries=0))
            method = "GET" if body is None else "POST"
            with session.request(
                method,
                self._base + path,
                data=data,
                headers=headers,
                proxies=self._proxies,
                timeout=(CONNECT, seconds),
                allow_redirects=False,
                stream=True,
            ) as response:
                answer = response.raw.read(LARGEST_ANSWER, decode_content=True)
                if call.over:
                    raise requests.Timeout(f"no whole answer within {seconds:g} s")
                return response.status_code, answer


def _why(error: Exception) -> str:
    """The cause in a few words, without the URL."""
    cause: BaseException = error
    while cause.__context__ is not None or cause.__cause__ is not None:
        cause = cause.__cause__ or cause.__context__ or cause
    return f"{type(cause).__name__}: {cause}"[:200]
