"""A receiver whose record cannot be read: others are told, what it misses waits for it alone."""

import json
from contextlib import suppress
from typing import Any

import orjson
import pytest

from runhook.worker.delivery import roster, subscriptions
from runhook.worker.domain import policy
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.domain.jobs import Job
from runhook.worker.domain.policy import BACK_OFF
from runhook.worker.errors import NotFound, UnreadableRecord
from runhook.worker.flows.doctor import examine
from runhook.worker.flows.pump import published
from runhook.worker.store import Subscription, records
from runhook.worker.store.claims import Parked
from runhook.worker.tasks import Process
from tests.conftest import Build, House
from tests.receiver import Receiver

NEWER = records.VERSION + 1


def _subscribe(house: House, receiver: Receiver, *models: str) -> Subscription:
    given = {"url": receiver.url, "events": ["job.succeeded"], "models": list(models)}
    return subscriptions.create(house.w, subscriptions.read_new(house.w, given))[0]


def _spoil(house: House, one: Subscription, needs: int = NEWER) -> None:
    """Only a newer version may touch it; without such a number, none can read it."""
    wrong: dict[str, Any] = {"v": needs, "needs": needs} if needs else {"events": "["}
    house.raw.hset(f"runhook:subscription:{one.id}", mapping=wrong)


def _mend(house: House, one: Subscription) -> None:
    was = {"v": 1, "needs": 1, "events": '["job.succeeded"]'}
    house.raw.hset(f"runhook:subscription:{one.id}", mapping=was)


def _ends(house: House, count: int) -> list[Job]:
    return [house.until(house.ask(), "succeeded") for _ in range(count)]


def _told(receiver: Receiver) -> list[str]:
    return [json.loads(request.body)["subject"] for request in receiver.requests]


def _due(house: House) -> list[str]:
    return [name.decode() for name in house.raw.zrange("runhook:due:fanout", 0, -1)]


def test_what_a_newer_versions_receiver_misses_waits_for_it_and_no_event_stays_due(
    open_house: House, receiver: Receiver
) -> None:
    house = open_house
    theirs, other = _subscribe(house, receiver), _subscribe(house, receiver, "vidu/*")
    _spoil(house, theirs)
    jobs = _ends(house, 5)
    house.later(10 * policy.UNREADABLE_LOOK)
    assert _due(house) == [f"missed/{theirs.id}"]
    assert receiver.requests == []
    (finding,) = [one for one in examine(house.w, {}) if one.what == "receivers"]
    assert theirs.id in finding.says
    off = subscriptions.read_patch(house.w, {"models": []})
    subscriptions.change(house.w, other.id, off)
    _mend(house, theirs)
    for _ in range(3):
        house.later(policy.UNREADABLE_LOOK + 1)
    assert sorted(_told(receiver)) == sorted(job.id for job in jobs), "each once, to it alone"
    assert _due(house) == []
    assert not house.raw.exists(f"runhook:missed:{theirs.id}")


@pytest.mark.parametrize("needs", [NEWER, 0])
def test_all_others_are_told_at_once(open_house: House, receiver: Receiver, needs: int) -> None:
    house = open_house
    theirs = _subscribe(house, receiver)
    _subscribe(house, receiver)
    _spoil(house, theirs, needs)
    jobs = _ends(house, 2)
    assert _told(receiver) == [job.id for job in jobs]


def test_a_broken_receiver_is_parked_once_and_hears_all_when_it_was_mended(
    open_house: House, receiver: Receiver
) -> None:
    house = open_house
    theirs = _subscribe(house, receiver)
    _spoil(house, theirs, 0)
    jobs = _ends(house, 2)
    for wait in (policy.UNREADABLE_LOOK, *BACK_OFF, 60):
        with suppress(UnreadableRecord):
            house.later(wait)
    jobs += _ends(house, 2)
    house.later(3600)
    assert house.events().count("runhook.alert") == 1
    duties = house.w.store.duties
    assert [parked.id for parked in duties.parked()] == [f"missed/{theirs.id}"]
    _mend(house, theirs)
    duties.release(duties.parked())
    house.settle()
    house.later(1)
    assert sorted(_told(receiver)) == sorted(job.id for job in jobs)


def test_a_handler_of_a_newer_version_hears_later_what_it_missed(build: Build) -> None:
    heard: list[str] = []
    registry = Registry()
    tell = Handler(
        name="shop",
        types=("job.succeeded",),
        model=None,
        target=lambda event: heard.append(event.job.id),
    )
    registry.add(tell)
    house = build(registry)
    house.w.store.processes.publish_handlers(published(house.w))
    row = json.loads(house.raw.hget("runhook:handlers", "shop"))
    house.raw.hset("runhook:handlers", "shop", orjson.dumps(row | {"v": NEWER, "needs": NEWER}))
    jobs = _ends(house, 2)
    assert (heard, _due(house)) == ([], ["missed/shop"])
    house.raw.hset("runhook:handlers", "shop", orjson.dumps(row))
    house.later(policy.UNREADABLE_LOOK + 1)
    house.later(1)
    assert sorted(heard) == sorted(job.id for job in jobs)


def test_a_process_that_starts_mends_its_handlers_before_it_has_them_looked_at_again(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    registry = Registry()
    registry.add(
        Handler(
            name="shop",
            types=("job.succeeded",),
            model=None,
            target=lambda e: heard.append(e.job.id),
        )
    )
    house = build(registry)
    house.raw.hset("runhook:handlers", "shop", b"\xff no row")
    jobs = _ends(house, 2)
    for wait in (policy.UNREADABLE_LOOK, *BACK_OFF, 60):
        with suppress(UnreadableRecord):
            house.later(wait)
    assert house.w.store.duties.parked()
    release = house.w.store.duties.release

    def released_among_others(parked: list[Parked]) -> int:
        count = release(parked)
        with suppress(UnreadableRecord):
            house.settle()  # another process is quick
        return count

    monkeypatch.setattr(house.w.store.duties, "release", released_among_others)
    process = Process()
    process._wiring = house.w
    process._move_in()
    house.later(1)
    assert house.w.store.duties.parked() == []
    assert sorted(heard) == sorted(job.id for job in jobs)


def test_nothing_waits_for_a_receiver_that_is_gone(open_house: House, receiver: Receiver) -> None:
    house = open_house
    theirs = _subscribe(house, receiver)
    _spoil(house, theirs)
    house.raw.hset("runhook:handlers", "old", b"\xff no row")
    _ends(house, 1)
    house.w.store.subscriptions.remove(theirs.id)
    assert roster.end(house.w, "old") == 0
    with pytest.raises(NotFound):
        roster.end(house.w, "old")
    house.later(policy.UNREADABLE_LOOK + 1)
    assert _due(house) == []
    assert not list(house.raw.scan_iter("runhook:missed:*"))


def test_what_is_missed_is_kept_as_long_as_its_events(
    open_house: House, receiver: Receiver
) -> None:
    house = open_house
    theirs = _subscribe(house, receiver)
    _spoil(house, theirs)
    _ends(house, 3)
    house.clock.advance(86400)
    house.w.store.jobs.sweep(house.clock.now())
    _ends(house, 1)
    assert house.raw.zcard(f"runhook:missed:{theirs.id}") == 1
