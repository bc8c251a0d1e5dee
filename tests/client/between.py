"""Whoever stands between a client and web: carries requests on, and loses what it is told to."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Between:
    """A proxy with a list of what becomes of the next answers; then each is carried back.

    `lost`: web has the request, and its answer never comes. `cut`: half of the answer comes.
    `never`: web does not even get the request. Any other: a status that is answered in web's place.
    """

    url: str = ""
    fates: list[str] = field(default_factory=list)
    seen: list[tuple[str, str | None]] = field(default_factory=list)

    def fate(self) -> str:
        """What becomes of the next answer."""
        if self.fates:
            return self.fates.pop(0)
        return "carried"


@contextmanager
def between(web: str) -> Iterator[Between]:
    """Stand before a web, on a port of its own."""
    found = Between()
    behind = urlsplit(web).netloc

    class Carrier(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._carry()

        def do_GET(self) -> None:
            self._carry()

        def _carry(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found.seen.append((self.path, self.headers.get("Idempotency-Key")))
            fate = found.fate()
            self.close_connection = True
            if fate == "never":
                return
            if fate.isdecimal():
                self.send_response(int(fate))
                self.send_header("Retry-After", "1")
                self.end_headers()
                return
            line = http.client.HTTPConnection(behind, timeout=20)
            kept = {k: v for k, v in self.headers.items() if k.lower() != "connection"}
            line.request(self.command, self.path, body, kept)
            answer = line.getresponse()
            if fate == "lost":
                answer.read()
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.end_headers()
            while piece := answer.read1(65536):
                if fate == "cut":
                    piece = piece[: len(piece) // 2]
                self.wfile.write(piece)
                self.wfile.flush()
                if fate == "cut":
                    return

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Carrier)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def answering(answer: bytes, *, hangs: bool = False) -> Iterator[str]:
    """A server that answers everybody the same, and then hangs or hangs up."""
    over = threading.Event()

    def serve(line: socket.socket) -> None:
        with line:
            line.recv(65536)
            line.sendall(answer)
            if hangs:
                over.wait(30)

    def run(listening: socket.socket) -> None:
        while True:
            try:
                line, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(line,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=run, args=(listening,), daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        over.set()
