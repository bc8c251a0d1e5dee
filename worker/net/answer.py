"""What comes back of a request, or why nothing does. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What came back. Headers are looked up in any spelling."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def why(error: Exception) -> str:
    """The cause in a few words, without the URL."""
    cause: BaseException = error
    while cause.__context__ is not None or cause.__cause__ is not None:
        cause = cause.__cause__ or cause.__context__ or cause
    return f"{type(cause).__name__}: {cause}"[:200]
