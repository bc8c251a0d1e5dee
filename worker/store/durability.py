"""What a paid request waits for, once its departure is written down: RUNHOOK_DURABLE."""

from collections.abc import Sequence
from typing import Any, Literal

import redis

from runhook.worker.telemetry import report

Mode = Literal["auto", "fsync", "replica", "none"]
PATIENCE_MS = 5000  # an fsync a second is usual; one that takes five is a disk that fails
WAITS: dict[Mode, tuple[str | int, ...]] = {
    "auto": ("WAITAOF", 1, 0, PATIENCE_MS),
    "fsync": ("WAITAOF", 1, 0, PATIENCE_MS),
    "replica": ("WAIT", 1, PATIENCE_MS),
    "none": (),
}


class Durability:
    """How durable a departure is before its first byte.

    `auto` waits for the append-only file where the server can say when it is on disk (Redis 7.2,
    Valkey), and says once where it cannot.
    """

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self._cannot = False

    @property
    def commands(self) -> tuple[tuple[str | int, ...], ...]:
        """What to ask the server behind the write, on the same connection."""
        wait = WAITS[self.mode]
        return (wait,) if wait and not self._cannot else ()

    def kept(self, answers: Sequence[Any]) -> bool:
        """Whether the write is as durable as it must be, by the server's answers to `commands`."""
        if not answers:
            return True
        answer = answers[0]
        if isinstance(answer, redis.ResponseError) and self.mode == "auto":
            self._cannot = True
            report("redis.not_durable", why=f"departures are not fsynced: {answer}")
            return True
        count = answer[0] if isinstance(answer, list) else answer
        return isinstance(count, int) and count >= 1
