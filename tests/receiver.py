"""A subscriber's server: it keeps what it gets and answers as it is told."""

import json
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from standardwebhooks import Webhook

from tests.serving import Ending, serving


@dataclass(frozen=True)
class Request:
    """One that came."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def event(self) -> dict[str, Any]:
        """The CloudEvent."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    def verify(self, secret: str) -> None:
        """Raises unless the secret signed it."""
        Webhook(secret).verify(self.body, self.headers)


@dataclass
class Reply:
    """What is answered."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"thanks"
    wait: float = 0.0
    drip: float = 0.0  # seconds between two bytes of the body


class Receiver(Ending):
    """Answers the replies in turn, the last of them for ever."""

    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.requests: list[Request] = []
        self.replies: list[Reply] = [Reply()]

    @property
    def url(self) -> str:
        """Where events are posted to."""
        return f"http://127.0.0.1:{self.server_port}/hook"

    def answers(self, *replies: Reply | int) -> None:
        """What it answers from now on."""
        self.replies = [Reply(one) if isinstance(one, int) else one for one in replies]

    def next_reply(self) -> Reply:
        """The reply whose turn it is."""
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def types(self) -> list[str]:
        """The events that came."""
        return [request.event["type"] for request in self.requests]

    def answered(self, request: Request, status: int) -> None:
        """A whole answer was sent."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.next_reply()
        request = Request(self.path, headers, body, time.monotonic())
        self.server.requests.append(request)
        self.server.over.wait(reply.wait)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if not reply.drip:
            self.wfile.write(reply.body)
            self.server.answered(request, reply.status)
            return
        for byte in reply.body:
            self.wfile.write(bytes([byte]))
            if self.server.over.wait(reply.drip):
                return

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def a_receiver(receiver: Receiver | None = None) -> AbstractContextManager[Receiver]:
    """One on a port of its own."""
    return serving(receiver or Receiver())
