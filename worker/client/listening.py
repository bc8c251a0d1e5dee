"""Hearing of jobs in this process: one thread reads the log for all that wait here."""

import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from runhook.worker.domain import policy
from runhook.worker.errors import StoreUnavailable
from runhook.worker.store.events import Events
from runhook.worker.telemetry import report

# Seconds that one question waits at most: shorter than a connection's own time-out.
BREATH = 1.0


class Listener:
    """Tells whoever waits for a job that something happened to it; it reads no job itself."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._lock = threading.Lock()
        self._ears: defaultdict[str, set[threading.Event]] = defaultdict(set)
        self._hears = False  # a thread reads the log

    @contextmanager
    def hearing(self, job_id: str) -> Iterator[threading.Event]:
        """What is set from now on whenever something may have happened to a job.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        ear = threading.Event()
        with self._lock:
            self._begin()
            self._ears[job_id].add(ear)
        try:
            yield ear
        finally:
            with self._lock:
                self._ears[job_id].discard(ear)
                if not self._ears[job_id]:
                    del self._ears[job_id]

    def _begin(self) -> None:
        """Read on from the newest event; what came before, a first look at the job shows."""
        if self._hears:
            return
        cursor = self._events.newest()
        self._hears = True
        threading.Thread(target=self._listen, args=(cursor,), name="runhook", daemon=True).start()

    def _listen(self, cursor: str) -> None:
        """As long as anybody waits."""
        while self._wanted():
            try:
                self._events.wait(cursor, BREATH)
                named, cursor = self._events.subjects(cursor, policy.LISTEN_PIECE)
                self._tell(named)
            except StoreUnavailable:
                self._tell_all()  # each looks for itself, and is told why it cannot
                time.sleep(BREATH)
            except Exception:  # noqa: BLE001 - all who wait hang on this thread
                report("task.failed", lane="listening", exc_info=True)
                time.sleep(BREATH)

    def _wanted(self) -> bool:
        with self._lock:
            self._hears = bool(self._ears)
            return self._hears

    def _tell(self, named: Collection[str]) -> None:
        with self._lock:
            for job_id in named:
                # Not by index, which would make an empty set for each job that nobody waits for.
                for ear in self._ears.get(job_id, ()):
                    ear.set()

    def _tell_all(self) -> None:
        with self._lock:
            for ears in self._ears.values():
                for ear in ears:
                    ear.set()
