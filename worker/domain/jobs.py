"""A job's life: its values, and the one table of the moves it may make. Pure.

A job is one generation that a user asked for; an attempt is one paid submit of it. Functions
here take a job and return the job after a move; nothing is read or written.
"""

import itertools
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import PlainSerializer

from runhook.worker.domain.reports import Cost, Error, Output, Report
from runhook.worker.errors import ImpossibleMove

_births = itertools.count()
LOCAL = "local"  # who asks on this machine, and whose jobs are that say nothing of it
JOB_ID = re.compile(r"job_[0-9a-f]{28}")

SettledBy = Literal["callback", "resend", "detail", "query", "submit", "user"]


def iso(moment: datetime) -> str:
    """A moment as the API writes it: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[datetime, PlainSerializer(iso, when_used="json")]


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"  # accepted here, stands in the line
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


class Move(StrEnum):
    """What can happen to a job."""

    TURN = "turn"  # it is first in the line and there is room
    RETURN = "return"  # surely not accepted, back to the line: free
    ACCEPT = "accept"  # RunningHub has it
    DOUBT = "doubt"  # it may have been accepted, and nobody knows
    SUCCEED = "succeed"  # RunningHub made it
    FAIL = "fail"  # RunningHub refused or failed it, or its time is over
    CANCEL = "cancel"  # its owner or RunningHub's website stopped it
    RESUBMIT = "resubmit"  # the owner risks paying twice: a new attempt
    RETRY = "retry"  # the user wants a new paid attempt of one that failed


TABLE: dict[tuple[State, Move], State] = {
    (State.QUEUED, Move.TURN): State.SENDING,
    # A refusal that was none: its own callback proves that RunningHub has it.
    (State.QUEUED, Move.ACCEPT): State.RUNNING,
    # An earlier attempt succeeded after all, before the new one left; so too while it is sending.
    (State.QUEUED, Move.SUCCEED): State.SUCCEEDED,
    # It left, and Redis has forgotten that.
    (State.QUEUED, Move.DOUBT): State.UNCONFIRMED,
    # Its owner's time for it is over before it left.
    (State.QUEUED, Move.FAIL): State.FAILED,
    (State.QUEUED, Move.CANCEL): State.CANCELLED,
    (State.SENDING, Move.RETURN): State.QUEUED,
    (State.SENDING, Move.ACCEPT): State.RUNNING,
    (State.SENDING, Move.DOUBT): State.UNCONFIRMED,
    (State.SENDING, Move.FAIL): State.FAILED,
    (State.SENDING, Move.SUCCEED): State.SUCCEEDED,
    # Not one byte left yet, or what left was surely refused.
    (State.SENDING, Move.CANCEL): State.CANCELLED,
    (State.UNCONFIRMED, Move.RETURN): State.QUEUED,
    (State.UNCONFIRMED, Move.ACCEPT): State.RUNNING,
    (State.UNCONFIRMED, Move.FAIL): State.FAILED,
    (State.UNCONFIRMED, Move.CANCEL): State.CANCELLED,
    (State.UNCONFIRMED, Move.RESUBMIT): State.QUEUED,
    (State.RUNNING, Move.SUCCEED): State.SUCCEEDED,
    (State.RUNNING, Move.FAIL): State.FAILED,
    (State.RUNNING, Move.CANCEL): State.CANCELLED,
    # RunningHub's own failure, and its owner allowed to pay for another attempt.
    (State.RUNNING, Move.RETRY): State.QUEUED,
    # The two ways out of an end: success proved late, and the user's retry.
    (State.FAILED, Move.SUCCEED): State.SUCCEEDED,
    (State.FAILED, Move.RETRY): State.QUEUED,
    (State.CANCELLED, Move.RETRY): State.QUEUED,
}


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
    """

    n: int
    queued_at: Moment | None = None  # of the first, the job's own birth
    ref: str | None = None
    left_at: Moment | None = None
    left_by: str | None = None
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

    @property
    def unproved(self) -> OwnersTask | None:
        """The task that its owner named, while the proof is not there."""
        if self.named is None or self.named.ref == self.ref:
            return None
        return self.named


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """What the user wants; never changes."""

    model: str
    kind: str  # image, video, audio, 3d, string; workflow, app or quick
    input: dict[str, Any]
    created_at: Moment
    options: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    priority: int = 5
    handlers: tuple[str, ...] | None = None

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
    def attempt(self) -> Attempt:
        """The current attempt: the last, or the earlier one that settled the job."""
        return self.history.attempts[(self.history.settled or 0) - 1]

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
        """How many more attempts its owner allowed to pay for when RunningHub itself fails."""
        return int(self.spec.options.get("retries", 0)) + 1 - len(self.history.attempts)

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


