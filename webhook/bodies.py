"""Reading a request's body up to a limit, whether it names its length or comes in chunks."""

from flask import Request


def body_within(incoming: Request, most: int) -> bytes | None:
    """The body; None when it is larger than `most` bytes, of which no more are read."""
    if (incoming.content_length or 0) > most:
        return None
    body = incoming.stream.read(most + 1)
    return body if len(body) <= most else None
