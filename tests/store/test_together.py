"""Threads that ask at the same time share one round trip."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from runhook.worker.errors import StoreUnavailable
from runhook.worker.store.together import Together
from tests.conftest import eventually


class Slow:
    """Doubles numbers, when it is let go on; 13 is no number for it."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.go_on = threading.Event()

    def ask(self, numbers: Sequence[int]) -> list[int | Exception]:
        self.asked.append([*numbers])
        assert self.go_on.wait(10)
        if 0 in numbers:
            raise OSError("away")
        if -1 in numbers:
            raise SystemExit
        return [ValueError(str(one)) if one == 13 else 2 * one for one in numbers]


def _rounds(slow: Slow, first: int, *second: int) -> tuple[Future[int], list[Future[int]]]:
    """Ask for one, and for others while that is under way; when all have been answered."""
    together = Together(slow.ask)
    with ThreadPoolExecutor(8) as threads:
        one = threads.submit(together.one, first)
        try:
            eventually(lambda: slow.asked)
            others = [threads.submit(together.one, number) for number in second]
            eventually(lambda: len(together._waiting) == len(others))
        finally:
            slow.go_on.set()
    return one, others


def test_who_asks_meanwhile_is_in_the_next_round_and_each_gets_its_own_answer() -> None:
    slow = Slow()
    first, others = _rounds(slow, 1, 2, 3, 13, 5)
    assert first.result() == 2
    with pytest.raises(ValueError, match="13"):
        others[2].result()
    assert [others[at].result() for at in (0, 1, 3)] == [4, 6, 10]
    assert [sorted(numbers) for numbers in slow.asked] == [[1], [2, 3, 5, 13]]


def test_a_round_that_fails_is_everybodys_in_it() -> None:
    first, others = _rounds(Slow(), 1, 0, 4)
    assert first.result() == 2
    for one in others:
        with pytest.raises(OSError, match="away"):
            one.result()


def test_a_thread_that_is_ended_while_it_asks_leaves_nobody_waiting() -> None:
    first, others = _rounds(Slow(), 1, -1, 4)
    assert first.result() == 2
    raised = {type(one.exception()) for one in others}
    assert raised == {SystemExit, StoreUnavailable}


@pytest.mark.parametrize(("bad", "raised"), [(0, OSError), (-1, SystemExit)])
def test_a_round_that_fails_is_nobodys_behind_it(bad: int, raised: type[BaseException]) -> None:
    first, (behind,) = _rounds(Slow(), bad, 4)
    with pytest.raises(raised):
        first.result()
    assert behind.result() == 8
