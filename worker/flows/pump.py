"""The pump: a thread in each worker's main process that wakes whatever is due.

Retries, leases that ran out, overdue callbacks and lost messages are all a score that has passed.
One process at a time pumps; each says here that it lives.
"""

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from runhook.worker.errors import LostWrites, StoreUnavailable
from runhook.worker.flows import lost_writes
from runhook.worker.store import Published
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring, process_name

EVERY, AGAIN = 0.5, 0.05  # seconds between rounds, and when there was something due
LEASE = 3.0  # seconds after which another process takes over
BEAT_EVERY = 2.0


@dataclass(frozen=True)
class WorkerProfile:
    """What a process is in the pump's eyes.

    Attributes:
        role: `worker` or `handlers`.
        threads: How many things it works on at once.
        lanes: For each lane the role that works on it, and which share of its threads at most.
        opening: Lane and duty of what is to be looked at once this process runs.
        hands: How many things it can have running in the end, where that is more: children that
            are not there yet.
    """

    role: str
    threads: int
    lanes: Mapping[str, tuple[str, float]]
    opening: tuple[tuple[str, str], ...] = ()
    hands: int = 0


class Pump:
    """One process's turn at the pump, and its heartbeat."""

    def __init__(self, w: Wiring, crew: WorkerProfile) -> None:
        """Args:
        w: The process's parts, its own connections among them.
        crew: What this process is.
        """
        self._w = w
        self._crew = crew
        self._opening = list(crew.opening)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pump", daemon=True)
        self._beaten = 0.0
        self._threads: Mapping[str, int] = {}
        self._away = False
        self._loss: int | None = None  # the last time that Redis lost writes, as far as is known

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, wait for the round under way, and say that this process is gone."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5)
        with suppress(StoreUnavailable):
            crew = self._crew
            name = process_name()
            self._w.store.processes.ended(crew.role, name, crew.threads, hands=crew.hands)

    def round(self) -> int:
        """One heartbeat if it is time, and one look at every lane; how much was due.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        if time.monotonic() - self._beaten > BEAT_EVERY:
            self._beaten = time.monotonic()
            crew = self._crew
            self._threads = self._w.store.processes.beat(
                crew.role, process_name(), crew.threads, hands=crew.hands
            )
            self._w.store.processes.publish_handlers(published(self._w))
        while self._opening:
            self._w.store.duties.wake(*self._opening[0])
            self._opening.pop(0)
        try:
            pumped = self._w.store.duties.pump(process_name(), LEASE, self._rooms())
        except LostWrites:
            lost_writes.stop_the_queue(self._w)
            lost_writes.write_down_again(self._w)
            return 1
        if self._loss != pumped.loss:
            lost_writes.write_down_again(self._w)
        self._loss = pumped.loss
        return pumped.posted

    def _rooms(self) -> list[tuple[str, int]]:
        """For each lane the most messages to have at once: twice what all its workers hold."""
        return [
            (lane, max(2, round(2 * share * self._threads.get(role, 0))))
            for lane, (role, share) in self._crew.lanes.items()
        ]

    def _run(self) -> None:
        posted = 0
        while not self._stop.wait(AGAIN if posted else EVERY):
            posted = self._try_round()

    def _try_round(self) -> int:
        """One round, whatever goes wrong: without the pump nothing here ever runs again."""
        try:
            posted = self.round()
        except StoreUnavailable as error:
            if not self._away:
                report("redis.away", why=str(error))
            self._away = True
            return 0
        except Exception:  # noqa: BLE001 - said, and tried again in half a second
            report("task.failed", lane="pump", exc_info=True)
            return 0
        if self._away:
            report("redis.back")
        self._away = False
        return posted


def published(w: Wiring) -> list[Published]:
    """The handlers that this process has."""
    return [Published(h.name, h.types, h.model) for h in w.handlers.all()]
