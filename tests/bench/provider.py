"""A provider that costs next to nothing: it takes submits and calls back, as the sandbox does.

The sandbox draws pictures and has a thread for each task, 11 ms of CPU a job; on the two cores that
it shares with what is measured that would be most of what there is. This one takes 0.3 ms. It says
the same words, and knows no faults and no limit. It prints a line for each callback and each
question.

`python -m tests.bench.provider PORT SECONDS [SPREAD]`; tasks take so many seconds, or in turn once
to SPREAD times as many.
"""

import asyncio
import itertools
import json
import secrets
import sys
import time
from collections import deque
from typing import Any
from urllib.parse import urlsplit

FIRST_ID = 2_000_000_000_000_000_000  # ids have 19 digits
SUBMITS, QUERIES = b"POST /openapi/v2/", b"POST /openapi/v2/query "
USAGE = {"consumeMoney": None, "consumeCoins": None, "taskCostTime": "0"}
# As long as RunningHub's are: a callback has some 700 bytes.
OUTPUT = (
    "https://rh-images.example.com/7f3c1d90a2b84e55c6d1/output/2026/11/28/%s/result_00001_%s_"
    "p120_q95_rgb_8bit_2048x1152_seed_884213907716.png?expires=1795974400"
)
numbers = itertools.count(FIRST_ID + secrets.randbelow(10**17))
idle: dict[tuple[str, int], deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = {}
ends: dict[str, float] = {}
calling: set[asyncio.Task[None]] = set()


class Asked(asyncio.Protocol):
    """One connection on which submits come."""

    def __init__(self, seconds: float, spread: int) -> None:
        self._seconds, self._spread = seconds, spread
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it to answer on."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._unread += data
        while b"\r\n\r\n" in self._unread:
            head, _, rest = self._unread.partition(b"\r\n\r\n")
            length = _length(head)
            if len(rest) < length:
                return
            self._unread = rest[length:]
            self._transport.write(self._answer(head, rest[:length]))

    def _answer(self, head: bytes, body: bytes) -> bytes:
        if not head.startswith(SUBMITS):
            return _http(b"200 OK" if head.startswith(b"GET /ready ") else b"404 Not Found", b"{}")
        asked = json.loads(body)
        said = self._told(asked) if head.startswith(QUERIES) else self._taken(asked)
        return _http(b"200 OK", json.dumps(said).encode())

    def _taken(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A task, which ends some time later."""
        number = next(numbers)
        seconds = self._seconds * (1 + number % self._spread)
        task, url = str(number), asked.get("webhookUrl")
        ends[task] = time.time() + seconds
        if url:
            asyncio.get_running_loop().call_later(seconds, _begin, task, url)
        return _said(task, "RUNNING", None)

    def _told(self, asked: dict[str, Any]) -> dict[str, Any]:
        """How a task stands, and in what is printed when it ended."""
        task = asked["taskId"]
        print(f"{ends[task]:.6f} {task}", flush=True)
        if time.time() < ends[task]:
            return _said(task, "RUNNING", None)
        found: dict[str, Any] = event(task)["eventData"]
        return found


def event(task: str) -> dict[str, Any]:
    """What a callback says of a task that has ended."""
    result = {
        "url": OUTPUT % (task, task),
        "nodeId": "2",
        "outputType": "png",
        "text": None,
    }
    usage = USAGE | {"thirdPartyConsumeMoney": "0.42"}
    said = _said(task, "SUCCESS", [result]) | {"failedReason": {}, "usage": usage}
    return {"event": "TASK_END", "taskId": task, "eventData": said}


def _said(task: str, status: str, results: list[dict[str, Any]] | None) -> dict[str, Any]:
    return {
        "taskId": task,
        "status": status,
        "errorCode": "",
        "errorMessage": "",
        "results": results,
        "clientId": "",
        "promptTips": "",
    }


def _begin(task: str, url: str) -> None:
    """Begin a callback; the loop itself would let go of it half-way."""
    begun = asyncio.get_running_loop().create_task(_call_back(task, url))
    calling.add(begun)
    begun.add_done_callback(calling.discard)


async def _call_back(task: str, url: str) -> None:
    """Post an end on a kept connection; once more on a new one when that was closed meanwhile."""
    parts = urlsplit(url)
    place = (parts.hostname or "", parts.port or 80)
    body = json.dumps(event(task)).encode()
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    kept = idle.setdefault(place, deque())
    print(f"{time.time():.6f} {url}", flush=True)  # when it is called back, for those who measure
    while True:
        fresh = not kept
        reader, writer = await asyncio.open_connection(*place) if fresh else kept.pop()
        try:
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_length(answer))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            if fresh:
                raise
            continue
        if not answer.startswith(b"HTTP/1.1 200"):
            sys.stderr.write(f"callback refused: {answer[:60]!r}\n")
        kept.append((reader, writer))
        return


def _length(head: bytes) -> int:
    found = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return int(found or 0)


def _http(status: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(body)) + body


async def main(port: int, seconds: float, spread: int = 1) -> None:
    """Serve."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Asked(seconds, spread), "127.0.0.1", port, backlog=1024
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), *map(int, sys.argv[3:])))
