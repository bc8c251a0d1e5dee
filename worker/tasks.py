"""Celery's receiving end: one task a lane, which claims the duty that woke it and calls one flow.

`Procfile` has the two commands: one process with threads for all lanes but `handlers`, and one of
forked children for `handlers`, whose time limits need them.
"""

import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

from celery import Celery, signals

from config.settings import Role, Settings, SettingsError
from worker import fanout, handlers, intake, reconcile, submit
from worker.broker import HANDLER_SECONDS, make_app, task_name
from worker.errors import StoreUnavailable
from worker.pump import Crew, Pump, published
from worker.store import Claim
from worker.telemetry import configure, report
from worker.wakeups import LANES
from worker.wiring import Wiring, assemble, check_server

Flow = Callable[[Wiring, Claim], None]
FLOWS: dict[str, Flow] = {
    "line": submit.advance,
    "send": submit.send,
    "intake": intake.take,
    "reconcile": reconcile.look,
    "fanout": fanout.open_event,
    "handlers": fanout.deliver,
}
# Lanes that wait for RunningHub never hold more than a third of the threads each, so that
# callbacks are always taken in.
WAITING_LANES = ("send", "reconcile")
SHARE = 1 / 3
CREWS = {
    lane: ("handlers" if lane == "handlers" else "worker", SHARE if lane in WAITING_LANES else 1.0)
    for lane in LANES
}
OPENING = (("reconcile", "limit"), ("reconcile", "sweep"), ("line", "line"))
FULL_LOOK = 0.25  # seconds until a duty that found its lane full is posted again


class Process:
    """What this process is, built when Celery says which lanes it works on."""

    def __init__(self) -> None:
        self.settings = Settings.load()
        self.app: Celery = make_app(self.settings)
        self.role: Role = "worker"
        self.threads = 1
        self.room = dict.fromkeys(WAITING_LANES, threading.BoundedSemaphore(1))
        self.pump: Pump | None = None
        self._wiring: Wiring | None = None

    @property
    def wiring(self) -> Wiring:
        """The parts; in a prefork child, the child's own."""
        if self._wiring is None:
            self._wiring = assemble(self.settings, app=self.app)
        return self._wiring

    def forget(self) -> None:
        """A fork shares no connection with its parent."""
        self._wiring = None

    def begin(self, queues: str, threads: int) -> None:
        """Check what must be right before any work is taken."""
        self.role = "handlers" if queues == "handlers" else "worker"
        self.threads = threads
        for lane in WAITING_LANES:
            self.room[lane] = threading.BoundedSemaphore(max(1, round(threads * SHARE)))
        self.settings = Settings.load(self.role)
        if self.role == "handlers":
            handlers.load(self.settings.handlers)
        check_server(self.wiring)
        self.wiring.store.processes.publish_handlers(published(self.wiring))

    def start_pump(self) -> None:
        """Keep everything going from now on."""
        opening = OPENING if self.role == "worker" else ()
        crew = Crew(self.role, self.threads, CREWS, opening)
        self.pump = Pump(assemble(self.settings, app=self.app), crew)
        self.pump.start()
        report("process.started", role=self.role, threads=self.threads)


# Celery warns root of messages that run code when unpickled; only JSON is accepted here.
warnings.filterwarnings("ignore", message="You're running the worker with superuser")

try:
    process = Process()
except SettingsError as wrong:
    sys.exit(f"runhook: {wrong}")
app = process.app


def work(lane: str, duty: str) -> None:
    """Look at one duty, unless there is nothing to do or no room now."""
    room = process.room.get(lane)
    has_room = room is None or room.acquire(blocking=False)
    try:
        if has_room:
            _look(lane, duty)
        else:
            report("lane.busy", lane=lane, duty=duty)
            process.wiring.store.duties.put_off(lane, duty, FULL_LOOK)
    except StoreUnavailable as error:
        report("redis.away", lane=lane, duty=duty, why=str(error))
    except Exception:  # noqa: BLE001 - the duty stays, and the pump wakes it again
        report("task.failed", lane=lane, duty=duty, exc_info=True)
    finally:
        if room is not None and has_room:
            room.release()


def _look(lane: str, duty: str) -> None:
    with process.wiring.store.duties.claim(lane, duty) as claim:
        if claim is not None:
            FLOWS[lane](process.wiring, claim)


def _task(lane: str) -> None:
    limits: dict[str, Any] = {}
    if lane == "handlers":
        limits = {"soft_time_limit": HANDLER_SECONDS, "time_limit": HANDLER_SECONDS + 10}

    @app.task(name=task_name(lane), **limits)
    def look(duty: str) -> None:
        work(lane, duty)


for _lane in LANES:
    _task(_lane)


@signals.setup_logging.connect
def _log(**_: object) -> None:
    configure()


@signals.celeryd_init.connect
def _begin(options: dict[str, Any], **_: object) -> None:
    queues = options.get("queues") or []
    names = queues if isinstance(queues, str) else ",".join(queues)
    try:
        process.begin(names, int(options.get("concurrency") or 1))
    except (SettingsError, ValueError, StoreUnavailable) as wrong:
        sys.exit(f"runhook: {wrong}")


@signals.worker_ready.connect
def _ready(**_: object) -> None:
    process.start_pump()


@signals.worker_process_init.connect
def _forked(**_: object) -> None:
    process.forget()


@signals.worker_shutdown.connect
def _stopped(**_: object) -> None:
    if process.pump:
        process.pump.stop()
    report("process.stopped", role=process.role)
