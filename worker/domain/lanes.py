"""Wake-ups: the lanes of duties, and the message that wakes one. Pure."""

from dataclasses import dataclass

LANES = ("line", "send", "intake", "reconcile", "fanout", "handlers", "subscribers")


@dataclass(frozen=True)
class Message:
    """A wake-up as it lies in the broker's queue, with @DUTY@ and @TAG@ to be filled in."""

    queue: str
    text: str
