"""Who is told of events, and what was: what runhook answers users' code with about receivers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runhook.worker.client.jobs import Moment


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One handler's turn at one event.

    Attributes:
        id: Its name.
        event: The event's id.
        type: The event's type.
        handler: Who is told, by name or by the subscription's id.
        state: pending, done, dead or superseded.
        created_at: When it was opened.
        job: The job that the event is about.
        next_at: When it is tried next; of one that is due, since when it waits for its turn.
        status: The HTTP status of the last answer.
        why: Why the last attempt failed.
        attempts: Each with its `at`, `outcome`, `status`, `answer`, `why` and `took`.
        note: What whoever waits for it must know.
        document: The whole of /v1's JSON.
    """

    id: str
    event: str
    type: str
    handler: str
    state: str
    created_at: Moment
    job: str | None = None
    next_at: Moment | None = None
    status: int | None = None
    why: str | None = None
    attempts: tuple[Mapping[str, Any], ...] = ()
    note: str | None = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """What was missing of a period, and is made good unless it was only counted.

    Attributes:
        since: Its start.
        until: Its end.
        asked: Jobs whose callback is missing, which RunningHub is asked about.
        opened: Deliveries that had never been made.
        redelivered: Dead ones that are made again.
        skipped: Those that cannot be made now.
        younger: Events from before their handler came, left out.
        dry_run: It was only counted.
        handlers: The same counts by handler.
        document: The whole of /v1's JSON.
    """

    since: Moment
    until: Moment
    asked: int = 0
    opened: int = 0
    redelivered: int = 0
    skipped: int = 0
    younger: int = 0
    dry_run: bool = False
    handlers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Redelivered:
    """What was handed to its handlers again, all that matched.

    Attributes:
        redelivered: How many; of a dry run, how many it would be.
        skipped: How many cannot be delivered now.
        dry_run: They were only counted.
        document: The whole of /v1's JSON.
    """

    redelivered: int
    skipped: int = 0
    dry_run: bool = False
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Handler:
    """A Python handler or Celery task, and what waits for it.

    Attributes:
        name: Its function's, or as `on` named it.
        alive: A process has it now.
        events: Types of what it wants; None: nobody knows.
        model: A glob over the job's model; None: all.
        pending: Deliveries that wait for it.
        dead: Deliveries that it did not take.
        since: When a process first had it.
        seen_at: When one last had it.
        oldest: When the oldest of what waits happened.
        document: The whole of /v1's JSON.
    """

    name: str
    alive: bool = False
    events: tuple[str, ...] | None = None
    model: str | None = None
    pending: int = 0
    dead: int = 0
    since: Moment | None = None
    seen_at: Moment | None = None
    oldest: Moment | None = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A URL that events are posted to.

    Attributes:
        id: Its name.
        url: Where they are posted to.
        events: Their types; None: all.
        models: Globs over the job's model; None: all.
        include: Fields of a job that events have besides its id, model and state; None: all.
        enabled: Whether they are.
        why_disabled: Why not.
        missed: Deliveries that it did not take.
        failing_since: Since when nothing reaches it.
        rests_until: Until when it is left alone.
        created_at: When it was made.
        updated_at: When it was last changed.
        secret: What signs them; it is told once, when it is made.
        document: The whole of /v1's JSON.
    """

    id: str
    url: str
    events: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    include: tuple[str, ...] | None = None
    enabled: bool = True
    why_disabled: str | None = None
    missed: int = 0
    failing_since: Moment | None = None
    rests_until: Moment | None = None
    created_at: Moment | None = None
    updated_at: Moment | None = None
    secret: str | None = field(default=None, repr=False)
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """How a subscriber took a sample.

    Attributes:
        delivered: Whether it did.
        type: The type of event.
        status: The HTTP status of its answer.
        answer: How that begins.
        why: Why it did not.
        took: Seconds.
        document: The whole of /v1's JSON.
    """

    delivered: bool
    type: str
    status: int | None = None
    answer: str | None = None
    why: str | None = None
    took: float = 0.0
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Triggered:
    """A sample of an event that was sent.

    Attributes:
        type: Of which event.
        subject: The job that it is about, which never existed.
        receivers: Whom it is delivered to: handlers by name, subscriptions by id.
        document: The whole of /v1's JSON.
    """

    type: str
    subject: str
    receivers: tuple[str, ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
