"""Work that one thread does for many at a time."""

import asyncio
import threading

import pytest

from runhook.webhook.edge.gathering import Gathering

LONG = 60.0  # seconds that nobody waits in these tests


class Doubling:
    """Work that keeps its first round until it may go on."""

    def __init__(self) -> None:
        self.rounds: list[list[int]] = []
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, items: list[int]) -> list[int]:
        self.rounds.append(items)
        self.begun.set()
        self.go_on.wait(LONG)
        return [2 * item for item in items]


def test_what_comes_while_the_thread_works_is_done_together_and_each_has_its_answer() -> None:
    work = Doubling()

    async def scene() -> list[int]:
        gathering = Gathering("doubling", 4, work)
        first = asyncio.create_task(gathering.answer(0, LONG))
        await asyncio.to_thread(work.begun.wait, LONG)
        rest = [asyncio.create_task(gathering.answer(number, LONG)) for number in range(1, 7)]
        await asyncio.sleep(0)
        work.go_on.set()
        return list(await asyncio.gather(first, *rest))

    assert asyncio.run(scene()) == [0, 2, 4, 6, 8, 10, 12]
    assert work.rounds == [[0], [1, 2, 3, 4], [5, 6]]


def test_a_round_that_fails_is_the_trouble_of_those_in_it_alone() -> None:
    def work(items: list[int]) -> list[int]:
        if 0 in items:
            raise ValueError("nothing")
        return items

    async def scene() -> int:
        gathering = Gathering("failing", 4, work)
        with pytest.raises(ValueError, match="nothing"):
            await gathering.answer(0, LONG)
        return await gathering.answer(1, LONG)

    assert asyncio.run(scene()) == 1


def test_who_waited_long_enough_is_told_so_and_what_was_not_begun_is_left_out() -> None:
    work = Doubling()

    async def scene() -> int:
        gathering = Gathering("hanging", 4, work)
        first = asyncio.create_task(gathering.answer(0, 0.05))
        await asyncio.to_thread(work.begun.wait, LONG)
        second = asyncio.create_task(gathering.answer(1, 0.05))
        for late in (first, second):
            with pytest.raises(TimeoutError):
                await late
        work.go_on.set()
        return await gathering.answer(2, LONG)

    assert asyncio.run(scene()) == 4
    assert work.rounds == [[0], [2]]
