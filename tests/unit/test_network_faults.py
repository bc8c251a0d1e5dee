"""What goes wrong on a network is told in plain words, of a bounded length, without Python's."""

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import redis

from runhook.worker.net.faults import LONGEST, unforeseen, why
from runhook.worker.net.http import FAILURES, Http

PYTHON = re.compile(r"[A-Z]\w+(Error|Exception|Timeout)\b|\bErrno\b|_Connection|object at 0x")


def _asked(url: str, seconds: float = 5.0) -> str:
    with pytest.raises(FAILURES) as raised:
        Http(url, proxies=False).request("GET", "/", headers={}, data=None, seconds=seconds)
    return why(raised.value)


@contextmanager
def _answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Something on loopback that does this with whoever comes."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            while True:
                try:
                    came, _ = server.accept()
                except OSError:
                    return
                with closing(came):
                    answer(came)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def _reset(came: socket.socket) -> None:
    came.recv(1000)
    came.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def _closed(came: socket.socket) -> None:
    came.recv(1000)


def _broken_off(came: socket.socket) -> None:
    came.recv(1000)
    came.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


def _stranger(came: socket.socket) -> None:
    came.recv(1000)
    came.sendall(b"+PONG\r\n")


def _silent(came: socket.socket) -> None:
    while came.recv(1000):
        pass


def test_where_nobody_listens_the_place_is_named() -> None:
    assert _asked("http://127.0.0.1:9") == "nobody listens at 127.0.0.1:9 (connection refused)"


def test_a_name_that_nobody_knows_is_named() -> None:
    assert "nothing.invalid" in _asked("http://nothing.invalid")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (_reset, "the connection was reset"),
        (_closed, "the connection was closed without an answer"),
        (_broken_off, "the answer broke off"),
        (_stranger, "what answered speaks no HTTP"),
    ],
)
def test_an_answer_that_does_not_come_whole_is_told_apart(
    answer: Callable[[socket.socket], None], told: str
) -> None:
    with _answering(answer) as place:
        assert _asked(f"http://{place}") == told


def test_who_speaks_no_tls_is_told_so() -> None:
    with _answering(_broken_off) as place:
        assert _asked(f"https://{place}") == "what answered speaks no TLS"


def test_an_answer_that_does_not_come_in_time_is_told_without_python() -> None:
    with _answering(_silent) as place:
        said = _asked(f"http://{place}", 0.3)
    # By whichever clock is first: the call's own, or its socket's.
    assert said in ("no whole answer within 0.3 s", "no answer came in time")


def test_a_certificate_that_is_not_trusted_says_why() -> None:
    wrong = ssl.SSLCertVerificationError(1, "certificate verify failed")
    wrong.verify_message = "self-signed certificate"
    assert why(wrong, "shop.example:443") == (
        "the TLS certificate at shop.example:443 is not trusted: self-signed certificate"
    )


def test_a_server_of_redis_that_is_away_is_named() -> None:
    with pytest.raises(redis.ConnectionError) as raised:
        redis.Redis(port=9).ping()
    assert why(raised.value) == "nobody listens at 127.0.0.1:9 (connection refused)" or (
        why(raised.value) == "nobody listens at localhost:9 (connection refused)"
    )
    with pytest.raises(redis.ConnectionError) as raised:
        redis.Redis(unix_socket_path="/nowhere/redis.sock").ping()
    assert "/nowhere/redis.sock" in why(raised.value)
    assert PYTHON.search(why(raised.value)) is None


def test_what_nobody_foresaw_is_bounded_and_may_say_nothing() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert unforeseen(ValueError("x" * 9999), 50).startswith("an unforeseen error: xxx")
    assert len(unforeseen(ValueError("x" * 9999), 50)) < 100
    assert unforeseen(Mute(), 50) == "an unforeseen error: its text cannot be read"
    assert unforeseen(KeyError(), 50) == "an unforeseen error: no reason was given"
    assert len(why(OSError("x" * 9999))) < LONGEST + 50
    assert why(OSError("api\ud800")) == "api\ufffd"


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Is a directory") as raised:
        tmp_path.open()
    assert why(raised.value) == f"{tmp_path}: is a directory"
