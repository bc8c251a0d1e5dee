"""The queue: who is next, how many may be in flight, and the breaker that makes it wait."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Self

import orjson

from runhook.worker.domain import policy
from runhook.worker.store.claims import Claim
from runhook.worker.store.connection import reaching
from runhook.worker.store.limits import Limits
from runhook.worker.store.queue_state import QueueState, QueueView, Tenants, stands, tenants_of
from runhook.worker.store.scripts import Scripts

Word = Literal["paused", "next", "ask", "empty", "full", "doubt", "limited", "gated", "probing"]


@dataclass(frozen=True, kw_only=True)
class Peek:
    """What stands at the front of the queue.

    Attributes:
        word: `paused` its owner stopped the queue; `next` a job may go; `ask` it may once
            RunningHub answers a free question; `doubt` unconfirmed jobs take some of the room;
            `limited` all that wait are of tenants with as many in flight as they may have;
            `gated` for `wait` seconds; `probing` one job tries whether the breaker opens.
        jobs: For `next` and `ask`: their ids and records, in the order in which they go.
        more: For `next`: others stand behind them, or are to be looked at.
        wait: Seconds until somebody else may go; 0: nobody is waited for.
        known: For `doubt`: how many run.
        holding: For `doubt`: the unconfirmed jobs that count as in flight.
    """

    word: Word
    jobs: tuple[tuple[str, Sequence[bytes]], ...] = ()
    more: bool = False
    wait: float = 0
    known: int = 0
    holding: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a queued job stands.

    Attributes:
        position: Its place among its tenant's, 1 for the first; None: it stands in no line.
        in_flight: How many of the tenant's are in flight.
        limit: How many may be; None: any number.
        paused: The queue is, for everybody.
        gated: Nothing of its line leaves now. Why is another job's answer, and its owner's to know.
    """

    position: int | None
    in_flight: int
    limit: int | None
    paused: bool
    gated: bool

    @classmethod
    def read(cls, answer: Sequence[int], limits: Limits) -> Self:
        """As lua/lib/standing has it."""
        position, in_flight, paused, gated = answer
        return cls(
            position=position or None,
            in_flight=in_flight,
            limit=limits.each,
            paused=bool(paused),
            gated=bool(gated),
        )

    @property
    def why_waiting(self) -> str | None:
        """What it waits for but those before it; None: nothing else is known."""
        if self.position is None:
            return None
        if self.paused:
            return "the queue is paused, and nothing is sent until it is resumed"
        if self.gated:
            return "nothing is sent for now: RunningHub refused or is away, and is tried again"
        if self.limit is None or self.in_flight < self.limit:
            return None
        return (
            f"its tenant has {self.in_flight} in flight, as many as it may "
            "(RUNHOOK_TENANT_CONCURRENCY); it goes on when one of those ends"
        )


def _peeked(answer: Sequence[Any]) -> Peek:
    word, *rest = answer
    match word := word.decode():
        case "next" | "ask":
            jobs = tuple((name.decode(), record) for name, record in rest[0])
            more, wait = (*rest[1:], b"", b"")[:2]
            return Peek(word=word, jobs=jobs, more=more == b"1", wait=int(wait or 0) / 1000)
        case "gated":
            return Peek(word="gated", wait=int(rest[0]) / 1000)
        case "doubt":
            holding = tuple(name.decode() for name in rest[1])
            return Peek(word="doubt", known=int(rest[0]), holding=holding)
        case _:
            return Peek(word=word)


def may_leave(claim: Claim) -> bool:
    """Whether a job that took its turn might leave when its duty was claimed.

    No breaker had tripped since, and the queue was not paused.
    """
    return tuple(claim.brought[1:2]) == (b"yes",)


