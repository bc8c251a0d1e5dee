"""A job's values: what was asked, where it stands, its attempts. Pure.

A job is one generation that a user asked for; an attempt is one paid submit of it.
"""

import itertools
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer

from runhook.worker.domain.reports import Cost, Error, Output

_births = itertools.count()
EPOCH, MILLISECOND = datetime.fromtimestamp(0, UTC), timedelta(milliseconds=1)
LOCAL = "local"  # who asks on this machine, and whose jobs are that say nothing of it
JOB_ID = re.compile(r"job_[0-9a-f]{28}")
SettledBy = Literal["callback", "resend", "detail", "query", "submit", "user"]


@lru_cache(maxsize=1024)  # a job is shown a dozen times, with the same nine moments
def iso(moment: datetime) -> str:
    """A moment as the API writes it: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _written(moment: datetime) -> int:
    """A moment as records have it, half as long as the API's: ms since 1970. Both are read."""
    # Divided as whole numbers: as a float a moment may be one millisecond short of itself.
    return (moment - EPOCH) // MILLISECOND


Moment = Annotated[datetime, PlainSerializer(_written, when_used="json")]


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"  # accepted here, stands in the queue
    SENDING = "sending"  # at its turn; the paid request is about to leave or has left
    UNCONFIRMED = "unconfirmed"  # may have been accepted; never sent again without proof
    RUNNING = "running"  # RunningHub has it, its ref is known
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more is expected."""
        return self in (State.SUCCEEDED, State.FAILED, State.CANCELLED)

    @property
    def became(self) -> str:
        """What became of one that has ended, in a sentence: `has failed`, `was cancelled`."""
        if self is State.CANCELLED:
            return "was cancelled"
        return f"has {self}"


@dataclass(frozen=True)
class OwnersTask:
    """The task that a job's owner says is an attempt's; RunningHub's record of its end proves it.

    Attributes:
        ref: The task's id.
        at: When he said so.
        ended_at: When it was first seen to have ended without such a record.
    """

    ref: str
    at: Moment
    ended_at: Moment | None = None


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One paid submit.

    `left_at` is written the moment before the first byte leaves; without it nothing was paid.
    `left_by`: the token under which it left, so that an answer is known to be to this departure.
    `refused`: departures that were doubted, and that RunningHub proved later not to have taken.
    `legacy`: RunningHub does not take this key's apps on the V2 path, so it goes the older one.
    `unready`: how often RunningHub's own fault kept back what it needs.
    `asked` to `failure_seen_at` say what was asked about it: no question is repeated without end.
    `named`: what its owner said, kept also when it was proved.
    `model`: the one of the job's fallbacks that it runs; None, as for most: the job's own model.
    `price` in `priced_in`: what it was expected to cost when it was asked for; strings, for every
    other kind of value has a record compared in depth at each change.
    `held` on `held_on`: what it holds of that UTC day's budget until its cost is known.
    """

    n: int
    model: str | None = None
    queued_at: Moment | None = None  # of the first, the job's own birth
    ref: str | None = None
    left_at: Moment | None = None
    left_by: Annotated[str | None, Field(exclude=True)] = None  # in a field of its own
    submitted_at: Moment | None = None
    ended_at: Moment | None = None
    state: State | None = None  # its own end, once the job has gone on without it
    outputs: tuple[Output, ...] = ()
    error: Error | None = None
    cost: Cost | None = None
    settled_by: str | None = None  # SettledBy, or a word of a newer version
    doubt: Error | None = None
    doubt_busy: bool = False
    refused: tuple[str, ...] = ()
    legacy: bool = False
    unready: int = 0
    asked: int = 0
    resends: int = 0
    empty_since: Moment | None = None
    failure_seen_at: Moment | None = None
    named: OwnersTask | None = None
    price: str | None = None
    priced_in: str | None = None
    held: str | None = None
    held_on: str | None = None

    @property
    def unproved(self) -> OwnersTask | None:
        """The task that its owner named, while the proof is not there."""
        if self.named is None or self.named.ref == self.ref:
            return None
        return self.named


