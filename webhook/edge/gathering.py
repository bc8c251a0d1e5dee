"""Work that one thread does for many: what comes while it works is done together, the next time.

So a round trip to Redis is shared by all who wait for one; alone, nobody waits for anybody.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Gathering(Generic[Item, Answer]):
    """Items, each with an answer, worked on many at a time. For the event loop alone."""

    def __init__(self, name: str, most: int, work: Callable[[list[Item]], list[Answer]]) -> None:
        """Args:
        name: What the thread is called.
        most: Items that are worked on together.
        work: Done in the thread: an answer to each item, in their order.
        """
        self._most, self._work = most, work
        self._thread = ThreadPoolExecutor(1, name)
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._working: asyncio.Task[None] | None = None

    async def answer(self, item: Item, seconds: float) -> Answer:
        """The answer to one item.

        Raises:
            TimeoutError: It took longer. The item is done all the same, if it was begun.
            Exception: What the work raised, with whatever it was on.
        """
        loop = asyncio.get_running_loop()
        mine: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((item, mine))
        if self._working is None:
            self._working = loop.create_task(self._go_on())
        # A third of what `asyncio.timeout` costs.
        timer = loop.call_later(seconds, _give_up, mine)
        try:
            return await mine
        finally:
            timer.cancel()

    async def _go_on(self) -> None:
        try:
            while self._waiting:
                wanted = [one for one in self._waiting if not one[1].done()]
                now, self._waiting = wanted[: self._most], wanted[self._most :]
                await self._do(now)
        finally:
            self._working = None

    async def _do(self, together: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        items = [item for item, _ in together]
        loop = asyncio.get_running_loop()
        try:
            answers = await loop.run_in_executor(self._thread, self._work, items)
        except Exception as error:  # noqa: BLE001 - raised to each, and ends nobody else's work
            for _, waits in together:
                if not waits.done():
                    waits.set_exception(error)
            return
        for (_, waits), answer in zip(together, answers, strict=True):
            if not waits.done():
                waits.set_result(answer)


def _give_up(waits: asyncio.Future[Answer]) -> None:
    if not waits.done():
        waits.set_exception(TimeoutError())
