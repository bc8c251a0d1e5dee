"""Celery's receiving end: one task a lane, which works through what is due there.

`Procfile` has the two commands: one process with threads for all lanes but `handlers`, and one of
forked children for `handlers`, whose time limits need them.
"""

import logging
import sys
import threading
import time
import warnings
from contextlib import suppress
from typing import Any

from celery import Celery, signals

from runhook.config.settings import Role, Settings, SettingsError
from runhook.worker.delivery import handlers, subscriptions
from runhook.worker.domain import policy
from runhook.worker.domain.lanes import LANES, lanes_of
from runhook.worker.errors import LostWrites, StoreUnavailable
from runhook.worker.flows import lost_writes
from runhook.worker.flows.drain import Shift, drain
from runhook.worker.flows.pump import Pump, WorkerProfile, published
from runhook.worker.flows.steps.persistence import tell_what_leaves_early
from runhook.worker.flows.steps.storing import keep_files
from runhook.worker.net.outbound import SECONDS
from runhook.worker.queue.autoscale import places
from runhook.worker.queue.broker import check_broker, make_app, node_name, task_name
from runhook.worker.queue.soft_stop import SoftWorker
from runhook.worker.store import Memory
from runhook.worker.telemetry import configure, report
from runhook.worker.wiring import Wiring, assemble, check_server, reached

OPENING = (("reconcile", "limit"), ("reconcile", "sweep"), ("line", "line"))


class Places:
    """How many threads of this process work through a lane together."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._free = places
        self._turned_away = False
        self._lock = threading.Lock()

    @property
    def busy(self) -> bool:
        """Whether any is taken."""
        return self._free < self._places

    def enter(self) -> bool:
        """Whether there is a place; else those who have one look once more before they leave."""
        with self._lock:
            if not self._free:
                self._turned_away = True
                return False
            self._free -= 1
            return True

    def leave(self) -> bool:
        """Give the place back; False, and it is kept, where somebody was turned away meanwhile."""
        with self._lock:
            if self._turned_away:
                self._turned_away = False
                return False
            self._free += 1
            return True


class Process:
    """What this process is, built when Celery says which lanes it works on."""

    def __init__(self) -> None:
        self.settings = Settings.load()
        self.app: Celery = make_app(self.settings)
        self.role: Role = "worker"
        self.threads = 1
        self.hands = 1
        self.places: dict[str, Places] = {}
        self.shift: Shift | None = None
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

    @property
    def lingers(self) -> bool:
        """Whether its threads wait for more once a lane has nothing due.

        Not where one thread is all lanes', and no child: Celery stops at once only if none is busy.
        """
        return self.role == "worker" and self.threads > len(self.places)

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
        # A child works on one thing at a time; threads are shared by all lanes.
        wanted = {lane: LANES[lane].threads(threads) for lane in lanes_of("worker")}
        self.places = {lane: Places(count) for lane, count in wanted.items()}
        if self.role == "worker" and sum(wanted.values()) <= threads:
            self.shift = Shift(policy.OWN_THREADS_DUTIES, policy.OWN_THREADS_SECONDS)
        self.settings = Settings.load(self.role)
        if self.role == "handlers":
            handlers.load(self.settings.handlers)
            self.wiring.store.delivering.prepare()  # before the first fork
        server = check_server(self.wiring, role=self.role)
        if self.role == "worker":
            keep_files(self.wiring, self.role)
        if not self.settings.shares_broker:
            check_broker(self.app)
        reached(self.wiring, self._move_in)
        if self.role == "worker":
            tell_what_leaves_early(self.settings, server)

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
app.conf.worker_consumer = "runhook.worker.queue.refusing_broker:PatientConsumer"
vars(app)["Worker"] = app.subclass_with_self(SoftWorker)  # Celery computes it once, into there


def work(lane: str, duty: str) -> None:
    """Work through what is due in a lane, unless enough threads of this process do.

    Args:
        lane: Which.
        duty: With which to begin.
    """
    places = process.places.get(lane)
    if places is None:
        attend(lane, duty)
        return
    if not places.enter():
        _hand_back(lane, duty)
        return
    attend(lane, duty)
    while not places.leave():
        attend(lane, "")


def _hand_back(lane: str, duty: str) -> None:
    """Whoever has a place takes the duty; the release before gave its message half a minute."""
    with suppress(StoreUnavailable):  # the pump wakes the lane
        process.wiring.store.duties.hand_back(lane, duty)


def attend(lane: str, duty: str) -> None:
    """Work through a lane once; a Redis that is away is said, and the pump wakes the lane later."""
    try:
        drain(process.wiring, lane, duty, lingers=process.lingers, shift=process.shift)
    except LostWrites as lost:
        report("redis.away", lane=lane, why=str(lost))
        _own_up()
    except StoreUnavailable as error:
        report("redis.away", lane=lane, why=str(error))
    except Exception:  # noqa: BLE001 - nothing may keep the place of a thread that is gone
        report("task.failed", lane=lane, exc_info=True)


def _own_up() -> None:
    """A child that runs handlers has a mark of its own in Redis, and no pump that sets it anew."""
    if process.pump is None:
        with suppress(StoreUnavailable):
            lost_writes.stop_the_queue(process.wiring)


def _task(lane: str) -> None:
    limits: dict[str, Any] = {}
    if lane == "handlers":
        # Of the last handler that a task calls: those before it took DRAIN_SECONDS together, and
        # those before it in its row no longer than it takes until what waits there is let go.
        longest = policy.HANDLER_LONGEST + policy.DRAIN_SECONDS + policy.ROW_LET_GO
        limits = {"soft_time_limit": longest, "time_limit": longest + policy.HANDLER_GRACE}

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
    """Let what drains a lane end, for Celery waits its whole soft time-out for whatever is busy.

    Ended while it starts, Celery looks for a pool that is gone, and tells that as a fault.
    """
    logging.getLogger("celery.worker").addFilter(_is_no_missing_pool)
    if process.shift:
        process.shift.over.set()
    deadline = time.monotonic() + 2 * policy.DRAIN_SECONDS  # its time, and the last duty's
    while time.monotonic() < deadline and any(place.busy for place in process.places.values()):
        time.sleep(0.01)
    time.sleep(0.05)  # Celery writes down that a task has ended a moment after it has


def _is_no_missing_pool(record: logging.LogRecord) -> bool:
    return "has no attribute 'did_start_ok'" not in record.getMessage()


@signals.worker_shutdown.connect
def _stopped(**_: object) -> None:
    if process.pump:
        process.pump.stop()
    process.wiring.overflow.wait(SECONDS)
    report("process.stopped", role=process.role)
