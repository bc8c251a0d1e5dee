"""An answer read piece by piece as it comes, however long it goes on: streams, batches, files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from urllib3.exceptions import TimeoutError as TimeOver
from urllib3.response import BaseHTTPResponse

from runhook.worker.net.http import Call

PIECE = 64 * 1024  # bytes of a piece at most: a socket gives seldom more at once


@dataclass(frozen=True, kw_only=True)
class Streamed:
    """The head of an answer, and the pieces of its body as they come.

    Attributes:
        status: The HTTP status.
        headers: Looked up in any spelling.
        pieces: Each as soon as it is there; raises FAILURES where the rest does not come.
    """

    status: int
    headers: Mapping[str, str]
    pieces: Iterator[bytes]

    @classmethod
    def of(cls, response: BaseHTTPResponse, call: Call) -> Self:
        """What `Http.opened` gives, and the call that it belongs to."""
        pieces = _pieces(response, call)
        return cls(status=response.status, headers=response.headers, pieces=pieces)

    def whole(self, most: int) -> bytes:
        """The body, or the first so many bytes of it."""
        found = bytearray()
        for piece in self.pieces:
            found += piece
            if len(found) >= most:
                break
        return bytes(found[:most])


def _pieces(response: BaseHTTPResponse, call: Call) -> Iterator[bytes]:
    while piece := response.read1(PIECE):
        yield piece
    # A socket that was shut because the time is over reads as one that the server closed.
    if call.over:
        raise TimeOver("its time is over")