class Queue:
    """The jobs that wait for their turn."""

    def __init__(self, scripts: Scripts, limits: Limits) -> None:
        self._scripts = scripts
        self.limits = limits
        # Jobs that this process cannot read, and until when it does not look at them again.
        self._passed: dict[str, datetime] = {}

    def peek(self) -> Peek:
        """Who is next, but for those passed over, or why nobody is."""
        return _peeked(self._scripts.run("peek_line", orjson.dumps(self.looking())))

    def looking(self) -> dict[str, Any]:
        """How this process looks at the queue, as lua/lib/peeking has it."""
        now = self._scripts.clock.now()
        self._passed = {job: until for job, until in self._passed.items() if until > now}
        return {**self.limits.order, "passed": list(self._passed)}

    def of(self, claim: Claim) -> Peek:
        """What the claim of the queue's duty brought."""
        return _peeked(claim.brought)

    def pass_over(self, job_id: str) -> None:
        """This process cannot read a job, so it looks past it for a while; others do not."""
        until = self._scripts.clock.now() + timedelta(seconds=policy.UNREADABLE_LOOK)
        self._passed = {**self._passed, job_id: until}  # a new one: threads may read the old

    @property
    def passes_over(self) -> bool:
        """Whether jobs are left to other processes."""
        return bool(self._passed)

    def state(self) -> QueueState:
        """How the queue stands now."""
        return self._stands(self._scripts.run("line_state", self.limits.whole or ""))

    def _stands(self, answer: Sequence[bytes]) -> QueueState:
        return stands([word.decode() for word in answer], self.limits.each)

    def tenants(self) -> Tenants:
        """Whose jobs wait and are in flight."""
        return tenants_of(self._scripts.run("tenants_state", policy.TENANTS_NAMED))

    def view(self) -> QueueView:
        """How the queue stands now, and whose jobs it is about."""
        return self.state().document(self.tenants())

    def state_and(self, *commands: Sequence[str | int]) -> list[Any]:
        """How the queue stands, and what these commands answer, in one round trip.

        Raises:
            StoreUnavailable: Redis does not answer, or refuses one of them.
        """
        state, *found = self._scripts.run_and("line_state", [self.limits.whole or ""], *commands)
        with reaching():
            for answer in found:
                if isinstance(answer, Exception):
                    raise answer
        return [self._stands(state), *found]

    def pause(self, paused: bool) -> None:
        """Stop the queue, or let it go on; what is under way goes on either way."""
        stop = ""
        if paused:
            stop = "1"
        self._scripts.waking("pause", 1, stop)

    def put_aside(self, job_id: str, seconds: float) -> None:
        """Let a queued job stand behind all others for a while."""
        self._scripts.waking("put_aside", 1, job_id, round(seconds * 1000))

    def lost_writes(self, process: str, token: int, why: str, alert: str) -> int:
        """Stop the queue, because Redis has forgotten this token of a process; the loss's name."""
        return int(self._scripts.waking("lost_writes", 2, process, token, why, alert)[1])

    def answered(self, why_not: str | None) -> None:
        """RunningHub answered the free question, or did not."""
        self._scripts.words("answered", why_not or "", uuid.uuid4().hex)

    def let_go(self, jobs: tuple[str, ...]) -> None:
        """These unconfirmed jobs hold no slot."""
        self._scripts.waking("let_go", 1, *jobs)

    def set_limit(self, limit: int) -> None:
        """How many tasks the key may have in flight, as RunningHub says."""
        self._scripts.waking("set_limit", 1, limit)

    def place(self, line: str, job_id: str) -> Place:
        """Where a queued job stands."""
        return Place.read(self._scripts.run("position", job_id, line), self.limits)

    def wait_for(self, action: Literal["take", "good", "busy"]) -> float:
        """Keep to the pace of free questions.

        Args:
            action: `take`: one more is to be asked; `good`, `busy`: how the last one went.

        Returns:
            Seconds to wait before asking; 0: ask now.
        """
        return int(self._scripts.run("pace", action, uuid.uuid4().hex)) / 1000
