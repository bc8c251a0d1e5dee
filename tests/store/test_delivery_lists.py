"""Deliveries in lists: each receiver's by state, laid together, also beside the release before."""

from collections.abc import Sequence

import pytest

from runhook import Event
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.flows.pump import published
from tests.conftest import Build, House

NAMES = ("log", "mail", "shop")


def _hears(_: Event) -> None:
    """A handler that listens."""


def _fails(_: Event) -> None:
    raise ConnectionError("closed")


@pytest.fixture
def house(build: Build) -> House:
    """One with three handlers, of which `mail` fails."""
    registry = Registry()
    for name, target in zip(NAMES, (_hears, _fails, _hears), strict=True):
        types = ("job.running", "job.succeeded")
        registry.add(Handler(name=name, types=types, model=None, target=target))
    house = build(registry, RUNHOOK_RETRY_SCHEDULE="0")
    house.w.store.processes.publish_handlers(published(house.w))
    return house


def _names(
    house: House, state: str | None = None, handler: str | None = None, piece: int = 100
) -> list[str]:
    found = house.w.store.deliveries.names(state, handler, None, piece)
    return [name for names in found for name in names]


def _told(house: House, count: int = 3) -> list[str]:
    """Some jobs, each told of twice to each handler; the ids of the deliveries, newest first."""
    jobs = [house.until(house.ask(), "succeeded") for _ in range(count)]
    of = [one.id for job in jobs for one in house.w.store.deliveries.of_job(job.id)]
    return sorted(of, reverse=True)


@pytest.mark.parametrize("piece", [1, 4, 100])
def test_deliveries_are_listed_newest_first_whoever_is_told(house: House, piece: int) -> None:
    every = _told(house)
    assert len(every) == 18
    assert _names(house, piece=piece) == every
    dead = [name for name in every if name.endswith("_mail")]
    assert _names(house, "dead", piece=piece) == _names(house, None, "mail", piece) == dead
    assert _names(house, "done", piece=piece) == [name for name in every if name not in dead]
    assert _names(house, "pending") == _names(house, None, "nobody") == []


def test_who_has_no_delivery_any_more_is_looked_for_no_more(house: House) -> None:
    _told(house, 1)
    assert house.raw.zrange("runhook:receivers", 0, -1) == [name.encode() for name in NAMES]
    house.clock.advance(31 * 86_400)
    house.w.store.jobs.sweep(house.clock.now())
    assert house.raw.zrange("runhook:receivers", 0, -1) == [b"mail"], "its dead ones wait"
    assert [one.handler for one in house.w.store.deliveries.many(_names(house))] == ["mail"] * 2
    for piece in house.w.store.deliveries.names("dead", "mail", None):
        house.w.store.deliveries.end("mail", piece, "nobody will redeliver them", final=True)
    house.clock.advance(1)
    house.w.store.jobs.sweep(house.clock.now())
    assert house.raw.exists("runhook:receivers") == 0
    assert _names(house) == []


def test_what_an_older_process_opened_is_listed_and_it_lists_what_this_one_opens(
    house: House,
) -> None:
    house.raw.zadd("runhook:jobs", {"job_of_an_older_process": 0})
    every = _told(house)
    older: Sequence[str] = sorted(
        (
            name.decode()
            for state in ("pending", "done", "dead")
            for name in house.raw.zrange(f"runhook:deliveries:state:{state}", 0, -1)
        ),
        reverse=True,
    )
    assert older == every
    house.raw.delete("runhook:receivers")
    assert _names(house) == every, "their handlers are known"
    for name in NAMES:
        house.raw.hdel("runhook:handlers", name)
    assert _names(house) == []
    house.raw.delete("runhook:tidied")
    house.w.store.upkeep.end_what_older_versions_left()
    assert _names(house) == every
    house.clock.advance(2 * 86_400)
    house.w.store.upkeep.end_what_older_versions_left()
    assert house.raw.keys("runhook:deliveries:state:*") == []
    assert _names(house) == every
