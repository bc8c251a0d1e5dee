"""The query of a call: declared beside its route as a model, read before the route runs.

So are the headers that a route hears. What is wrong with either is told with what is wrong with the
body.
"""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypeVar

from flask import Request, Response, g

from runhook.webhook.edge.bodies import READS, no_body
from runhook.webhook.edge.current import noted, this_app, this_request
from runhook.webhook.edge.declared import HEARS
from runhook.webhook.edge.responses import wiring
from runhook.worker.domain.bodies import refused, shaped
from runhook.worker.domain.faults import Faults
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
V1 = "/v1/"  # begins the calls that take JSON or nothing


def takes(query: type[Query]) -> Callable[[Route], Route]:
    """Declare beside a route which parameters its query may have; without it none."""

    def declared(route: Route) -> Route:
        QUERIES[route] = query
        return route

    return declared


def read_query() -> None:
    """Before every request of /v1: nothing that was asked for is left out of the answer silently.

    Faults wait for those of a body that the route reads, to be told with them.

    Raises:
        InvalidRequest: The query has a parameter that this route does not take, a wrong one, or one
            twice; or a header is wrong. And there is no body to be read.
    """
    asked, notes, w = this_request(), noted(), wiring()
    route = this_app().view_functions[asked.endpoint or ""]
    faults = notes.faults = Faults(*_repeated(asked))
    with faults.also():
        notes.query, notes.labels = read_parameters(
            QUERIES.get(route, Query),
            asked.args.to_dict(),
            now=w.clock.now(),
            indexed=w.settings.indexed,
        )
    faults.found += _header_faults(asked, route)
    if faults.found and route not in READS:
        if asked.path.startswith(V1):
            no_body()  # refuses it with what a body says for all that
        raise InvalidRequest(faults.found)


def _repeated(asked: Request) -> Iterator[Fault]:
    for name, values in asked.args.lists():
        if len(values) > 1:
            yield Fault(path=name, message="is given more than once")


def _header_faults(asked: Request, route: Callable[..., Any]) -> Iterator[Fault]:
    for header in HEARS.get(route, ()):
        value = asked.headers.get(header.name)
        if value is not None and (fault := header.fault(value)):
            yield fault


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
