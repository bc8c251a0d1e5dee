"""Places: so many of a kind, so many of a caller."""

import asyncio
import io
import json
from contextlib import AsyncExitStack

import pytest
from werkzeug.exceptions import ServiceUnavailable

from runhook.webhook.door import may_keep_files
from runhook.webhook.edge.limits import Limit, Shares

PATIENCE = 0.05  # seconds; nobody leaves in these tests before it is over, unless he is woken
LONG = 60.0


def test_who_takes_all_of_his_places_keeps_nobody_else_out() -> None:
    async def scene() -> None:
        places = Shares("bodies of yours are here", each=2, patience=PATIENCE)
        async with places.of("shop"), places.of("shop"):
            with pytest.raises(ServiceUnavailable, match=r"2 bodies of yours .* Nothing"):
                await places.of("shop").__aenter__()
            async with places.of("lab"):
                pass
        async with places.of("shop"):
            pass

    asyncio.run(scene())


def test_who_comes_when_his_places_are_taken_has_his_turn_in_the_order_of_coming() -> None:
    async def scene() -> list[int]:
        places, turns = Shares("requests", each=3, together=2, patience=LONG), []

        async def come(number: int) -> None:
            async with places.of("shop"):
                turns.append(number)
                await asyncio.sleep(0)

        await asyncio.gather(*map(come, range(1000)))
        return turns

    assert asyncio.run(scene()) == [*range(1000)]


def test_all_together_have_no_more_places_than_there_are() -> None:
    async def scene() -> None:
        places = Shares("bodies", each=2, together=3, patience=PATIENCE)
        async with AsyncExitStack() as held:
            for name in ("shop", "shop", "lab"):
                await held.enter_async_context(places.of(name))
            with pytest.raises(ServiceUnavailable):
                await places.of("lab").__aenter__()
        for name in ("lab", "lab"):  # who was refused has kept no place
            await held.enter_async_context(places.of(name))

    asyncio.run(scene())


def test_without_patience_who_finds_no_place_is_refused_at_once() -> None:
    async def scene() -> None:
        places = Shares("callbacks", each=1)
        async with places.of("job"):
            with pytest.raises(ServiceUnavailable):
                await places.of("job").__aenter__()
        async with places.of("job"):
            pass

    asyncio.run(scene())


def test_whoever_has_left_is_not_remembered() -> None:
    async def scene() -> Shares:
        places = Shares("bodies", each=1)
        for number in range(1000):
            async with places.of(f"/callbacks/{number}"):
                with pytest.raises(ServiceUnavailable):
                    await places.of(f"/callbacks/{number}").__aenter__()
        return places

    places = asyncio.run(scene())
    assert not places._turns
    assert not places._here


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
    with places.take("lab"), pytest.raises(ServiceUnavailable, match="at most 3 of all"):
        places.take("lab")
    for _ in range(2):  # each is given back once
        held[0].leave()
    places.take("shop").leave()
    held[1].leave()
    assert not places._taken
