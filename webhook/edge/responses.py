"""The parts that a route of /v1 uses, and its answers.

What a route is annotated to return is what it answers: mypy holds its views against that, and the
OpenAPI document is made of it. Nothing is checked when it answers.
"""

from typing import Generic, TypeVar

import orjson
from flask import Response

from runhook.webhook.edge.current import this_app
from runhook.worker.wiring import Wiring


def wiring() -> Wiring:
    """The process's parts."""
    found: Wiring = this_app().extensions["runhook"]
    return found


View = TypeVar("View")


class Answer(Response, Generic[View]):
    """A view as JSON."""


class Lines(Response, Generic[View]):
    """A view a line, each as it comes (application/x-ndjson)."""


class Events(Response, Generic[View]):
    """Server-sent events with a view each, as long as there are any."""


class File(Response):
    """Bytes of any kind, in part too; or where else they are, or that they are known."""


class Done(Response):
    """Nothing more to say."""

    def __init__(self) -> None:
        super().__init__(status=204)


def answer(body: View, status: int = 200) -> Answer[View]:
    """One JSON answer."""
    return Answer(orjson.dumps(body), status, content_type="application/json")
