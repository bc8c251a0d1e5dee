"""A place that hangs is left alone for a while, so that not everybody who needs a file waits there.

Jobs of others that need none are sent by the same threads.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from runhook.worker.domain import policy


class Hangs(Exception):
    """It did not answer somebody a moment ago, and nobody else waits for it."""


class Answering:
    """Whether a place answers, as far as this process has seen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: float | None = None  # by time.monotonic; None: it answers

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Ask it something; what fails only after a long time says that it hangs.

        Raises:
            Hangs: It did, and it is too early to try again, or somebody just tries.
        """
        self._begin()
        begun, answered = time.monotonic(), False
        try:
            yield
            answered = True
        except FileNotFoundError:
            answered = True  # that there is none is an answer
            raise
        finally:
            gone = time.monotonic() - begun
            self._end(hung=not answered and gone >= policy.STORAGE_HANGS)

    def _begin(self) -> None:
        with self._lock:
            if self._until is None:
                return
            now = time.monotonic()
            if now < self._until:
                raise Hangs("it did not answer, and is tried again in some seconds")
            self._until = now + policy.STORAGE_TRIED

    def _end(self, *, hung: bool) -> None:
        with self._lock:
            self._until = None
            if hung:
                self._until = time.monotonic() + policy.STORAGE_LEFT_ALONE
