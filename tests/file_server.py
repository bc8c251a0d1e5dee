"""A store of files as RunningHub's: it gives out one file, with whatever may go wrong."""

from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.serving import Ending, serving


@dataclass(kw_only=True)
class Giving:
    """How one request is answered.

    Attributes:
        status: The HTTP status; 206 where a part is asked for and `ranges`.
        headers: More of them, or others.
        after: Bytes of the body after which the connection is closed.
        length: Say how many bytes there are.
        ranges: A part may be asked for.
        drip: Seconds between two bytes.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    after: int | None = None
    length: bool = True
    ranges: bool = True
    drip: float = 0.0


class FileServer(Ending):
    """Answers as it is told, the last way for ever."""

    def __init__(self, data: bytes) -> None:
        super().__init__(_Handler)
        self.data, self.tag = data, '"one"'
        self.ways: list[Giving] = [Giving()]
        self.asked: list[str | None] = []  # the Range of each request

    @property
    def base(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def url(self) -> str:
        """Where its file is."""
        return f"{self.base}/file.png"

    def gives(self, *ways: Giving) -> None:
        """How it answers from now on."""
        self.ways = list(ways)

    def next_way(self) -> Giving:
        """The one whose turn it is."""
        return self.ways.pop(0) if len(self.ways) > 1 else self.ways[0]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        way, data = self.server.next_way(), self.server.data
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        start, status = 0, way.status
        same = self.headers.get("If-Range") == self.server.tag
        if wanted and way.ranges and same and status == 200:
            start, status = int(wanted.removeprefix("bytes=").removesuffix("-")), 206
        self.send_response(status)
        head = {"ETag": self.server.tag}
        if status == 206:
            head["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        if way.length:
            head["Content-Length"] = str(len(data) - start)
        for name, value in {**head, **way.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        self._give(data[start : None if way.after is None else start + way.after], way.drip)

    def _give(self, data: bytes, drip: float) -> None:
        with suppress(OSError):
            if not drip:
                self.wfile.write(data)
                return
            for byte in data:
                self.wfile.write(bytes([byte]))
                if self.server.over.wait(drip):
                    return

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def a_file_server(data: bytes) -> AbstractContextManager[FileServer]:
    """One on a port of its own."""
    return serving(FileServer(data))
