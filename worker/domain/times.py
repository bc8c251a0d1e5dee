"""Moments as users write them. Pure."""

import re
from datetime import UTC, datetime, timedelta

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Nine digits of days are more than Python's calendar has, and no number that takes long to read.
AGO = re.compile(r"(\d{1,9})([smhd])")
# Before it Redis's ids of events, which are milliseconds since then, would be negative.
FIRST_YEAR = 1970


def moment_of(text: object, now: datetime) -> datetime:
    """The moment that a user means, in UTC: `2026-11-22T10:00:00Z`, or `2h` ago. No zone is UTC.

    Raises:
        ValueError: It is none.
    """
    if not isinstance(text, str):
        raise ValueError(text)
    try:
        moment = _moment(text, now)
    except OverflowError:  # what other zones call year 9999 may be beyond the calendar in UTC
        raise ValueError(text) from None
    if moment.year < FIRST_YEAR:
        raise ValueError(text)
    return moment


def _moment(text: str, now: datetime) -> datetime:
    if ago := AGO.fullmatch(text):
        return now - timedelta(seconds=int(ago[1]) * SECONDS[ago[2]])
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)
