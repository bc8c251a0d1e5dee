"""How many jobs may be in flight, as far as that is set by hand."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The most that may be in flight.

    Attributes:
        whole: All together; None: what RunningHub said, which is in Redis.
        each: Those of one tenant; None: any number.
    """

    whole: int | None = None
    each: int | None = None

    @property
    def order(self) -> dict[str, int | str]:
        """As scripts take them."""
        return {"limit": self.whole or "", "each": self.each or ""}
