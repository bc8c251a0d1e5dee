"""One thread that ends whatever takes longer than it may."""

import math
import os
import threading
import time
from collections.abc import Callable


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
        self._thread: threading.Thread | None = None
        self._looks = math.inf  # when it looks next, on the monotonic clock

    def start(self, until: float, end: Callable[[], None]) -> int:
        """Have `end` called at that moment of the monotonic clock, unless `stop` comes before."""
        with self._changed:
            name = id(end)
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
                    end()
                self._looks = min((until for until, _ in self._ends.values()), default=math.inf)
                # Longer than a day cannot be waited for at once.
                self._changed.wait(min(self._looks - time.monotonic(), 86400))
