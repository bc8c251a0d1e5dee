"""What comes back of a request. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What came back. Headers are looked up in any spelling."""

    status: int
    body: bytes
    headers: Mapping[str, str]
