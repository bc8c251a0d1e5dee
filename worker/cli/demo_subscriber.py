"""The demo's subscriber: a small web server that verifies every event that it is posted."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

from runhook.worker.delivery import subscriptions
from runhook.worker.wiring import Wiring

EVENTS = ["job.succeeded", "job.failed"]  # one for each job: the demo counts them


@dataclass
class Received:
    """What the subscriber received.

    Attributes:
        events: Their ids, of those that it accepted.
        forged: How many requests bore no good signature.
        refused: Ids of events that it answered 503 once, so that they must come again.
    """

    events: set[str] = field(default_factory=set)
    forged: int = 0
    refused: set[str] = field(default_factory=set)


@contextmanager
def subscriber(w: Wiring) -> Iterator[Received]:
    """Serve one on this machine and subscribe it; the first time it must, it answers 503."""
    # Subscribing needs the URL and brings the secret; no event comes before.
    received, secret = Received(), ""

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(_answer(received, secret, body, dict(self.headers)))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing: standard error is the demo's."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    url = f"http://127.0.0.1:{server.server_port}/hook"
    wish = subscriptions.read_new(w, {"url": url, "events": EVENTS})
    _, secret = subscriptions.create(w, wish)
    # A daemon, so that a demo that is broken off does not wait for it.
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()


def _answer(received: Received, secret: str, body: bytes, headers: dict[str, str]) -> int:
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        received.forged += 1
        return 401
    event = json.loads(body)
    metadata = event["data"]["metadata"]
    # After the signature: only an event that is genuine may be refused once, and must come again.
    if metadata.get("handler_fails_first") and event["id"] not in received.refused:
        received.refused.add(event["id"])
        return 503
    received.events.add(event["id"])
    return 204
