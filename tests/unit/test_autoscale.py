"""Children that run handlers: more in time where handlers hang, few where none does."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from celery.worker import state

from runhook.worker.domain import policy
from runhook.worker.queue.autoscale import HandlerAutoscaler

MOST, FEWEST = 64, 4


@dataclass(eq=False)
class Request:
    """What a child works on, and since when."""

    time_start: float


@dataclass
class Pool:
    """Counts children."""

    num_processes: int = FEWEST

    def grow(self, n: int) -> None:
        """More of them."""
        self.num_processes += n

    def maintain_pool(self) -> None:
        """They are there."""


@pytest.fixture
def hang() -> Iterator[list[Request]]:
    """Whatever is put here hangs."""
    hanging: list[Request] = []
    yield hanging
    for one in hanging:
        state.active_requests.discard(one)


def _look(scaler: HandlerAutoscaler, hanging: list[Request], count: int) -> None:
    """Celery's look, while so many children are held and the others work."""
    while len(hanging) < count:
        hanging.append(Request(time.time() - policy.CHILD_HELD - 1))
        state.active_requests.add(hanging[-1])
    scaler.maybe_scale()


def test_children_double_though_those_just_made_are_not_held_yet(hang: list[Request]) -> None:
    pool = Pool()
    scaler = HandlerAutoscaler(pool, MOST, FEWEST, keepalive=1)
    _look(scaler, hang, FEWEST)
    for _ in range(4):
        _look(scaler, hang, pool.num_processes - 1)
    assert pool.num_processes == MOST


def test_nobody_is_made_while_no_child_is_held(hang: list[Request]) -> None:
    pool = Pool()
    _look(HandlerAutoscaler(pool, MOST, FEWEST, keepalive=1), hang, 0)
    assert pool.num_processes == FEWEST
