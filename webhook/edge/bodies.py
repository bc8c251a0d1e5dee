"""The body of a call: declared beside its route as a model, read where the route asks for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from flask import current_app, request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from runhook.webhook.edge.receiving import body_within
from runhook.webhook.edge.responses import wiring
from runhook.worker.domain.bodies import Body, Model, json_object, read

Route = TypeVar("Route", bound=Callable[..., Any])
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
        InvalidRequest: With every fault.
    """
    return read(model, given(), now=wiring().clock.now())


def given() -> dict[str, Any]:
    """The same as its JSON object, for a flow that reads it by itself.

    Raises:
        UnsupportedMediaType: It does not say that it is JSON.
        RequestEntityTooLarge: It is larger than is read.
        InvalidRequest: It is no JSON object.
    """
    return _json(READS[current_app.view_functions[request.endpoint or ""]])


def no_body() -> None:
    """Refuse what a caller means for a call that takes nothing: a `dry_run` of a paid retry, say.

    Raises:
        InvalidRequest: The body is more than an empty object.
        UnsupportedMediaType: There is a body, and it does not say that it is JSON.
        RequestEntityTooLarge: It is no empty object, whatever it is.
    """
    read(Nothing, _json(NOTHING))


def _json(wanted: Reads) -> dict[str, Any]:
    """It must say that it is JSON: else a web page of another site could have a browser on this
    machine spend money.
    """
    if wanted.empty and not _says_body():
        return {}
    if request.mimetype != JSON:
        raise UnsupportedMediaType(f"send Content-Type: {JSON}")
    found = body_within(request, wanted.largest)
    if found is None:
        raise RequestEntityTooLarge(f"the body is at most {wanted.largest} bytes")
    return json_object(found)


def _says_body() -> bool:
    """Whether the request says that it has a body; a length that is no number says so too.

    Taken for none, a body that asks for a dry run would be carried out.
    """
    length = request.headers.get("Content-Length", "").strip().lstrip("0")
    return bool(length or request.headers.get("Transfer-Encoding"))
