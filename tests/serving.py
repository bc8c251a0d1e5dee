"""A small server of a test's own, up while a block runs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar


class Ending(ThreadingHTTPServer):
    """A server whose handlers may wait: `over` is set when nobody needs an answer any more."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.over = threading.Event()


Server = TypeVar("Server", bound=Ending)


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """It answers until the block ends."""
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
