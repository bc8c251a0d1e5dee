"""Reading a request's body up to a limit, whether it names its length or comes in chunks."""

from collections.abc import Iterator
from typing import Any

from flask import Request, request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from worker.document import json_object


def body_within(incoming: Request, most: int) -> bytes | None:
    """The body; None when it is larger than `most` bytes, of which no more are read."""
    if (incoming.content_length or 0) > most:
        return None
    body = incoming.stream.read(most + 1)
    return body if len(body) <= most else None


def json_body(most: int, *, empty: bool = False) -> dict[str, Any]:
    """The request's JSON object.

    It must say that it is JSON: else a web page of another site could have a browser on this
    machine spend money.

    Args:
        most: Bytes.
        empty: No body at all is an empty object.

    Raises:
        UnsupportedMediaType: It does not say so.
        RequestEntityTooLarge: It is larger.
        InvalidRequest: It is no JSON object.
    """
    if empty and not request.content_length and not request.headers.get("Transfer-Encoding"):
        return {}
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("send Content-Type: application/json")
    body = body_within(request, most)
    if body is None:
        raise RequestEntityTooLarge(f"the body is at most {most} bytes")
    return json_object(body)


def lines_within(incoming: Request, most: int) -> Iterator[bytes | None]:
    """The body's lines that hold something, read one by one; None for one over `most` bytes."""
    while line := incoming.stream.readline(most + 1):
        if len(line) > most and not line.endswith(b"\n"):
            yield None
            while line and not line.endswith(b"\n"):
                line = incoming.stream.readline(most + 1)
        elif line.strip():
            yield line