def new_id(prefix: str) -> str:
    """A random id that sorts by its time of birth, in one process also within a millisecond."""
    milliseconds, turn = int(time.time() * 1000), next(_births) % 0x10000
    return f"{prefix}_{milliseconds:012x}{turn:04x}{os.urandom(6).hex()}"


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


def move(job: Job, how: Move, now: datetime, **attempt_changes: Any) -> Job:
    """The job after a move; `attempt_changes` are written to its current attempt.

    Raises:
        ImpossibleMove: The table does not have it.
    """
    target = TABLE.get((job.state, how))
    if target is None:
        raise ImpossibleMove(f"{job.id} is {job.state} and cannot {how}")
    changed = with_attempt(job, job.attempt.n, now, **attempt_changes)
    ended_at = None
    if target.ended:
        ended_at = now
    return replace(changed, state=target, history=replace(changed.history, ended_at=ended_at))


def may(job: Job, how: Move) -> bool:
    """Whether the table has the move."""
    return (job.state, how) in TABLE


def accept(job: Job, ref: str, now: datetime) -> Job:
    """RunningHub has the current attempt under `ref`."""
    submitted = job.attempt.submitted_at or now
    return move(job, Move.ACCEPT, now, ref=ref, submitted_at=submitted, asked=0)


def back_to_line(job: Job, now: datetime, **changes: Any) -> Job:
    """Surely not accepted: the same attempt stands in the line again, as if it never left."""
    fresh = {
        "left_at": None,
        "left_by": None,
        "ref": None,
        "doubt": None,
        "doubt_busy": False,
        "asked": 0,
    }
    return move(job, Move.RETURN, now, **fresh, **changes)


def another_attempt(
    job: Job, how: Move, now: datetime, *, ended: State, risk: bool, **changes: Any
) -> Job:
    """A new attempt behind the current one, whose own end is `ended`."""
    over = {"state": ended, "ended_at": job.attempt.ended_at or now, **changes}
    moved = move(job, how, now, **over)
    fresh = Attempt(n=moved.attempt.n + 1, queued_at=now, legacy=moved.attempt.legacy)
    attempts = (*moved.history.attempts, fresh)
    risky = moved.history.risk or risk
    life = replace(moved.history, attempts=attempts, ended_at=None, risk=risky, cancel_wished=False)
    return replace(moved, history=life)


def end(job: Job, how: Move, by: SettledBy | None, now: datetime, **changes: Any) -> Job:
    """The current attempt, and the job with it, is over."""
    return move(job, how, now, ended_at=now, settled_by=by, **changes)


def wish_cancel(job: Job, now: datetime, wished: bool = True) -> Job:
    """The job to be cancelled once its ref is known; or no more, because it cannot be."""
    return replace(job, history=replace(job.history, updated_at=now, cancel_wished=wished))


def results(report: Report, expires_at: datetime) -> dict[str, Any]:
    """What a report brings, as changes of an attempt; its outputs' URLs die at that moment."""
    outputs = tuple(_expiring(output, expires_at) for output in report.outputs)
    return {"ref": report.ref, "outputs": outputs, "error": report.error, "cost": report.cost}


def _expiring(output: Output, expires_at: datetime) -> Output:
    """An output with the moment at which its URL dies; text lives as long as the job."""
    if not output.url:
        return output
    return replace(output, expires_at=expires_at)


def with_attempt(job: Job, n: int, now: datetime, **changes: Any) -> Job:
    """The job with one attempt changed and its state as it was."""
    attempts = list(job.history.attempts)
    for place, attempt in enumerate(attempts):
        if attempt.n == n:
            attempts[place] = replace(attempt, **changes)
    return replace(job, history=replace(job.history, updated_at=now, attempts=tuple(attempts)))
