"""One thread that ends whatever takes longer than it may."""

import itertools
import math
import os
import threading
import time
from collections.abc import Callable

from runhook.worker.telemetry import report


class Watch:
    """Ends calls whose time is over. A timer for each would be a thread for each.

    Safe to share between threads; a process that is forked watches for itself.
    """

    def __init__(self) -> None:
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._changed = threading.Condition()
        self._ends: dict[int, tuple[float, Callable[[], None]]] = {}
        self._names = itertools.count()
        self._thread: threading.Thread | None = None
        self._looks = math.inf  # when it looks next, on the monotonic clock

    def start(self, until: float, end: Callable[[], None]) -> int:
        """Have `end` called at that moment of the monotonic clock, unless `stop` comes before."""
        with self._changed:
            name = next(self._names)
            self._ends[name] = (until, end)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
                self._thread.start()
            # Mostly it looks sooner, for one that has ended since: no need to wake it.
            if until < self._looks:
                self._changed.notify()
        return name

    def stop(self, name: int) -> None:
        """What was started ended by itself."""
        with self._changed:
            self._ends.pop(name, None)

    def _run(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                over = [(name, end) for name, (until, end) in self._ends.items() if until <= now]
                for name, end in over:
                    del self._ends[name]
                    _end(end)
                self._looks = min((until for until, _ in self._ends.values()), default=math.inf)
                # Longer than a day cannot be waited for at once.
                self._changed.wait(min(self._looks - time.monotonic(), 86400))


def _end(end: Callable[[], None]) -> None:
    """End one call; whatever that raises, the thread goes on for the others."""
    try:
        end()
    except Exception:  # noqa: BLE001 - said, and the call has a time-out of its socket besides
        report("task.failed", lane="watch", exc_info=True)
