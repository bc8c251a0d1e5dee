"""Threads that ask at the same time share one round trip."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

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
        if numbers == [-1]:
            raise SystemExit
        if numbers == [0]:
            raise OSError("away")
        return [ValueError(str(one)) if one == 13 else 2 * one for one in numbers]


def test_who_asks_meanwhile_is_in_the_next_round_and_each_gets_its_own_answer() -> None:
    slow = Slow()
    together = Together(slow.ask)
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(together.one, 1)
        eventually(lambda: slow.asked)
        others = [threads.submit(together.one, number) for number in (2, 3, 13, 5)]
        eventually(lambda: len(together._waiting) == len(others))
        slow.go_on.set()
        assert first.result(10) == 2
        with pytest.raises(ValueError, match="13"):
            others[2].result(10)
        assert [others[at].result(10) for at in (0, 1, 3)] == [4, 6, 10]
    assert [sorted(numbers) for numbers in slow.asked] == [[1], [2, 3, 5, 13]]


@pytest.mark.parametrize(("bad", "raised"), [(0, OSError), (-1, SystemExit)])
def test_a_round_that_fails_is_nobodys_behind_it(bad: int, raised: type[BaseException]) -> None:
    slow = Slow()
    together = Together(slow.ask)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(together.one, bad)
        eventually(lambda: slow.asked)
        behind = threads.submit(together.one, 4)
        eventually(lambda: together._waiting)
        slow.go_on.set()
        with pytest.raises(raised):
            first.result(10)
        assert behind.result(10) == 8
