"""The parts that a door of /v1 uses, and its answers as JSON."""

from typing import Any

import orjson
from flask import Response, current_app

from worker.errors import Fault
from worker.wiring import Wiring

MOST, USUAL = 100, 20


def wiring() -> Wiring:
    """The process's parts."""
    found: Wiring = current_app.extensions["runhook"]
    return found


def answer(body: Any, status: int = 200) -> Response:
    """One JSON answer."""
    return Response(orjson.dumps(body), status, content_type="application/json")


def page_size(given: str | None, faults: list[Fault]) -> int:
    """How many items a page has."""
    if given is None:
        return USUAL
    if not given.isdecimal() or len(given) > 9 or not 1 <= int(given) <= MOST:
        faults.append(Fault("limit", f"must be 1 to {MOST}"))
        return USUAL
    return int(given)
