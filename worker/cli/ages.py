"""Times as people read them: how long something took, and how long ago it was."""

from datetime import UTC, datetime

# From how many of a unit on the next larger one says enough, in seconds.
IN_SECONDS, IN_MINUTES, IN_HOURS = 100, 2 * 60 * 60, 48 * 60 * 60


def lasted(seconds: float) -> str:
    """A length of time in one unit: two figures say enough."""
    whole = max(0, int(seconds))
    if whole < IN_SECONDS:
        return f"{whole} s"
    if whole < IN_MINUTES:
        return f"{whole // 60} min"
    if whole < IN_HOURS:
        return f"{whole // 3600} h"
    return f"{whole // 86400} d"


def age(created_at: datetime) -> str:
    """How long ago something was made."""
    return lasted((datetime.now(UTC) - created_at).total_seconds())


def took(created_at: datetime, ended_at: datetime | None) -> str:
    """How long something took from first to last; nothing while it goes on."""
    if ended_at is None:
        return ""
    return lasted((ended_at - created_at).total_seconds())


def minute(at: datetime | None) -> str:
    """A moment to the minute, in UTC."""
    if at is None:
        return ""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"
