"""Celery's receiving end: one task a lane, which claims the duty that woke it and calls one flow.

`Procfile` has the two commands: one process with threads for all lanes but `handlers`, and one of
forked children for `handlers`, whose time limits need them.
"""

import logging
import sys
import threading
import warnings
from contextlib import suppress
from functools import partial
from typing import Any

from celery import Celery, signals

from runhook.config.settings import Role, Settings, SettingsError
from runhook.worker.delivery import handlers, subscriptions
from runhook.worker.domain import policy
from runhook.worker.domain.lanes import LANES
from runhook.worker.errors import LostWrites, StoreUnavailable
from runhook.worker.flows import lost_writes
from runhook.worker.flows.lanes import FLOWS
from runhook.worker.flows.pump import Pump, WorkerProfile, published
from runhook.worker.net.outbound import SECONDS
from runhook.worker.queue.autoscale import places
from runhook.worker.queue.broker import check_broker, make_app, node_name, task_name
from runhook.worker.store import Memory
from runhook.worker.telemetry import configure, report
from runhook.worker.wiring import Wiring, assemble, check_server, reached

OPENING = (("reconcile", "limit"), ("reconcile", "sweep"), ("line", "line"))


class ConcurrencyLimit:
    """How many duties of a lane this process looks at together; the others wait for their turn."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._lock = threading.Lock()
        self._waiting: dict[str, None] = {}

    def enter(self, duty: str) -> bool:
        """Whether there is a place now; else the duty waits for one."""
        with self._lock:
            if self._places:
                self._places -= 1
                return True
            self._waiting[duty] = None
            return False

    def leave(self) -> str | None:
        """Give the place to the duty that has waited longest, if any."""
        with self._lock:
            duty = next(iter(self._waiting), None)
            if duty is None:
                self._places += 1
            else:
                del self._waiting[duty]
            return duty


class Process:
    """What this process is, built when Celery says which lanes it works on."""

    def __init__(self) -> None:
        self.settings = Settings.load()
        self.app: Celery = make_app(self.settings)
        self.role: Role = "worker"
        self.threads = 1
        self.hands = 1
        self.limits: dict[str, ConcurrencyLimit] = {}
        self.pump: Pump | None = None
        self.memory = Memory()  # what its threads and its pump know of Redis
        self._wiring: Wiring | None = None

    @property
    def wiring(self) -> Wiring:
        """The parts; in a prefork child, the child's own."""
        if self._wiring is None:
            self._wiring = assemble(
                self.settings, app=self.app, memory=self.memory, overflow=policy.OVERFLOW_THREADS
            )
        return self._wiring

    def forget(self) -> None:
        """A fork shares no connection with its parent, has no pump, and remembers by itself."""
        self._wiring = None
        self.pump = None
        self.memory = Memory()

    def begin(self, queues: str, threads: int, hands: int) -> None:
        """Check what must be right before any work is taken."""
        self.role = "worker"
        if queues == "handlers":
            self.role = "handlers"
        self.threads, self.hands = threads, hands
        self.limits = {
            lane.name: ConcurrencyLimit(max(1, round(threads * lane.share)))
            for lane in LANES.values()
            if lane.waits
        }
        self.settings = Settings.load(self.role)
        if self.role == "handlers":
            handlers.load(self.settings.handlers)
        check_server(self.wiring)
        if not self.settings.shares_broker:
            check_broker(self.app)
        reached(self.wiring, self._move_in)

    def _move_in(self) -> None:
        """Bring what others left up to date, and say who is here."""
        subscriptions.reseal(self.wiring)
        self.wiring.store.upkeep.end_what_older_versions_left()
        self.wiring.store.processes.publish_handlers(published(self.wiring))
        duties = self.wiring.store.duties
        duties.release(duties.parked())  # what failed may be mended by what stands there now

    def start_pump(self) -> None:
        """Keep everything going from now on."""
        opening: tuple[tuple[str, str], ...] = ()
        if self.role == "worker":
            opening = OPENING
        profile = WorkerProfile(
            role=self.role, threads=self.threads, opening=opening, hands=self.hands
        )
        self.pump = Pump(assemble(self.settings, app=self.app, memory=self.memory), profile)
        self.pump.start()
        report("process.started", role=self.role, threads=self.threads)


