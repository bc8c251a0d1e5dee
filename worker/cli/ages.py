"""Times as people read them: how long something took, and how long ago it was."""

from datetime import UTC, datetime

from runhook.worker.domain.lengths import lasted


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
