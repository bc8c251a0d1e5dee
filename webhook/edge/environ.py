"""Between granian's RSGI and Flask's WSGI: what was asked, and the head of what is answered."""

import io
import sys
from typing import Any

from granian.rsgi import Scope

BARE = (204, 304)  # statuses whose answers have no body, and say nothing of its length
WHOLE = 1024 * 1024  # bytes of an answer that is in memory at once; a larger one goes in pieces


def environ_of(scope: Scope) -> dict[str, Any]:
    """A request as WSGI has it, its body still empty."""
    host, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string.encode().decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if scope.authority:
        environ["HTTP_HOST"] = scope.authority
    for name, value in scope.headers.items():
        if "_" in name:
            continue  # in WSGI it would be the same as one with a hyphen, Content-Length for one
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ


class Head:
    """The `start_response` of one answer: its status and headers."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[str, str]] = []

    def __call__(self, status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
        """What the application says before its first piece."""
        self.status = int(status.partition(" ")[0])
        self.headers = headers

    @property
    def streams(self) -> bool:
        """Whether the answer comes piece by piece: it does not know its length, or is a file."""
        if self.status in BARE:
            return False
        sizes = [int(size) for name, size in self.headers if name.lower() == "content-length"]
        return not sizes or sizes[0] > WHOLE
