"""The parts that a door of /v1 uses, the parameters it takes, and its answers as JSON."""

from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from flask import Response, current_app, request

from runhook.worker.domain.faults import unknown_members
from runhook.worker.errors import Fault, InvalidRequest
from runhook.worker.wiring import Wiring

MOST, USUAL = 100, 20  # items of a page; a hundred jobs are about 200 KiB

Door = TypeVar("Door", bound=Callable[..., Response])
TAKEN: dict[Callable[..., Any], tuple[str, ...]] = {}


def wiring() -> Wiring:
    """The process's parts."""
    found: Wiring = current_app.extensions["runhook"]
    return found


def answer(body: Any, status: int = 200) -> Response:
    """One JSON answer."""
    return Response(orjson.dumps(body), status, content_type="application/json")


def takes(*names: str) -> Callable[[Door], Door]:
    """Declare beside a door which parameters its query may have; without it none."""

    def declared(door: Door) -> Door:
        TAKEN[door] = names
        return door

    return declared


def known_parameters() -> None:
    """Before every request of /v1: nothing that was asked for is left out of the answer silently.

    Raises:
        InvalidRequest: The query has a parameter that this door does not take, or one twice.
    """
    door = current_app.view_functions[request.endpoint or ""]
    faults = unknown_members(request.args, TAKEN.get(door, ()))
    for name, values in request.args.lists():
        if len(values) > 1:
            faults.append(Fault(name, "is given more than once"))
    if faults:
        raise InvalidRequest(faults)


def cursor_of(given: str | None, is_one: Callable[[str], bool], faults: list[Fault]) -> str | None:
    """Where a page begins; any other word would answer with the first page for ever."""
    if given is not None and not is_one(given):
        faults.append(Fault("cursor", "must be the `next` of the page before"))
    return given


def page_size(given: str | None, faults: list[Fault]) -> int:
    """How many items a page has."""
    if given is None:
        return USUAL
    if not given.isdecimal() or len(given) > 9 or not 1 <= int(given) <= MOST:
        faults.append(Fault("limit", f"must be 1 to {MOST}"))
        return USUAL
    return int(given)
