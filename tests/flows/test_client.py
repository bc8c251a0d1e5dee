"""The client's promises about bytes: what left, and how long it waits in all."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from worker.errors import ProviderSilent
from worker.reports import Doubtful, NeverLeft
from worker.runninghub.client import Client
from worker.runninghub.wire import Submit

Serve = Callable[[socket.socket], None]


@contextmanager
def _server(serve: Serve) -> Iterator[tuple[str, list[bytes]]]:
    """A server that does one thing to each connection, and what each sent first."""
    received: list[bytes] = []
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def run() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(2)
                    try:
                        received.append(connection.recv(65536))
                        serve(connection)
                    except OSError:
                        continue

        threading.Thread(target=run, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", received


def _drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.1)


def _drip_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-A: b\r\n")
        time.sleep(0.1)


def _cut(connection: socket.socket) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"taskId": "1"')


def _redirect(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 301 X\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")


def _submit(url: str, leaving: Callable[[], bool] = lambda: True) -> object:
    client = Client(url, "the-key", submit=1, question=1)
    return client.submit(Submit("vidu/x", {"prompt": "a"}), leaving)


@pytest.mark.parametrize("serve", [_drip, _drip_headers, _cut], ids=lambda s: s.__name__)
def test_a_drip_or_a_cut_answer_to_a_paid_submit_is_doubtful(serve: Serve) -> None:
    with _server(serve) as (url, _):
        start = time.monotonic()
        assert isinstance(_submit(url), Doubtful)
        assert time.monotonic() - start < 4, "the total of one second, and not a drip more"


@pytest.mark.parametrize("serve", [_drip, _drip_headers, _cut, _redirect], ids=lambda s: s.__name__)
def test_a_free_question_ends_in_its_time_too(serve: Serve) -> None:
    with _server(serve) as (url, _), pytest.raises(ProviderSilent):
        Client(url, "k", question=1).capacity()


def test_not_one_byte_leaves_when_the_caller_says_no() -> None:
    with _server(lambda connection: None) as (url, received):
        assert _submit(url, lambda: False) is None
        time.sleep(0.1)
        assert received in ([], [b""])


def test_no_connection_is_no_payment() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        assert isinstance(_submit(url), NeverLeft)


def test_a_failed_handshake_is_no_payment() -> None:
    asked = []

    def leaving() -> bool:
        asked.append(1)
        return True

    with _server(lambda connection: connection.sendall(b"no tls here")) as (url, _):
        answer = _submit(url.replace("http", "https"), leaving)
    assert isinstance(answer, NeverLeft)
    assert not asked, "the question whether it may leave comes after the handshake"


def test_a_redirect_is_not_followed_and_sent_once() -> None:
    with _server(_redirect) as (url, received):
        _submit(url)
        assert len(received) == 1
        assert b"Bearer the-key" in received[0]


def _says(body: bytes) -> Serve:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    return lambda connection: connection.sendall(head + body)


def test_an_answer_about_another_task_is_no_answer() -> None:
    other = _says(b'{"taskId": "2", "status": "SUCCESS", "results": []}')
    with _server(other) as (url, _), pytest.raises(ProviderSilent, match="told about 2"):
        Client(url, "k").report("1", legacy=False)


def test_an_answer_that_names_no_task_is_about_the_one_asked() -> None:
    with _server(_says(b'{"status": "RUNNING"}')) as (url, _):
        assert Client(url, "k").report("1", legacy=False).ref == "1"
