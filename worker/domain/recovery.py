"""What was missing of a period, counted by who did not hear it. Pure."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(kw_only=True)
class Missing:
    """What one handler or subscriber did not hear.

    Attributes:
        opened: Deliveries that had never been made.
        redelivered: Dead ones that are told again.
        skipped: Those whose subscription is disabled, or that are being told at this moment.
        younger: Events that happened before it came, left out.
    """

    opened: int = 0
    redelivered: int = 0
    skipped: int = 0
    younger: int = 0


@dataclass(kw_only=True)
class Recovered:
    """What was missing.

    Attributes:
        since: Start of the period.
        until: Its end.
        asked: Jobs that RunningHub is asked about, their callbacks missing.
        handlers: What each did not hear, by name.
    """

    since: datetime
    until: datetime
    asked: int = 0
    handlers: dict[str, Missing] = field(default_factory=dict)

    def of(self, handler: str) -> Missing:
        """What one did not hear; counted on in place."""
        return self.handlers.setdefault(handler, Missing())

    @property
    def all(self) -> Missing:
        """What all of them did not hear."""
        total = Missing()
        for one in self.handlers.values():
            total.opened += one.opened
            total.redelivered += one.redelivered
            total.skipped += one.skipped
            total.younger += one.younger
        return total
