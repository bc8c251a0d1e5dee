"""What a paid request waits for, once its departure is written down: RUNHOOK_DURABLE."""

from collections.abc import Sequence
from typing import Any, Literal

import redis

from runhook.worker.telemetry import report

Mode = Literal["auto", "fsync", "replica", "none"]
PATIENCE_MS = 5000  # an fsync a second is usual; one that takes five is a disk that fails
# How many local files and replicas must have it, and how long that is waited for. `auto` asks for
# no replica: most have none, and where there is one a fail-over is noticed (memory.py).
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
        if not wait or self._cannot:
            return ()
        return (wait,)

    def kept(self, answers: Sequence[Any]) -> bool:
        """Whether the write is as durable as it must be, by the server's answers to `commands`."""
        if not answers:
            return True
        answer = answers[0]
        if isinstance(answer, redis.ResponseError) and self.mode == "auto":
            self._cannot = True
            report("redis.not_durable", why=f"departures are not fsynced: {answer}")
            return True
        if isinstance(answer, list):  # WAITAOF: how many local files, how many replicas
            answer = answer[0]
        return isinstance(answer, int) and answer >= 1
