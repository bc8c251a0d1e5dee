"""The pump: a thread in each worker's main process that wakes each lane in which something is due.

Retries, leases that ran out, overdue callbacks and lost wake-ups are all a score that has passed.
One process at a time pumps; each says here that it lives.
"""

import math
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from runhook.worker.domain import policy
from runhook.worker.errors import LostWrites, StoreUnavailable
from runhook.worker.flows import lost_writes
from runhook.worker.store import Published
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring, process_name


@dataclass(frozen=True, kw_only=True)
class WorkerProfile:
    """What a process is in the pump's eyes.

    Attributes:
        role: `worker` or `handlers`.
        threads: How many things it works on at once.
        opening: Lane and duty of what is to be looked at once this process runs.
        hands: How many things it can have running in the end, where that is more: children that
            are not there yet.
    """

    role: str
    threads: int
    opening: tuple[tuple[str, str], ...] = ()
    hands: int = 0


class Pump:
    """One process's turn at the pump, and its heartbeat."""

    def __init__(self, w: Wiring, profile: WorkerProfile) -> None:
        """Args:
        w: The process's parts, its own connections among them.
        profile: What this process is.
        """
        self._w = w
        self._profile = profile
        self._opening = list(profile.opening)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pump", daemon=True)
        self._beaten = self._refreshed = -math.inf
        self._short = False  # the last round only asked whether anything is due, as every other
        self._away = False
        self._loss: int | None = None  # the last time that Redis lost writes, as far as is known

    def start(self) -> None:
        """Start pumping in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop; wait up to 5 s for the round under way, and take this process off the list."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5)
        # With Redis away its last sign of life runs out by itself.
        with suppress(StoreUnavailable):
            profile = self._profile
            name = process_name()
            self._w.store.processes.ended(profile.role, name, profile.threads, hands=profile.hands)

    def round(self) -> int:
        """One heartbeat if it is time, and one look at what is due; how many wake-ups it posted.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        anew = time.monotonic() - self._refreshed > policy.REFRESH_EVERY
        if anew:
            self._refresh()
        if anew or time.monotonic() - self._beaten > policy.BEAT_EVERY:
            # Before the pump: how many may work through a lane is counted from those that live.
            self._beat(anew)
        # After the handlers are published, or a receiver that this process mends would be looked at
        # with its old record. Taken off the list only once Redis has it.
        while self._opening:
            self._w.store.duties.wake(*self._opening[0])
            self._opening.pop(0)
        self._short = not (anew or self._short)
        if self._short and not self._w.store.duties.is_due():
            return 0
        try:
            pumped = self._w.store.duties.pump(process_name(), policy.PUMP_LEASE, thorough=anew)
        except LostWrites:
            self._refreshed = -math.inf
            # The queue stops first, so that nothing is paid twice while the rest is written down.
            lost_writes.stop_the_queue(self._w)
            lost_writes.write_down_again(self._w)
            return 1
        # Another process noticed the loss: what this one remembers is written down too.
        if self._loss != pumped.loss:
            lost_writes.write_down_again(self._w)
        # Last: if Redis goes away while it is written, the next round does it again.
        self._loss = pumped.loss
        return pumped.posted

    def _beat(self, anew: bool) -> None:
        """Say that this process lives; whoever pumps shares the places among those that do."""
        self._beaten, profile = time.monotonic(), self._profile
        me = (profile.role, process_name(), profile.threads)
        if anew or self._w.store.duties.pumps:
            self._w.store.processes.beat(*me, hands=profile.hands)
        else:
            self._w.store.processes.lives(*me, hands=profile.hands)

    def _refresh(self) -> None:
        """Say anew what Redis may have lost."""
        self._refreshed = time.monotonic()
        self._w.store.duties.keep_messages()
        self._w.store.processes.refresh(self._profile.role)
        self._w.store.processes.publish_handlers(published(self._w))

    def _run(self) -> None:
        while not self._stop.wait(policy.PUMP_EVERY):
            self._try_round()

    def _try_round(self) -> None:
        """One round, whatever goes wrong: without the pump nothing here ever runs again."""
        try:
            self.round()
        except StoreUnavailable as error:
            self._refreshed = -math.inf
            # Once, and not every half second of an outage.
            if not self._away:
                report("redis.away", why=str(error))
            self._away = True
            return
        except Exception:  # noqa: BLE001 - said, and tried again in half a second
            report("task.failed", lane="pump", exc_info=True)
            return
        if self._away:
            report("redis.back")
        self._away = False


def published(w: Wiring) -> list[Published]:
    """The handlers that this process has."""
    return [Published(h.name, h.types, h.model) for h in w.handlers.all()]
