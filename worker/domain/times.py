"""Moments as users write them. Pure."""

import re
from datetime import UTC, datetime, timedelta

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Nine digits of days are more than Python's calendar has, and no number that takes long to read.
AGO = re.compile(r"(\d{1,9})([smhd])")
# Before it Redis's ids of events, which are milliseconds since then, would be negative.
FIRST_YEAR = 1970


def moment_of(text: object, now: datetime) -> datetime:
    """The moment that a user means: `2026-11-22T10:00:00Z`, or `2h` ago. Without a zone: UTC.

    Raises:
        ValueError: It is none.
    """
    if not isinstance(text, str):
        raise ValueError(text)
    if ago := AGO.fullmatch(text):
        try:
            return now - timedelta(seconds=int(ago[1]) * SECONDS[ago[2]])
        except OverflowError:
            raise ValueError(text) from None
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    if found.year < FIRST_YEAR:
        raise ValueError(text)
    return found
