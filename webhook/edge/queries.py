"""The query of a call: declared beside its route as a model, read before the route runs."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from flask import Response, current_app, g, request
from pydantic import BeforeValidator

from runhook.webhook.edge.responses import wiring
from runhook.worker.domain.bodies import Body, fits, one_of, read, refused
from runhook.worker.domain.metadata import PREFIX, Label, labels_wanted
from runhook.worker.errors import Fault, InvalidRequest

# Items of a page; a hundred jobs are about 200 KiB.
MOST, USUAL = 100, 20
LONGEST_NUMBER = 3  # digits; a longer one is over MOST, and turning it into a number takes long


class Query(Body):
    """The parameters that a call takes; itself: none."""

    member = "a parameter of this call"


class LabelledQuery(Query):
    """Those of a call that takes `metadata.KEY` besides, for each indexed key: see `labels`."""


Route = TypeVar("Route", bound=Callable[..., Response])
Parameters = TypeVar("Parameters", bound=Query)
QUERIES: dict[Callable[..., Any], type[Query]] = {}


def takes(query: type[Query]) -> Callable[[Route], Route]:
    """Declare beside a route which parameters its query may have; without it none."""

    def declared(route: Route) -> Route:
        QUERIES[route] = query
        return route

    return declared


def read_query() -> None:
    """Before every request of /v1: nothing that was asked for is left out of the answer silently.

    Raises:
        InvalidRequest: The query has a parameter that this route does not take, a wrong one, or one
            twice.
    """
    route = current_app.view_functions[request.endpoint or ""]
    faults = [
        Fault(path=name, message="is given more than once")
        for name, values in request.args.lists()
        if len(values) > 1
    ]
    wanted, given = QUERIES.get(route, Query), request.args.to_dict()
    indexed = wiring().settings.indexed
    if issubclass(wanted, LabelledQuery):
        named = {name: given.pop(name) for name in [*given] if name.startswith(PREFIX)}
        g.labels = _or_faults(faults, lambda: labels_wanted(named, indexed))
    g.query = _or_faults(
        faults, lambda: read(wanted, given, now=wiring().clock.now(), indexed=indexed)
    )
    if faults:
        raise InvalidRequest(faults)


def _or_faults(faults: list[Fault], reads: Callable[[], Any]) -> Any:
    """What was read; else what is wrong with it is added to the faults."""
    try:
        return reads()
    except InvalidRequest as invalid:
        faults += invalid.faults
        return None


def query(_: type[Parameters]) -> Parameters:
    """What this request's query says, as the model that `takes` declares for its route."""
    found: Parameters = g.query
    return found


def labels() -> tuple[Label, ...]:
    """The metadata that this request's query names."""
    found: tuple[Label, ...] = g.labels
    return found


def _page_size(text: object) -> object:
    """How many items a page has."""
    size = str(text)
    if size.isdecimal() and len(size) <= LONGEST_NUMBER and 1 <= int(size) <= MOST:
        return int(size)
    raise refused(f"must be a number from 1 to {MOST}")


def _flag(text: object) -> object:
    return text == "true"


PageSize = Annotated[int, BeforeValidator(_page_size)]
# Any other word than these two would buy what was only to be checked.
Flag = Annotated[bool, BeforeValidator(_flag), one_of(("true", "false"))]


def begins_at(is_one: Callable[[str], bool]) -> BeforeValidator:
    """Where a page begins; any other word would answer with the first page for ever."""
    return fits(is_one, "must be the `next` of the page before")