@dataclass(frozen=True, kw_only=True)
class Fallback:
    """Another model that a job may go on with, its input checked and completed.

    Attributes:
        model: Its endpoint.
        shared: The names of what it takes of the job's input, which may be long, so it lies once.
        own: The rest of its input, mostly its own defaults.
    """

    model: str
    shared: tuple[str, ...] = ()
    own: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """What the user wants; never changes.

    `kind`: what the model makes (image, video, audio, 3d, string), or workflow, app, quick.
    `upstream`: the jobs whose outputs its input names.
    `parent`: the job that it grew from, `root`: the first of those, itself where it grew from none,
    `generation`: how many there are above it. `group`: the set of its tenant's that it belongs to.
    """

    model: str
    kind: str
    input: dict[str, Any]
    created_at: Moment
    options: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    priority: int = 5
    handlers: tuple[str, ...] | None = None
    fallback: tuple[Fallback, ...] = ()  # in the order in which they are tried
    upstream: tuple[str, ...] = ()
    parent: str | None = None
    root: str | None = None
    generation: int = 0
    group: str | None = None

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that it may be charged for, its own first."""
        return (self.model, *(one.model for one in self.fallback))

    def input_of(self, model: str) -> dict[str, Any]:
        """What one of its models is sent.

        Raises:
            KeyError: It is none of them.
        """
        if model == self.model:
            return self.input
        other = {one.model: one for one in self.fallback}[model]
        return {name: self.input[name] for name in other.shared} | other.own

    def names(self, handler: str) -> bool:
        """Whether a handler may be told of the job: all may, unless some are named."""
        return self.handlers is None or handler in self.handlers


@dataclass(frozen=True, kw_only=True)
class JobHistory:
    """What became of it so far."""

    updated_at: Moment
    attempts: tuple[Attempt, ...] = (Attempt(n=1),)
    ended_at: Moment | None = None
    risk: bool = False
    settled: int | None = None  # the attempt that settled it, where that is not the last
    cancel_wished: bool = False  # to be carried out once its ref is known
    cancel_tree: bool = False  # its owner wants those that wait for it cancelled with it
    waits_for: tuple[str, ...] = ()  # jobs whose outputs it needs before it stands in the queue


@dataclass(frozen=True, kw_only=True)
class Job:
    """One generation: what was asked, where it stands, its attempts, and whose it is."""

    id: str
    spec: JobSpec
    state: State
    history: JobHistory
    rev: int = 0
    tenant: str = LOCAL

    @property
    def root(self) -> str:
        """The job that its tree grew from: itself where it grew from none."""
        return self.spec.root or self.id

    @property
    def attempt(self) -> Attempt:
        """The current attempt: the last, or the earlier one that settled the job."""
        return self.history.attempts[(self.history.settled or 0) - 1]

    def model_of(self, attempt: Attempt) -> str:
        """The model that one of its attempts runs."""
        return attempt.model or self.spec.model

    @property
    def current_model(self) -> str:
        """The model of its current attempt, which may be another than was asked for first."""
        return self.model_of(self.attempt)

    @property
    def current_input(self) -> dict[str, Any]:
        """What its current attempt is sent with."""
        return self.spec.input_of(self.current_model)

    @property
    def next_model(self) -> str | None:
        """The model that it may go on with behind its current one; None: that is its last."""
        models = self.spec.models
        return next(iter(models[models.index(self.current_model) + 1 :]), None)

    @property
    def cost(self) -> Cost | None:
        """What all attempts together were charged."""
        return total(a.cost for a in self.history.attempts if a.cost)

    @property
    def expires_at(self) -> datetime | None:
        """When it is not to be sent any more, if its owner said so."""
        seconds = self.spec.options.get("expires_in")
        since = self.attempt.queued_at or self.spec.created_at
        if not seconds:
            return None
        return since + timedelta(seconds=seconds)

    def is_expired(self, now: datetime) -> bool:
        """Whether its owner's time for it to be sent is over."""
        return self.expires_at is not None and now >= self.expires_at

    @property
    def retries_left(self) -> int:
        """How often its owner still allows to pay for the same model again, whichever that is."""
        steps = itertools.pairwise(self.history.attempts)
        fell_back = sum(after.model not in (None, before.model) for before, after in steps)
        paid_again = len(self.history.attempts) - 1 - fell_back
        return int(self.spec.options.get("retries", 0)) - paid_again

    @property
    def resubmitted(self) -> bool:
        """It was sent again behind an attempt that may have been accepted."""
        return any(one.state is State.UNCONFIRMED for one in self.history.attempts)

    @property
    def unsent(self) -> bool:
        """Surely not one byte of its current attempt left, so it costs nothing."""
        attempt = self.attempt
        # Brought home after a refusal that was none, it runs without a departure on record.
        known = attempt.left_at or attempt.ref or self.state is State.UNCONFIRMED
        return self.state is State.QUEUED or not (known or self.given_up)

    @property
    def given_up(self) -> bool:
        """It failed for want of proof, so RunningHub may have accepted it."""
        error = self.attempt.error
        return self.state is State.FAILED and error is not None and error.code == "unconfirmed"

    @property
    def timed_out(self) -> bool:
        """It failed because RunningHub had not ended it in time."""
        error = self.attempt.error
        return self.state is State.FAILED and error is not None and error.code == "timeout"

    @property
    def at_risk(self) -> bool:
        """It ended here while RunningHub may still make it and charge for it."""
        if not self.timed_out or self.attempt.error is None:
            return self.given_up
        detail = self.attempt.error.detail
        return not (detail.get("cancelled_there") or detail.get("ended_there"))

    def nth(self, n: int) -> Attempt | None:
        """The attempt of that number."""
        return next((one for one in self.history.attempts if one.n == n), None)


def new_id(prefix: str, born: datetime | None = None) -> str:
    """A random id that sorts by its time of birth, in one process also within a millisecond.

    Args:
        prefix: What it is an id of.
        born: When that was; None: now, by this machine's clock.
    """
    turn = next(_births) % 0x10000
    return f"{first_id(prefix, born or datetime.now(UTC))}{turn:04x}{os.urandom(6).hex()}"


def first_id(prefix: str, moment: datetime) -> str:
    """What sorts before every id that is born at a moment or later, and behind all others."""
    return f"{prefix}_{_written(moment):012x}"


def born_at(job_id: str) -> datetime | None:
    """When a job was made, as its id says; None: it is no id of ours."""
    if not is_job_id(job_id):
        return None
    return EPOCH + int(job_id.removeprefix("job_")[:12], 16) * MILLISECOND


def is_job_id(text: str) -> bool:
    """Whether it is an id as jobs have it; there need be no such job."""
    return JOB_ID.fullmatch(text) is not None


def total(costs: Iterable[Cost]) -> Cost | None:
    """The exact sum; a part that no cost names stays None."""
    found = list(costs)
    if not found:
        return None

    def add(name: str) -> str | None:
        amounts = [Decimal(v) for c in found if (v := getattr(c, name)) is not None]
        if not amounts:
            return None
        return format(sum(amounts, Decimal(0)), "f")

    currency = next((c.currency for c in found if c.currency), None)
    return Cost(money=add("money"), currency=currency, coins=add("coins"), seconds=add("seconds"))
