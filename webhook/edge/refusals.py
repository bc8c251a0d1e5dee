"""Counting who is refused: a number and a log line once in a while, however many come."""

import math
import threading
import time

from runhook.worker.telemetry import report

WINDOW = 60.0  # seconds that are counted together, and between two log lines


class Refusals:
    """Those of one kind. It keeps three numbers and no names, so nobody fills the memory."""

    def __init__(self, event: str, why: str, *, limit: float = math.inf) -> None:
        """Args:
        event: What the log calls it.
        why: In words.
        limit: How many in a window are borne; who comes after is told to wait.
        """
        self._event, self._why, self._limit = event, why, limit
        self._lock = threading.Lock()
        self._until = -math.inf
        self._here = 0
        self.count = 0

    def add(self, **about: str | None) -> int:
        """One more, and what the log says about it; `why` in place of the usual words.

        Returns:
            Seconds to wait where too many came; else 0.
        """
        now, wait = time.monotonic(), 0
        with self._lock:
            self.count += 1
            first = now >= self._until
            if first:
                self._until, self._here = now + WINDOW, 0
            self._here += 1
            if self._here > self._limit:
                wait = math.ceil(self._until - now)
        if first:
            report(self._event, **{"why": self._why, "since_start": self.count, **about})
        return wait
