"""The queue: who is next, how many may be in flight, and the breaker that makes it wait."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import orjson
from typing_extensions import TypedDict

from runhook.worker.domain import policy
from runhook.worker.store.claims import Claim
from runhook.worker.store.connection import reaching
from runhook.worker.store.scripts import Scripts

Word = Literal["paused", "next", "ask", "empty", "full", "doubt", "gated", "probing"]


@dataclass(frozen=True, kw_only=True)
class Peek:
    """What stands at the front of the queue.

    Attributes:
        word: `paused` its owner stopped the queue; `next` a job may go; `ask` it may once
            RunningHub answers a free question; `doubt` the room is taken by unconfirmed jobs too;
            `gated` for `wait` seconds; `probing` one job tries whether the breaker opens.
        jobs: For `next` and `ask`: their ids and records, in the order in which they go.
        more: For `next`: others stand behind them.
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


class BreakerView(TypedDict):
    """Whether jobs leave for RunningHub.

    Attributes:
        state: `open` they do; `closed` they do not; `due` one job may try; `probing` it does.
        opens_in: Seconds until it is due.
        why: Why it closed.
        advice: What the account's owner must do for it to open.
    """

    state: Literal["open", "closed", "due", "probing"]
    opens_in: float | None
    why: str | None
    advice: str | None


class QueueView(TypedDict):
    """How the queue stands.

    Attributes:
        length: Jobs that wait for their turn.
        waiting: Jobs that wait for outputs of others, outside the queue.
        in_flight: Slots at RunningHub that are counted as taken.
        sending: Jobs whose paid request is about to leave or has left.
        running: Jobs that RunningHub has.
        unconfirmed: Jobs that may hold a slot there.
        unreadable: Jobs in flight whose record this version cannot read.
        limit: How many may be in flight.
        paused: It stands still until somebody has it go on.
        why_paused: Why, where its owner did not stop it.
        gate: The breaker before RunningHub.
    """

    length: int
    waiting: int
    in_flight: int
    sending: int
    running: int
    unconfirmed: int
    unreadable: int
    limit: int
    paused: bool
    why_paused: str | None
    gate: BreakerView


@dataclass(frozen=True, kw_only=True)
class QueueState:
    """How the queue stands.

    Attributes:
        length: Jobs that wait for their turn.
        waiting: Jobs that wait for outputs of others, outside the queue.
        sending: Those whose paid request is about to leave or has left.
        running: Those that RunningHub has.
        unconfirmed: Those that may hold a slot at RunningHub.
        unreadable: Those in flight whose record nobody can read; they count no more.
        limit: How many may be in flight.
        paused: It stands still until somebody has it go on.
        why_paused: Why it stands still, where its owner did not stop it.
        gate: `open`; `closed` for `opens_in` seconds; `due` to let one job try; `probing` with it.
        opens_in: Seconds; 0 where it is not closed.
        why: Why the breaker closed.
        advice: What the account's owner must do for it to open.
    """

    length: int
    waiting: int
    sending: int
    running: int
    unconfirmed: int
    unreadable: int
    limit: int
    paused: bool
    why_paused: str
    gate: Literal["open", "closed", "due", "probing"]
    opens_in: float
    why: str
    advice: str

    @property
    def in_flight(self) -> int:
        """How many slots we count as taken."""
        return self.sending + self.running + self.unconfirmed

    def document(self) -> QueueView:
        """As the API shows it."""
        gate: BreakerView = {
            "state": self.gate,
            "opens_in": self.opens_in or None,
            "why": self.why or None,
            "advice": self.advice or None,
        }
        return {
            "length": self.length,
            "waiting": self.waiting,
            "in_flight": self.in_flight,
            "sending": self.sending,
            "running": self.running,
            "unconfirmed": self.unconfirmed,
            "unreadable": self.unreadable,
            "limit": self.limit,
            "paused": self.paused,
            "why_paused": self.why_paused or None,
            "gate": gate,
        }


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


def _stands(answer: Sequence[str]) -> QueueState:
    """What the script says of the queue."""
    *counts, paused, why_paused, gate, ms, why, advice = answer
    length, waiting, sending, running, unconfirmed, unreadable, limit = map(int, counts)
    return QueueState(
        length=length,
        waiting=waiting,
        sending=sending,
        running=running,
        unconfirmed=unconfirmed,
        unreadable=unreadable,
        limit=limit,
        paused=bool(paused),
        why_paused=why_paused,
        gate=gate,  # type: ignore[arg-type]
        opens_in=int(ms) / 1000,
        why=why,
        advice=advice,
    )


def may_leave(claim: Claim) -> bool:
    """Whether a job that took its turn might leave when its duty was claimed.

    No breaker had tripped since, and the queue was not paused.
    """
    return tuple(claim.brought[1:2]) == (b"yes",)


class Queue:
    """The jobs that wait for their turn."""

    def __init__(self, scripts: Scripts, limit: int | None) -> None:
        self._scripts = scripts
        self.limit = limit  # set by hand; else what RunningHub said is in Redis
        # Jobs that this process cannot read, and until when it does not look at them again.
        self._passed: dict[str, datetime] = {}

    def peek(self) -> Peek:
        """Who is next, but for those passed over, or why nobody is."""
        return _peeked(self._scripts.run("peek_line", orjson.dumps(self.looking())))

    def looking(self) -> dict[str, Any]:
        """How this process looks at the queue, as lua/lib/peeking has it."""
        now = self._scripts.clock.now()
        self._passed = {job: until for job, until in self._passed.items() if until > now}
        return {"limit": self.limit or "", "passed": list(self._passed)}

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
        return _stands(self._scripts.words("line_state", self.limit or ""))

    def state_and(self, *commands: Sequence[str | int]) -> list[Any]:
        """How the queue stands, and what these commands answer, in one round trip.

        Raises:
            StoreUnavailable: Redis does not answer, or refuses one of them.
        """
        state, *found = self._scripts.run_and("line_state", [self.limit or ""], *commands)
        with reaching():
            for answer in found:
                if isinstance(answer, Exception):
                    raise answer
        return [_stands([word.decode() for word in state]), *found]

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

    def position(self, line: str, job_id: str) -> int | None:
        """A queued job's place, 1 for the first; None when it is not queued."""
        return int(self._scripts.run("position", job_id, line)) or None

    def wait_for(self, action: Literal["take", "good", "busy"]) -> float:
        """Keep to the pace of free questions.

        Args:
            action: `take`: one more is to be asked; `good`, `busy`: how the last one went.

        Returns:
            Seconds to wait before asking; 0: ask now.
        """
        return int(self._scripts.run("pace", action, uuid.uuid4().hex)) / 1000
