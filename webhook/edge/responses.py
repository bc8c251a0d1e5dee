"""The parts that a route of /v1 uses, and its answers as JSON."""

from typing import Any

import orjson
from flask import Response, current_app

from runhook.worker.wiring import Wiring


def wiring() -> Wiring:
    """The process's parts."""
    found: Wiring = current_app.extensions["runhook"]
    return found


def answer(body: Any, status: int = 200) -> Response:
    """One JSON answer."""
    return Response(orjson.dumps(body), status, content_type="application/json")
