"""How many waits one agent has at once over stdio, whatever becomes of each."""

import asyncio
from typing import Any

from runhook.worker.agents.server import OwnProcess
from runhook.worker.domain import policy


def test_a_wait_that_is_broken_off_before_it_begins_gives_its_place_back() -> None:
    waits: list[float] = []

    async def try_all() -> None:
        nobody: Any = None
        place = OwnProcess(nobody, nobody)
        for _ in range(3 * policy.AGENT_WAITS):
            call = asyncio.ensure_future(
                place.work(lambda desk: waits.append(desk.longest_wait), long=True, pays=False)
            )
            await asyncio.sleep(0)
            call.cancel()
        await asyncio.sleep(0.1)  # s; those that had begun end
        waits.clear()
        await place.work(lambda desk: waits.append(desk.longest_wait), long=True, pays=False)

    asyncio.run(try_all())
    assert waits == [policy.AGENT_WAIT_MOST]
