"""A worker that is going to be killed: real flows over real sockets, at a clock that stands still.

It takes wake-ups from their queues as Celery does, and works through their lanes until nothing is
left to do. Started by a fork server, so that a life takes milliseconds.
"""

import os
import time
from pathlib import Path
from typing import Any

from runhook import Event, Retry
from runhook.config.settings import Settings
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.domain.lanes import LANES
from runhook.worker.flows.drain import drain
from runhook.worker.store import SetClock
from runhook.worker.wiring import Wiring, assemble

IDLE = 0.06  # seconds without any wake-up after which it is done
BOOK = "RUNHOOK_TEST_BOOK"


def handlers(book: str) -> Registry:
    """One that writes down what it hears, after failing once where the job asks for it."""
    found = Registry()

    def heard(event: Event) -> None:
        first = not Path(f"{book}.{event.id}").exists()
        Path(f"{book}.{event.id}").touch()
        if first and event.job.metadata.get("fails_first"):
            raise Retry(after=1)
        with open(book, "a") as file:
            file.write(f"{event.id} {event.type} {event.job.id}\n")

    kinds = ("job.succeeded", "job.failed", "job.cancelled")
    found.add(Handler(name="heard", types=kinds, model=None, target=heard))
    return found


def wiring(settings: dict[str, Any], now: float, book: str) -> Wiring:
    """The parts of a worker at this moment."""
    return assemble(
        Settings.load("worker", **settings), clock=SetClock(now), handlers=handlers(book)
    )


def work(settings: dict[str, Any], now: float, book: str, ready: Any) -> None:
    """Work until nothing is left to do, or until killed."""
    ready.wait()
    w = wiring(settings, now, book)
    redis: Any = w.store.client
    quiet = time.monotonic()
    while time.monotonic() - quiet < IDLE:
        w.store.duties.pump("test", 3)
        for lane in LANES:
            while redis.rpop(f"runhook:queue:{lane}"):
                quiet = time.monotonic()
                drain(w, lane)
        time.sleep(0.005)
    os._exit(0)
