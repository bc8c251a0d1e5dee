"""Places: so many of a kind, so many of a caller."""

import asyncio
import io
import json
from contextlib import AsyncExitStack

import pytest
from werkzeug.exceptions import ServiceUnavailable

from runhook.webhook.edge.limits import Limit
from runhook.webhook.rsgi import may_keep_files

PATIENCE = 0.05  # seconds; nobody leaves in these tests before it is over, unless he is woken
LONG = 60.0


def test_who_takes_all_of_his_places_keeps_nobody_else_out() -> None:
    async def scene() -> None:
        places = Limit("bodies of yours are here", each=2, patience=PATIENCE)
        async with places.turn("shop"), places.turn("shop"):
            with pytest.raises(ServiceUnavailable, match=r"2 bodies of yours .* Nothing"):
                await places.turn("shop").__aenter__()
            async with places.turn("lab"):
                pass
        async with places.turn("shop"):
            pass

    asyncio.run(scene())


def test_who_comes_when_his_places_are_taken_has_his_turn_in_the_order_of_coming() -> None:
    async def scene() -> list[int]:
        places, turns = Limit("requests", each=3, together=2, patience=LONG), []

        async def come(number: int) -> None:
            async with places.turn("shop"):
                turns.append(number)
                await asyncio.sleep(0)

        await asyncio.gather(*map(come, range(1000)))
        return turns

    assert asyncio.run(scene()) == [*range(1000)]


def test_all_together_have_no_more_places_than_there_are() -> None:
    async def scene() -> None:
        places = Limit("bodies", each=2, together=3, patience=PATIENCE)
        async with AsyncExitStack() as held:
            for name in ("shop", "shop", "lab"):
                await held.enter_async_context(places.turn(name))
            said = r"1 bodies already, and 3 of all callers"
            with pytest.raises(ServiceUnavailable, match=said):
                await places.turn("lab").__aenter__()
        for name in ("lab", "lab"):  # who was refused has kept no place
            await held.enter_async_context(places.turn(name))

    asyncio.run(scene())


def test_without_patience_who_finds_no_place_is_refused_at_once() -> None:
    async def scene() -> None:
        places = Limit("callbacks", each=1)
        async with places.turn("job"):
            with pytest.raises(ServiceUnavailable):
                await places.turn("job").__aenter__()
        async with places.turn("job"):
            pass

    asyncio.run(scene())


def test_whoever_gives_up_waiting_takes_no_turn_and_keeps_nobody_from_one() -> None:
    async def scene() -> Limit:
        places = Limit("bodies", each=1, patience=LONG)

        async def come(turns: list[int], number: int) -> None:
            async with places.turn("shop"):
                turns.append(number)

        turns: list[int] = []
        async with places.turn("shop"):
            waiting = [asyncio.create_task(come(turns, number)) for number in range(4)]
            await asyncio.sleep(0)
            waiting[0].cancel()
            waiting[2].cancel()
        waiting[1].cancel()  # at the very moment of its turn
        await asyncio.gather(*waiting, return_exceptions=True)
        assert turns == [3]
        return places

    places = asyncio.run(scene())
    assert not places._taken
    assert not places._waiting


def test_whoever_has_left_is_not_remembered() -> None:
    async def scene() -> Limit:
        places = Limit("bodies", each=1)
        for number in range(1000):
            async with places.turn(f"/callbacks/{number}"):
                with pytest.raises(ServiceUnavailable):
                    await places.turn(f"/callbacks/{number}").__aenter__()
        return places

    places = asyncio.run(scene())
    assert not places._taken
    assert not places._waiting


@pytest.mark.parametrize(
    "spelt",
    [
        "data:image/png;base64,AA",
        r"\u0064ata:x",
        r"d\u0061ta:x",
        r"da\u0074a:x",
        r"data\u003Ax",
    ],
)
def test_no_spelling_of_a_data_uri_is_taken_for_a_job_without_files(spelt: str) -> None:
    assert json.loads(f'"{spelt}"').startswith("data:")
    body = io.BytesIO(b'{"input": {"imageUrl": "%s"}}' % spelt.encode())
    assert may_keep_files("/v1/jobs", body)
    assert body.tell() == 0


def test_a_text_in_whatever_language_is_no_file() -> None:
    body = io.BytesIO(json.dumps({"input": {"prompt": "一只猫, dataset: 4"}}).encode())
    assert not may_keep_files("/v1/jobs", body)
    assert not may_keep_files("/v1/jobs/batch", body)
    assert may_keep_files("/v1/assets", body)


def test_of_what_nobody_waits_for_a_caller_gets_his_part_and_no_more() -> None:
    places = Limit("batches of yours are being taken here", each=2, together=3)
    held = [places.take("shop"), places.take("shop")]
    with pytest.raises(ServiceUnavailable, match=r"2 batches of yours .* Nothing was done"):
        places.take("shop")
    with (
        places.take("lab"),
        pytest.raises(ServiceUnavailable, match=r"1 batches .* 3 of all callers"),
    ):
        places.take("lab")
    for _ in range(2):  # each is given back once
        held[0].leave()
    places.take("shop").leave()
    held[1].leave()
    assert not places._taken
