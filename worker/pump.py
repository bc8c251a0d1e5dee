"""The pump: a thread in each worker's main process that wakes whatever is due.

Retries, leases that ran out, overdue callbacks and lost messages are all a score that has passed.
One process at a time pumps; each says here that it lives.
"""

import threading
import time
from collections.abc import Sequence

from worker.errors import StoreUnavailable
from worker.store import Published
from worker.telemetry import report
from worker.wiring import Wiring, process_name

EVERY = 0.5  # seconds between rounds
LEASE = 3.0  # seconds after which another process takes over
BEAT_EVERY = 2.0


class Pump:
    """One process's turn at the pump, and its heartbeat."""

    def __init__(
        self,
        w: Wiring,
        role: str,
        rooms: Sequence[tuple[str, int]],
        opening: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Args:
        w: The process's parts, its own connections among them.
        role: `worker` or `handlers`, for the heartbeat.
        rooms: For each lane, the most messages its queue may hold at once.
        opening: Lane and duty of what is to be looked at once this process runs.
        """
        self._opening = list(opening)
        self._w = w
        self._role = role
        self._rooms = rooms
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pump", daemon=True)
        self._beaten = 0.0
        self._away = False

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for the round under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def round(self) -> None:
        """One heartbeat if it is time, and one look at every lane."""
        if time.monotonic() - self._beaten > BEAT_EVERY:
            self._beaten = time.monotonic()
            self._w.store.processes.beat(self._role, process_name())
            self._w.store.processes.publish_handlers(published(self._w))
        while self._opening:
            self._w.store.duties.wake(*self._opening[0])
            self._opening.pop(0)
        self._w.store.duties.pump(process_name(), LEASE, self._rooms)

    def _run(self) -> None:
        while not self._stop.wait(EVERY):
            try:
                self.round()
            except StoreUnavailable as error:
                if not self._away:
                    report("redis.away", why=str(error))
                self._away = True
            else:
                if self._away:
                    report("redis.back")
                self._away = False


def published(w: Wiring) -> list[Published]:
    """The handlers that this process has."""
    return [Published(h.name, h.types, h.model) for h in w.handlers.all()]
