"""When the line is looked at: only where somebody stands, and as long as one of them may go."""

import threading
from typing import Any

import pytest

from runhook.worker.domain import policy
from runhook.worker.domain.frozen import evolve
from runhook.worker.domain.jobs import Job
from runhook.worker.errors import StoreUnavailable
from runhook.worker.flows import dispatch
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.drain import Shift, drain
from runhook.worker.flows.steps.departure import DepartureCheck
from runhook.worker.flows.steps.prepare import of_a_known_model
from runhook.worker.store.claims import Held
from tests.conftest import Build, House
from tests.trips import trips
from tests.turns import wrong_turns

ONE = Shift(1, 60)  # one duty and no more


def _line_is_due(house: House) -> bool:
    return bool(house.raw.zcard("runhook:due:line"))


def _one_and_the_next(build: Build) -> tuple[House, Job, Job]:
    """Two jobs of a tenant that may have one in flight."""
    house = build(RUNHOOK_TENANT_CONCURRENCY=1)
    return house, house.ask(), house.ask()


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
    house, first, second = _one_and_the_next(build)
    jobs = house.w.store.jobs
    change_each = jobs.change_each

    def cancelled_meanwhile(*args: Any) -> Any:
        monkeypatch.undo()
        cancel(house.w, first.id)
        return change_each(*args)

    monkeypatch.setattr(jobs, "change_each", cancelled_meanwhile)
    drain(house.w, "line")
    assert [house.job(job).state for job in (first, second)] == ["cancelled", "sending"]


def test_a_turn_that_a_job_could_not_take_is_the_next_ones(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, first, second = _one_and_the_next(build)

    def stumbles(job: Job) -> None:
        if job.id == first.id:
            raise RuntimeError("nobody foresaw this")
        of_a_known_model(job)

    monkeypatch.setattr(dispatch, "of_a_known_model", stumbles)
    drain(house.w, "line")
    assert [house.job(job).state for job in (first, second)] == ["queued", "sending"]


def test_many_who_come_back_from_aside_at_once_leave_nobody_behind_there(build: Build) -> None:
    house = build(RUNHOOK_TENANT_CONCURRENCY=1)
    house.w.store.queue.pause(True)
    many = [house.ask(tenant="a") for _ in range(policy.BACK_FROM_ASIDE_AT_ONCE)]
    other = house.ask(tenant="b")
    for job in (*many, other):
        house.w.store.queue.put_aside(job.id, 5)
        house.clock.advance(0.001)  # the other one comes last
    house.clock.advance(6)
    house.lost = ["send"]  # the one of theirs that goes is on its way for long
    house.w.store.queue.pause(False)
    house.settle()
    assert house.job(other).state == "sending"


def test_a_second_lost_answer_keeps_those_behind_it_waiting_no_longer_than_the_breaker(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = build(RUNHOOK_TENANT_CONCURRENCY=1)
    house.sandbox.faults({"fault": "answer_lost_unaccepted", "match": "doubted"})
    first, behind = house.ask(prompt="doubted", tenant="a"), house.ask(tenant="a")
    other = house.ask(prompt="doubted, too", tenant="b")
    drain(house.w, "line")
    may_leave = DepartureCheck.may_leave

    def meanwhile() -> None:
        drain(house.w, "send", f"{other.id}/1", shift=ONE)
        house.ask(prompt="another", tenant="a")  # so the line is looked at before the breaker opens
        drain(house.w, "line")
        assert not _line_is_due(house)

    def while_it_leaves(check: DepartureCheck) -> bool:
        may = may_leave(check)
        monkeypatch.undo()
        thread = threading.Thread(target=meanwhile)
        thread.start()
        thread.join()
        return may

    monkeypatch.setattr(DepartureCheck, "may_leave", while_it_leaves)
    drain(house.w, "send", f"{first.id}/1", shift=ONE)
    assert house.job(first).state == "unconfirmed"
    for _ in range(5):
        house.later(policy.STANDSTILL_LOOK + 1)
    assert house.job(behind).state != "queued"


def test_whom_a_repair_lets_go_on_goes_on(build: Build) -> None:
    house = build(RUNHOOK_TENANT_CONCURRENCY=1)
    flying = house.ask(tenant="b")
    drain(house.w, "line")
    waits = house.ask(tenant="a")
    house.raw.zrem("runhook:flight", f"b {flying.id}")
    house.raw.zadd("runhook:flight", {"a job_gone": 0})  # as many as there are, so nobody counts
    house.lost = ["send"]
    house.settle()
    assert house.job(waits).state == "queued"
    house.w.store.upkeep.repair(house.settle)
    house.settle()
    assert house.job(waits).state == "sending"


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