# Celery warns root of messages that run code when unpickled; only JSON is accepted here.
warnings.filterwarnings("ignore", message="You're running the worker with superuser")

try:
    process = Process()
except SettingsError as wrong:
    sys.exit(f"runhook: {wrong}")
app = process.app
app.conf.worker_autoscaler = (
    "runhook.worker.queue.autoscale:HandlerAutoscaler"  # for commands that say --autoscale
)


def work(lane: str, duty: str) -> None:
    """Look at one duty, and at those that waited for its place; without a place it waits itself.

    What waits is lost with the process; the pump posts it again, as anything that nobody claimed.
    """
    limit = process.limits.get(lane)
    if limit is None:
        attend(lane, duty)
        return
    mine: str | None = duty
    if not limit.enter(duty):
        return
    while mine is not None:
        try:
            attend(lane, mine)
        finally:
            mine = limit.leave()


def attend(lane: str, duty: str) -> None:
    """Look at one duty unless there is nothing to do. What goes wrong is counted with the duty."""
    try:
        _look(lane, duty)
    except LostWrites as lost:
        report("redis.away", lane=lane, duty=duty, why=str(lost))
        _own_up()
    except StoreUnavailable as error:
        report("redis.away", lane=lane, duty=duty, why=str(error))
    except Exception:  # noqa: BLE001 - the duty stays, to be looked at again later
        report("task.failed", lane=lane, duty=duty, exc_info=True)


def _own_up() -> None:
    """A child that runs handlers has a mark of its own in Redis, and no pump that sets it anew."""
    if process.pump is None:
        with suppress(StoreUnavailable):
            lost_writes.stop_the_queue(process.wiring)


def _look(lane: str, duty: str) -> None:
    w = process.wiring
    w.store.duties.run(lane, duty, partial(FLOWS[lane], w))


def _task(lane: str) -> None:
    limits: dict[str, Any] = {}
    if lane == "handlers":
        limits = {
            "soft_time_limit": policy.HANDLER_LONGEST,
            "time_limit": policy.HANDLER_LONGEST + policy.HANDLER_GRACE,
        }

    @app.task(name=task_name(lane), **limits)
    def look(duty: str) -> None:
        work(lane, duty)


for _lane in LANES:
    _task(_lane)


@signals.setup_logging.connect
def _log(**_: object) -> None:
    configure()


@signals.celeryd_init.connect
def _begin(instance: Any, options: dict[str, Any], **_: object) -> None:
    queues = options.get("queues") or []
    names = queues if isinstance(queues, str) else ",".join(queues)
    try:
        process.begin(names, *_size(options))
        instance.hostname = node_name(process.role, instance.hostname)
    except (SettingsError, ValueError, StoreUnavailable) as wrong:
        sys.exit(f"runhook: {wrong}")


def _size(options: dict[str, Any]) -> tuple[int, int]:
    """On how many things the process works at once, and how many it can have running in the end."""
    if scaled := options.get("autoscale"):
        most = int(scaled[0])
        return places(most), most
    fixed = int(options.get("concurrency") or 1)
    return fixed, fixed


@signals.worker_ready.connect
def _ready(**_: object) -> None:
    process.start_pump()


@signals.worker_process_init.connect
def _forked(**_: object) -> None:
    process.forget()


@signals.worker_shutting_down.connect
def _ending(**_: object) -> None:
    """Ended while it starts, Celery looks for a pool that is gone, and tells that as a fault."""
    logging.getLogger("celery.worker").addFilter(_is_no_missing_pool)


def _is_no_missing_pool(record: logging.LogRecord) -> bool:
    return "has no attribute 'did_start_ok'" not in record.getMessage()


@signals.worker_shutdown.connect
def _stopped(**_: object) -> None:
    if process.pump:
        process.pump.stop()
    process.wiring.overflow.wait(SECONDS)
    report("process.stopped", role=process.role)
