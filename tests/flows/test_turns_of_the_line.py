"""What giving jobs their turn costs: the line is looked at only where somebody stands in it."""

from typing import Any

import pytest

from runhook.worker.domain.frozen import evolve
from runhook.worker.errors import StoreUnavailable
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.drain import drain
from runhook.worker.store.claims import Held
from tests.conftest import Build, House
from tests.trips import trips
from tests.turns import wrong_turns


def _line_is_due(house: House) -> bool:
    return bool(house.raw.zcard("runhook:due:line"))


def test_a_turn_of_one_alone_puts_the_duty_of_the_line_down_with_it(build: Build) -> None:
    house = build()
    house.ask()
    drain(house.w, "line")  # connections are there, and Redis knows the scripts
    house.ask()
    # Claimed with the one in front, and its turn.
    assert trips(lambda: drain(house.w, "line")) == 2
    assert house.standing("sending") == 2
    assert not _line_is_due(house)


def test_of_several_turns_the_duty_goes_on_until_it_is_known_how_each_went(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = build()
    first, _ = house.ask(), house.ask()
    jobs = house.w.store.jobs

    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    def stale(held: Held, *rest: Any) -> Any:
        if held.job.id == first.id:
            held = evolve(held, job=evolve(held.job, rev=7))
        return moved(held, *rest)

    moved = jobs._move
    with monkeypatch.context() as broken:
        broken.setattr(jobs, "_move", stale)
        broken.setattr(jobs, "_changed_after_all", away)
        with pytest.raises(StoreUnavailable):
            drain(house.w, "line")
    assert _line_is_due(house)
    house.later(60)
    assert house.job(first).state != "queued"


@pytest.mark.parametrize("each", [1, 2])
def test_a_turn_that_an_expired_job_did_not_take_is_the_next_ones(build: Build, each: int) -> None:
    house = build(RUNHOOK_TENANT_CONCURRENCY=each)
    late = [house.ask(options={"expires_in": 30}) for _ in range(each)]
    job = house.ask()
    house.clock.advance(31)
    drain(house.w, "line")
    assert {house.job(one).state for one in late} == {"failed"}
    assert house.job(job).state == "sending"


def test_a_turn_that_a_cancelled_job_did_not_take_is_the_next_ones(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = build(RUNHOOK_TENANT_CONCURRENCY=1)
    first, second = house.ask(), house.ask()
    jobs = house.w.store.jobs
    change_each = jobs.change_each

    def cancelled_meanwhile(*args: Any) -> Any:
        monkeypatch.undo()
        cancel(house.w, first.id)
        return change_each(*args)

    monkeypatch.setattr(jobs, "change_each", cancelled_meanwhile)
    drain(house.w, "line")
    assert house.job(first).state == "cancelled"
    assert house.job(second).state == "sending"


def test_a_slot_that_is_free_again_wakes_the_line_where_somebody_stands_in_it(
    build: Build,
) -> None:
    house = build(RUNHOOK_CONCURRENCY=1)
    first, second = house.ask(), house.ask()
    house.until(first, "succeeded")
    assert house.until(second, "succeeded")


def test_with_nobody_in_line_a_slot_that_is_free_again_wakes_nobody(build: Build) -> None:
    house = build()
    job = house.ask()
    drain(house.w, "line")
    house.lost = ["line"]
    house.until(job, "succeeded")
    assert not _line_is_due(house)


def test_what_the_doctor_finds_wrong_of_a_queue_it_finds_once(house: House) -> None:
    house.w.store.queue.pause(True)
    for part in (0.0002, 0.0006, 0.0007):  # seconds: a record's moment has more places than a score
        house.clock.advance(part)
        house.ask()
    house.w.store.upkeep.repair()
    assert house.w.store.upkeep.repair() == 0
    assert wrong_turns(house.raw) == []
