"""Redis, the truth: every key and every script is in this room, split by noun.

A change of a job, its duties and its event are one script, so none can exist without the others.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from runhook.worker.domain import policy
from runhook.worker.domain.lanes import LANES, Lane
from runhook.worker.store.assets import Assets
from runhook.worker.store.audience import Audience, Listeners
from runhook.worker.store.bookings import Books
from runhook.worker.store.callbacks import Arrival, Callback, Callbacks
from runhook.worker.store.changes import Change, Duty, LineOf, Recipients, TimelineEntry
from runhook.worker.store.claims import Again, Answer, Claim, Handed, Lease, again
from runhook.worker.store.clock import Clock, SetClock
from runhook.worker.store.connection import connect, reaching
from runhook.worker.store.copies import Copies
from runhook.worker.store.delivered import (
    Attempted,
    Delivery,
    DeliveryResult,
    Hand,
    LeasedDelivery,
    Left,
)
from runhook.worker.store.deliveries import MISSED, Deliveries
from runhook.worker.store.delivering import Delivering
from runhook.worker.store.departures import Departures
from runhook.worker.store.durability import Durability, Keeps
from runhook.worker.store.durations import Durations
from runhook.worker.store.duties import Closing, Details, Duties
from runhook.worker.store.events import Events, event_at, event_order, is_event_id
from runhook.worker.store.figures import Figures, Standing, Wanted
from runhook.worker.store.gauges import Gauged, Gauges
from runhook.worker.store.groups import Groups, GroupState
from runhook.worker.store.installation import Installation
from runhook.worker.store.jobs import Jobs
from runhook.worker.store.ledger import Day, Ledger
from runhook.worker.store.limits import Limits
from runhook.worker.store.lineage import Lineage
from runhook.worker.store.listing import JobFilter, Listed, Listing
from runhook.worker.store.memory import Departure, Memory
from runhook.worker.store.processes import Processes, Published
from runhook.worker.store.queue import Peek, Queue, may_leave
from runhook.worker.store.queue_state import QueueState
from runhook.worker.store.rosters import Rosters
from runhook.worker.store.scripts import Post, Scripts
from runhook.worker.store.sessions import Sessions
from runhook.worker.store.stories import Stories
from runhook.worker.store.subscriptions import Subscription, Subscriptions
from runhook.worker.store.upkeep import Upkeep
from runhook.worker.store.vitals import Looks, Vitals

__all__ = [
    "MISSED",
    "Again",
    "Answer",
    "Arrival",
    "Attempted",
    "Books",
    "Callback",
    "Change",
    "Claim",
    "Clock",
    "Closing",
    "Day",
    "Delivery",
    "DeliveryResult",
    "Departure",
    "Duty",
    "Gauged",
    "GroupState",
    "Hand",
    "Handed",
    "JobFilter",
    "Lease",
    "LeasedDelivery",
    "Left",
    "Limits",
    "Listed",
    "Listeners",
    "Memory",
    "Peek",
    "Post",
    "Published",
    "QueueState",
    "Recipients",
    "Scripts",
    "SetClock",
    "Standing",
    "Store",
    "Subscription",
    "TimelineEntry",
    "Vitals",
    "Wanted",
    "again",
    "connect",
    "event_at",
    "event_order",
    "is_event_id",
    "may_leave",
]

Tells = Callable[[], Iterable[str]]  # the names of a process's handlers


class Store:
    """All of Redis, by noun."""

    def __init__(
        self,
        scripts: Scripts,
        *,
        retention: float,
        limits: Limits,
        account: str,
        durability: Keeps | None = None,
        memory: Memory | None = None,
        line_of: LineOf,
        tells: Tells,
        books: Books,
    ) -> None:
        """Args:
        scripts: The way to Redis, over a connection made by `connect`.
        retention: Seconds that ended jobs are kept.
        limits: How many may be in flight.
        account: Tells RunningHub's accounts apart.
        durability: What a paid request waits for once its departure is written down; None: nothing.
        memory: What this process knows of Redis already.
        line_of: Which line a job with such options stands in.
        tells: The handlers of this process.
        books: How jobs are counted in the ledger.
        """
        self.memory = memory = memory or Memory()
        self._scripts, self.client, self.clock = scripts, scripts.client, scripts.clock
        self.jobs = Jobs(
            scripts, retention=retention, limits=limits, memory=memory, line_of=line_of, books=books
        )
        self.durations = Durations(scripts.client, scripts.clock)
        self.departures = Departures(scripts, durability or Durability("none"), memory, line_of)
        self.listing, self.queue = Listing(scripts, self.jobs), Queue(scripts, limits)
        self.groups, self.ledger = Groups(scripts), Ledger(scripts, self.jobs, books)
        self.duties = Duties(scripts, self.memory, _details(self.queue, tells))
        self.callbacks, self.lineage = Callbacks(scripts, retention), Lineage(scripts)
        self.events = events = Events(scripts, self.jobs)
        self.deliveries, self.delivering = Deliveries(scripts, events), Delivering(scripts, events)
        self.subscriptions, self.processes = Subscriptions(scripts), Processes(scripts)
        self.audience = Audience(self.processes, self.subscriptions, scripts.clock)
        self.assets, self.sessions = Assets(scripts, account), Sessions(scripts.client)

    @property
    def upkeep(self) -> Upkeep:
        """What is mended and removed in time."""
        named = (self.subscriptions.unreadable, self.assets.unreadable, self.processes.unreadable)
        return Upkeep(self._scripts, self.jobs, self.deliveries, self.listing, self.ledger, named)

    @property
    def installation(self) -> Installation:
        """What its processes must have in common."""
        return Installation(self.client, self.processes)

    @property
    def copies(self) -> Copies:
        """All keys of this installation, read out and put back."""
        return Copies(self._scripts)

    @property
    def figures(self) -> Figures:
        """What people see of all nouns together."""
        return Figures(self.client, self.queue, self.ledger)

    @property
    def stories(self) -> Stories:
        """What people see of one job and all that belongs to it."""
        return Stories(self.client, self.jobs)

    @property
    def rosters(self) -> Rosters:
        """What people see of handlers and subscribers together."""
        return Rosters(self.client)

    @property
    def looks(self) -> Looks:
        """What people see of Redis, lanes and processes."""
        return Looks(self.client, self.clock, self.queue)

    @property
    def gauges(self) -> Gauges:
        """What a monitoring system reads of all nouns together."""
        return Gauges(self.client, self.clock, self.queue, self.ledger)

    def ping(self) -> None:
        """Raises StoreUnavailable unless Redis answers."""
        with reaching():
            self.client.ping()


def _details(queue: Queue, tells: Tells) -> Details:
    """What a claim tells Redis more, by its lane."""

    def told(lane: Lane) -> Mapping[str, Any]:
        return {
            "tells": dict.fromkeys(tells(), True),
            "longest": round(lane.attempt_lost_after * 1000),
            "slow_after": round(policy.SLOW_AFTER * 1000),
        }

    delivering = [lane for lane in LANES.values() if lane.attempt_lost_after]
    return {"line": queue.looking, **{lane.name: partial(told, lane) for lane in delivering}}
