"""The clock of everything: Redis's own, so that machines need not agree with each other."""

import time
from datetime import UTC, datetime


class Clock:
    """Redis's time, carried forward between calls by this machine's monotonic clock."""

    argument = ""  # what scripts are given: empty lets them read Redis's TIME

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> datetime:
        """The moment, in UTC."""
        return datetime.fromtimestamp(time.monotonic() + self._offset, UTC)

    def heard(self, milliseconds: float) -> None:
        """Redis just said that it is this time."""
        self._offset = milliseconds / 1000 - time.monotonic()


class SetClock(Clock):
    """A clock that stands still until it is set. For tests."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    @property
    def argument(self) -> str:  # type: ignore[override]
        """The set time, in milliseconds."""
        return str(round(self._seconds * 1000))

    def now(self) -> datetime:
        """The set moment."""
        return datetime.fromtimestamp(self._seconds, UTC)

    def heard(self, milliseconds: float) -> None:
        """What Redis says does not move it."""

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._seconds += seconds
