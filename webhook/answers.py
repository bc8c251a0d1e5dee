"""The parts that a door of /v1 uses, and its answers as JSON."""

from typing import Any

import orjson
from flask import Response, current_app, request

from worker.wiring import Wiring


def wiring() -> Wiring:
    """The process's parts."""
    found: Wiring = current_app.extensions["runhook"]
    return found


def answer(body: Any, status: int = 200) -> Response:
    """One JSON answer."""
    return Response(orjson.dumps(body), status, content_type="application/json")


def is_json() -> bool:
    """Whether the request says that it is JSON.

    Without this a web page of another site could have a browser on this machine spend money.
    """
    return request.mimetype == "application/json"
