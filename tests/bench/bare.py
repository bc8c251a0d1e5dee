"""What a callback costs at least: an empty Flask view, and a WSGI callable that does nothing.

`python -m tests.bench.bare flask|wsgi PORT`, under granian as runhook's web has it.
"""

import gc
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings

from runhook.webhook.serve import HEADERS_WITHIN, SWITCH_AFTER, connections

THREADS = 4  # as many as runhook's web has for callbacks
RECEIVED = b'{"received":true}'
flask_app = Flask(__name__)


@flask_app.post("/callbacks/<job>/<int:attempt>/<signature>")
def callback(job: str, attempt: int, signature: str) -> dict[str, bool]:
    """Answer, and do nothing."""
    return {"received": True}


@flask_app.get("/readyz")
def ready() -> dict[str, bool]:
    """Whether it serves."""
    return {"ready": True}


def wsgi_app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer, and do nothing."""
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(RECEIVED)))]
    start_response("200 OK", headers)
    return (RECEIVED,)


def load(name: str) -> Any:
    """One of the two, in the process that serves it."""
    sys.setswitchinterval(SWITCH_AFTER)
    gc.freeze()
    return {"flask": flask_app, "wsgi": wsgi_app}[name]


def main(name: str, port: int) -> None:
    """Serve it."""
    Granian(
        name,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=THREADS,
        websockets=False,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADERS_WITHIN),
        backpressure=connections(),
        log_access=False,
        log_level="error",  # type: ignore[arg-type]  # as in runhook's web
    ).serve(target_loader=partial(load, name), wrap_loader=False)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
