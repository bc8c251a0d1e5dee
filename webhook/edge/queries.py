"""The query of a call: declared beside its route as a model, read before the route runs."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from flask import Response, current_app, g, request

from runhook.webhook.edge.responses import wiring
from runhook.worker.domain.bodies import refused, shaped
from runhook.worker.domain.metadata import Label
from runhook.worker.domain.pages import USUAL as USUAL
from runhook.worker.domain.pages import LabelledQuery as LabelledQuery
from runhook.worker.domain.pages import PageSize as PageSize
from runhook.worker.domain.pages import Query as Query
from runhook.worker.domain.pages import begins_at as begins_at
from runhook.worker.domain.pages import read_parameters
from runhook.worker.errors import Fault, InvalidRequest

Route = TypeVar("Route", bound=Callable[..., Response])
Parameters = TypeVar("Parameters", bound=Query)
FLAGS = {"true": True, "false": False}  # what a flag says, and means
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
    try:
        g.query, g.labels = read_parameters(
            QUERIES.get(route, Query),
            request.args.to_dict(),
            now=wiring().clock.now(),
            indexed=wiring().settings.indexed,
        )
    except InvalidRequest as invalid:
        faults += invalid.faults
    if faults:
        raise InvalidRequest(faults)


def query(_: type[Parameters]) -> Parameters:
    """What this request's query says, as the model that `takes` declares for its route."""
    found: Parameters = g.query
    return found


def labels() -> tuple[Label, ...]:
    """The metadata that this request's query names."""
    found: tuple[Label, ...] = g.labels
    return found


def _flag(text: object) -> object:
    # Any other word than these two would buy what was only to be checked.
    if text in FLAGS:
        return FLAGS[str(text)]
    raise refused(f"must be one of {', '.join(FLAGS)}", tuple(FLAGS))


Flag = Annotated[bool, shaped(_flag, {"type": "boolean"})]
