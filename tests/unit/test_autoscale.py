"""Children that run handlers: more in time where handlers hang, few where none does."""

import time
from collections.abc import Iterator, MutableSet
from dataclasses import dataclass, field

import pytest
from celery.worker import state

from runhook.worker.domain import policy
from runhook.worker.queue import soft_stop
from runhook.worker.queue.autoscale import LOOKS, HandlerAutoscaler

MOST, FEWEST = 64, 2


@dataclass(eq=False)
class Request:
    """What a child works on, and since when."""

    time_start: float


@dataclass
class Child:
    """One that lives, or has ended with a status."""

    index: int = 0
    exitcode: int | None = None


@dataclass
class Children:
    """Of a pool."""

    _pool: list[Child] = field(default_factory=lambda: [Child()])


@dataclass
class Pool:
    """Counts children."""

    num_processes: int = FEWEST
    _pool: Children = field(default_factory=Children)

    def grow(self, n: int) -> None:
        """More of them."""
        self.num_processes += n

    def shrink(self, n: int) -> None:
        """Fewer of them."""
        self.num_processes -= n

    def maintain_pool(self) -> None:
        """They are there."""


def _discarded(known: MutableSet[Request]) -> Iterator[list[Request]]:
    """What a test puts here and into what Celery knows; the next test's Celery knows it no more."""
    mine: list[Request] = []
    yield mine
    for one in mine:
        known.discard(one)


@pytest.fixture
def hang() -> Iterator[list[Request]]:
    """Whatever is put here hangs."""
    yield from _discarded(state.active_requests)


@pytest.fixture
def calls() -> Iterator[list[Request]]:
    """Whatever is put here is called for, and nobody has said that he works on it."""
    yield from _discarded(state.reserved_requests)


@pytest.fixture
def pool() -> Pool:
    """As the process begins."""
    return Pool()


@pytest.fixture
def scaler(pool: Pool) -> HandlerAutoscaler:
    """Of that pool."""
    return HandlerAutoscaler(pool, MOST, FEWEST, keepalive=1)


def _look(scaler: HandlerAutoscaler, hanging: list[Request], count: int) -> None:
    """Celery's look, while so many children are held and the others work."""
    while len(hanging) < count:
        hanging.append(Request(time.time() - policy.CHILD_HELD - 1))
        state.active_requests.add(hanging[-1])
    scaler.maybe_scale()


def _call(calls: list[Request], count: int) -> None:
    """Messages come until so many are called for."""
    while len(calls) > count:
        state.reserved_requests.discard(calls.pop())
    while len(calls) < count:
        calls.append(Request(0))
        state.reserved_requests.add(calls[-1])


def _pass(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    later = time.monotonic() + seconds
    for clock in ("time.monotonic", "celery.worker.autoscale.monotonic"):
        monkeypatch.setattr(clock, lambda: later)


def test_children_double_though_those_just_made_are_not_held_yet(
    pool: Pool, scaler: HandlerAutoscaler, hang: list[Request]
) -> None:
    _look(scaler, hang, FEWEST)
    assert pool.num_processes == FEWEST + policy.CHILDREN_BUSY
    for _ in range(5):
        _look(scaler, hang, pool.num_processes - 1)
    assert pool.num_processes == MOST


def test_nobody_is_made_while_no_child_is_held(
    pool: Pool, scaler: HandlerAutoscaler, hang: list[Request]
) -> None:
    _look(scaler, hang, 0)
    assert pool.num_processes == FEWEST


def test_as_many_as_work_side_by_side_come_where_many_are_called_for_at_a_few_looks(
    pool: Pool, scaler: HandlerAutoscaler, calls: list[Request]
) -> None:
    _call(calls, MOST)
    for _ in range(LOOKS - 1):
        scaler.maybe_scale()
        scaler.maybe_scale(req=calls[0])
    assert pool.num_processes == FEWEST, "a message is no look"
    scaler.maybe_scale()
    assert pool.num_processes == policy.CHILDREN_BUSY


def test_a_third_that_is_called_for_now_and_then_is_not_made(
    pool: Pool, scaler: HandlerAutoscaler, calls: list[Request]
) -> None:
    for count in (3, 3, 2) * LOOKS:
        _call(calls, count)
        scaler.maybe_scale()
    assert pool.num_processes == FEWEST


def test_children_that_nobody_needs_end_after_a_while_and_none_that_may_have_begun(
    pool: Pool,
    scaler: HandlerAutoscaler,
    calls: list[Request],
    hang: list[Request],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _call(calls, MOST)
    for _ in range(LOOKS):
        scaler.maybe_scale()
    _call(calls, 0)
    scaler.maybe_scale()
    assert pool.num_processes == policy.CHILDREN_BUSY, "more may be needed soon"
    _pass(monkeypatch, policy.CHILD_SPARE + 1)
    soft_stop._say(at_work=True)
    scaler.maybe_scale()
    soft_stop._say(at_work=False)
    assert pool.num_processes == policy.CHILDREN_BUSY, "one works of whom Celery has lost sight"
    _call(calls, 1)
    scaler.maybe_scale()
    assert pool.num_processes == policy.CHILDREN_BUSY, "the call may be with any of them"
    hang.append(calls[0])
    state.active_requests.add(calls[0])
    scaler.maybe_scale()
    assert pool.num_processes == FEWEST, "now it is known who works"
