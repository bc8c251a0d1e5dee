"""A key of Redis as a backup has it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class KeyCopy:
    """One key.

    Attributes:
        name: Behind the root of all keys, which no backup can therefore leave.
        ends_at: When it expires, in ms since 1970; 0: never.
        value: As DUMP gives it.
    """

    name: bytes
    ends_at: int
    value: bytes
