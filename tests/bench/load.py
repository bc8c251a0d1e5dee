"""A load of requests made beforehand, over kept connections, as fast as they are answered."""

import select
import socket
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

CONNECTIONS = 32
GIVE_UP = 30.0  # seconds without any answer


@dataclass(frozen=True, kw_only=True)
class Answered:
    """How they were answered.

    Attributes:
        seconds: From the first byte to the last answer.
        waits: Seconds from each request to its answer, in the order of answers.
        refused: How many were not answered with 200.
    """

    seconds: float
    waits: list[float]
    refused: int


def post(port: int, path: str, body: bytes) -> bytes:
    """A request as it goes over the wire."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def send(port: int, requests: Iterable[bytes], connections: int = CONNECTIONS) -> Answered:
    """Send all of them; each connection has one under way.

    Raises:
        RuntimeError: The server answers no more.
    """
    waiting, waits, refused = deque(requests), [], 0
    ready, lines, sent = select.epoll(), {}, {}
    start = time.perf_counter()
    for _ in range(min(connections, len(waiting))):
        line = socket.create_connection(("127.0.0.1", port), GIVE_UP)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines[line.fileno()], sent[line.fileno()] = line, time.perf_counter()
        ready.register(line, select.EPOLLIN)
        line.sendall(waiting.popleft())
    open_lines = len(lines)
    while open_lines:
        found = ready.poll(GIVE_UP)
        if not found:
            raise RuntimeError(f"no answer, {len(waiting)} requests to go")
        for number, _ in found:
            answer = _answer(lines[number])
            waits.append(time.perf_counter() - sent[number])
            refused += not answer.startswith(b"HTTP/1.1 200")
            if waiting:
                sent[number] = time.perf_counter()
                lines[number].sendall(waiting.popleft())
            else:
                open_lines -= 1
                ready.unregister(number)
                lines[number].close()
    return Answered(seconds=time.perf_counter() - start, waits=waits, refused=refused)


def _answer(line: socket.socket) -> bytes:
    """One answer, whole."""
    answer = line.recv(4096)
    while True:
        head, found, body = answer.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if found and len(body) >= int(length or 0):
            return answer
        more = line.recv(4096)
        if not more:
            raise RuntimeError(f"the server hung up behind {answer[:80]!r}")
        answer += more
