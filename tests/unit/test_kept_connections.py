"""Free questions share connections, a paid request never does; and each has its answer."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from runhook.worker.net.http import FAILURES, Call, Http
from runhook.worker.net.interim import MOST

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
After = Callable[[int], bool]


@contextmanager
def _server(stays: After, answer: bytes = ANSWER) -> Iterator[tuple[str, list[int]]]:
    """A server that keeps its nth connection after an answer or not, and the number of each."""
    came: list[int] = []

    def serve(line: socket.socket, number: int) -> None:
        with line:
            while b"\r\n\r\n" in line.recv(65536):
                came.append(number)
                line.sendall(answer)
                if not stays(number):
                    return

    def run(listening: socket.socket) -> None:
        for number in range(100):
            try:
                line, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(line, number), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=run, args=(listening,), daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", came


def _ask(http: Http, call: Call | None = None) -> bytes:
    return http.request("GET", "/", headers={}, data=None, seconds=5, call=call).body


def test_free_questions_go_through_one_connection() -> None:
    with _server(lambda _: True) as (url, came):
        http = Http(url, keeps=True)
        assert [_ask(http) for _ in range(3)] == [b"ok"] * 3
        assert came == [0, 0, 0]


def test_a_connection_that_the_server_closes_costs_no_question() -> None:
    with _server(lambda _: False) as (url, came):
        http = Http(url, keeps=True)
        assert [_ask(http) for _ in range(5)] == [b"ok"] * 5
        assert sorted(came) == came


def test_who_asks_before_the_first_byte_has_a_connection_of_its_own_each_time() -> None:
    asked: list[int] = []

    def leaving() -> bool:
        asked.append(len(came))
        return True

    with _server(lambda _: True) as (url, came):
        http = Http(url, keeps=True)
        for _ in range(2):
            assert _ask(http) == b"ok"
            assert _ask(http, Call(leaving=leaving)) == b"ok"
    assert came == [0, 1, 0, 2]
    assert asked == [1, 3], "before the request was there"


def test_an_answer_that_is_not_read_to_its_end_is_not_the_next_ones() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + b"a" * 200
    with _server(lambda _: True, answer) as (url, came):
        http = Http(url, keeps=True)
        for _ in range(3):
            found = http.request("GET", "/", headers={}, data=None, seconds=5, most=100)
            assert found.body == b"a" * 100
        assert came == [0, 1, 2]


@pytest.mark.parametrize("questions", [1, 2])
def test_a_kept_connection_has_the_same_time_for_its_answer(questions: int) -> None:
    over = threading.Event()

    def stays(_: int) -> bool:
        return not (len(came) >= questions and over.wait(5))

    with _server(stays) as (url, came):
        http = Http(url, keeps=True)
        for _ in range(questions):
            assert _ask(http) == b"ok"
        with pytest.raises(OSError, match=r"within 0\.2 s|timed out|[Cc]onnection"):
            http.request("GET", "/", headers={}, data=None, seconds=0.2)
        over.set()


@pytest.mark.parametrize("call", [None, Call(leaving=lambda: True)], ids=["kept", "paid"])
def test_what_a_server_says_before_its_answer_is_not_its_answer(call: Call | None) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    with _server(lambda _: True, hints + b"HTTP/1.1 102 Processing\r\n\r\n" + ANSWER) as (url, _):
        http = Http(url, keeps=True)
        assert [_ask(http, call) for _ in range(2)] == [b"ok"] * 2


def test_who_never_stops_to_promise_an_answer_gives_none() -> None:
    promises = b"HTTP/1.1 103 Early Hints\r\n\r\n" * (MOST + 1)
    with _server(lambda _: False, promises) as (url, _), pytest.raises(FAILURES, match="interim"):
        _ask(Http(url))


def test_an_answer_that_comes_before_the_whole_request_was_sent_is_read() -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
    large = b"x" * 50_000_000
    with _server(lambda _: False, refusal) as (url, _):
        answer = Http(url).request("POST", "/", headers={}, data=large, seconds=5)
    assert (answer.status, answer.body) == (413, b"no")
