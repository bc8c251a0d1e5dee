"""The body of a call: declared beside its route as a model, read where the route asks for it.

It is the last of a request that is read, so it is told with what is wrong with the query and the
headers. Those who read one otherwise do as much, by `request_faults`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from flask import g, request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from runhook.webhook.edge.current import this_app, this_request
from runhook.webhook.edge.receiving import body_within
from runhook.webhook.edge.responses import wiring
from runhook.worker.domain.bodies import Body, Model, json_object, read
from runhook.worker.domain.faults import Faults

Route = TypeVar("Route", bound=Callable[..., Any])
Found = TypeVar("Found")
LARGEST_NOTHING = 1024  # bytes: an empty object, and room to name what is not taken
JSON, FORM = "application/json", "multipart/form-data"


class Nothing(Body):
    """The body of a call that takes none."""

    member: ClassVar[str] = "a field of this call"


@dataclass(frozen=True, kw_only=True)
class Reads:
    """What a route reads.

    Attributes:
        model: What it may say.
        largest: Bytes.
        empty: No body at all is an empty object.
        media: Its Content-Type.
        example: One that is good as it stands.
    """

    model: type[Body]
    largest: int
    empty: bool = False
    media: str = JSON
    example: Any = None


READS: dict[Callable[..., Any], Reads] = {}
NOTHING = Reads(model=Nothing, largest=LARGEST_NOTHING, empty=True)


def reads(
    model: type[Body],
    *,
    largest: int,
    empty: bool = False,
    media: str = JSON,
    example: Any = None,
) -> Callable[[Route], Route]:
    """Declare beside a route what its body may say; the arguments are as `Reads` has them."""

    def declared(route: Route) -> Route:
        READS[route] = Reads(
            model=model, largest=largest, empty=empty, media=media, example=example
        )
        return route

    return declared


def body(model: type[Model]) -> Model:
    """What this request's body says, as the model that `reads` declares for its route.

    Raises:
        InvalidRequest: With every fault of the request.
    """
    return body_as(lambda given: read(model, given, now=wiring().clock.now()))


def body_as(judge: Callable[[dict[str, Any]], Found]) -> Found:
    """The same, as something else makes it of the JSON object and says what is wrong with that.

    Raises:
        UnsupportedMediaType: It does not say that it is JSON.
        RequestEntityTooLarge: It is larger than is read.
        InvalidRequest: It is no JSON object, or with every fault of the request.
    """
    with request_faults().together():
        route = this_app().view_functions[this_request().endpoint or ""]
        return judge(_json(READS[route]))


def request_faults() -> Faults:
    """What is wrong with the request as far as it was read."""
    found: Faults = g.faults
    return found


def no_body() -> None:
    """Refuse what a caller means for a call that takes nothing: a `dry_run` of a paid retry, say.

    Raises:
        InvalidRequest: The body is more than an empty object.
        UnsupportedMediaType: There is a body, and it does not say that it is JSON.
        RequestEntityTooLarge: It is no empty object, whatever it is.
    """
    with request_faults().together():
        read(Nothing, _json(NOTHING))


def _json(wanted: Reads) -> dict[str, Any]:
    """It must say that it is JSON: else a web page of another site could have a browser on this
    machine spend money.
    """
    if wanted.empty and not _says_body():
        return {}
    asked = this_request()
    if asked.mimetype != JSON:
        raise UnsupportedMediaType(f"send Content-Type: {JSON}")
    found = body_within(asked, wanted.largest)
    if found is None:
        raise RequestEntityTooLarge(f"the body is at most {wanted.largest} bytes")
    return json_object(found)


def _says_body() -> bool:
    """Whether the request says that it has a body; a length that is no number says so too.

    Taken for none, a body that asks for a dry run would be carried out.
    """
    length = request.headers.get("Content-Length", "").strip().lstrip("0")
    return bool(length or request.headers.get("Transfer-Encoding"))
