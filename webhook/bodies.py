"""Reading a request's body up to a limit, whether it names its length or comes in chunks."""

from collections.abc import Iterator

from flask import Request


def body_within(incoming: Request, most: int) -> bytes | None:
    """The body; None when it is larger than `most` bytes, of which no more are read."""
    if (incoming.content_length or 0) > most:
        return None
    body = incoming.stream.read(most + 1)
    return body if len(body) <= most else None


def lines_within(incoming: Request, most: int) -> Iterator[bytes | None]:
    """The body's lines that hold something, read one by one; None for one over `most` bytes."""
    while line := incoming.stream.readline(most + 1):
        if len(line) > most and not line.endswith(b"\n"):
            yield None
            while line and not line.endswith(b"\n"):
                line = incoming.stream.readline(most + 1)
        elif line.strip():
            yield line
