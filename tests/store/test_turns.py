"""Tenants take turns in the queue, and none has more in flight than it may, whatever is lost."""

from typing import Any

import pytest

from runhook.worker.domain import moves, policy
from runhook.worker.domain.jobs import Job
from runhook.worker.domain.moves import Move
from runhook.worker.domain.reports import Error
from runhook.worker.flows import create
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.create import JobRequest
from runhook.worker.flows.dispatch import _turn_of
from runhook.worker.store import Change
from tests.conftest import IMAGE, Build, House
from tests.flows.test_lost_writes import _dump, _go_back
from tests.store.test_long_line import _commands
from tests.store.test_lost_replies import Line, line
from tests.turns import wrong_turns

__all__ = ["line"]


def _asks(house: House, tenant: str, count: int = 1, **more: Any) -> list[Job]:
    """Jobs of a tenant, a moment apart."""
    found = []
    for number in range(count):
        house.clock.advance(0.01)
        given = JobRequest(model=IMAGE, input={"prompt": f"{number}"}, tenant=tenant, **more)
        found.append(create.request(house.w, given)[1])
    return found


def _next(house: House) -> list[str]:
    """Whose jobs go next, in their order."""
    return [house.w.store.jobs.tenant(name) or "" for name, _ in house.w.store.queue.peek().jobs]


def _dispatched(house: House) -> list[str]:
    """Give those their turn that have room; whose they are, in the order of their jobs."""
    before = _flying(house)
    house.lost = ["send"]
    house.settle()
    return sorted(tenant for job, tenant in _flying(house).items() if job not in before)


def _flying(house: House) -> dict[str, str]:
    names = [name.decode() for name in house.raw.zrange("runhook:jobs:state:sending", 0, -1)]
    return {name: house.w.store.jobs.tenant(name) or "" for name in names}


def _end(house: House, job: str | Job) -> None:
    """One in flight is over."""
    job_id = job.id if isinstance(job, Job) else job

    def over(job: Job) -> Change:
        error = Error(code="rejected", message="of a test")
        return Change(job=moves.end(job, Move.FAIL, "submit", house.clock.now(), error=error))

    assert house.w.store.jobs.change(job_id, over)[0] == "done"


def _one_of(house: House, tenant: str) -> str:
    return next(job for job, whose in _flying(house).items() if whose == tenant)


@pytest.fixture
def narrow(build: Build) -> House:
    """Three slots, of which one tenant has one at most."""
    return build(RUNHOOK_CONCURRENCY=3, RUNHOOK_TENANT_CONCURRENCY=1)


def test_tenants_take_turns_whoever_came_first(house: House) -> None:
    house.w.store.queue.pause(True)
    _asks(house, "a", 5)
    _asks(house, "b", 2)
    _asks(house, "c", 1)
    house.w.store.queue.pause(False)
    assert _next(house) == ["a", "b", "c", "a", "b", "a", "a", "a"]
    assert wrong_turns(house.raw) == []


def test_a_tenants_own_jobs_keep_their_order(house: House) -> None:
    house.w.store.queue.pause(True)
    late = _asks(house, "a", 2)
    (urgent,) = _asks(house, "a", priority=9)
    house.w.store.queue.pause(False)
    names = [name for name, _ in house.w.store.queue.peek().jobs]
    assert names == [urgent.id, *(job.id for job in late)]


def test_priority_counts_before_turns(house: House) -> None:
    house.w.store.queue.pause(True)
    _asks(house, "a", 2, priority=9)
    _asks(house, "b", 2)
    _asks(house, "c", 1, priority=7)
    _asks(house, "b", 1, priority=9)
    house.w.store.queue.pause(False)
    assert _next(house) == ["a", "b", "a", "c", "b", "b"]


def test_a_job_that_leaves_the_queue_leaves_no_row_behind(house: House) -> None:
    house.w.store.queue.pause(True)
    for part in (0.0002, 0.0006, 0.0007):  # of a moment, which its record keeps rounded
        house.clock.advance(part)
        _asks(house, "a")
    house.w.store.queue.pause(False)
    assert _dispatched(house) == ["a", "a", "a"]
    assert wrong_turns(house.raw) == []


def test_whoever_was_served_stands_last(build: Build) -> None:
    house = build(RUNHOOK_CONCURRENCY=1)
    _asks(house, "a", 3)
    _asks(house, "b", 2)
    served = []
    for _ in range(5):
        served += _dispatched(house)
        _end(house, _one_of(house, served[-1]))
    assert served == ["a", "b", "a", "b", "a"]
    assert wrong_turns(house.raw) == []
    assert house.raw.keys("runhook:ring:*") + house.raw.keys("runhook:standing:*") == []
    assert not house.raw.exists("runhook:flight")


def test_whoever_comes_back_stands_behind_those_who_waited(build: Build) -> None:
    house = build(RUNHOOK_CONCURRENCY=1)
    _asks(house, "a")
    assert _dispatched(house) == ["a"]
    _asks(house, "b", 2)
    _asks(house, "a")
    _end(house, _one_of(house, "a"))
    assert _next(house) == ["b"]


def test_a_turn_is_the_tenants_in_all_lines(build: Build) -> None:
    house = build(RUNHOOK_CONCURRENCY=1)
    house.w.store.queue.pause(True)
    _asks(house, "a", 2)
    for number in range(2):
        house.clock.advance(0.01)
        given = JobRequest(
            model="workflow/1904136902449209346",
            input={"6.text": f"{number}"},
            options={"instanceType": "plus"},
            tenant="a",
        )
        create.request(house.w, given)
    _asks(house, "b", 2)
    house.w.store.queue.pause(False)
    assert {key.decode() for key in house.raw.keys("runhook:ring:*")} == {
        "runhook:ring:main",
        "runhook:ring:instance-plus",
    }
    served = []
    for _ in range(6):
        served += _dispatched(house)
        _end(house, _one_of(house, served[-1]))
    assert served == ["a", "b", "a", "b", "a", "a"]


def test_a_cancelled_job_costs_its_tenant_no_turn(house: House) -> None:
    house.w.store.queue.pause(True)
    first, *_ = _asks(house, "a", 2)
    _asks(house, "b", 1)
    cancel(house.w, first.id)
    house.w.store.queue.pause(False)
    assert _next(house) == ["a", "b"]
    assert wrong_turns(house.raw) == []


def test_no_tenant_has_more_in_flight_than_it_may(narrow: House) -> None:
    _asks(narrow, "a", 3)
    _asks(narrow, "b", 2)
    assert _dispatched(narrow) == ["a", "b"]
    assert narrow.w.store.queue.peek().word == "limited"
    assert wrong_turns(narrow.raw) == []
    _end(narrow, _one_of(narrow, "a"))
    assert _dispatched(narrow) == ["a"]
    _end(narrow, _one_of(narrow, "a"))
    _end(narrow, _one_of(narrow, "b"))
    assert _dispatched(narrow) == ["a", "b"]
    assert narrow.w.store.queue.peek().word == "empty"


def test_two_who_give_turns_at_once_keep_to_the_limit(narrow: House) -> None:
    narrow.w.store.queue.pause(True)
    jobs = _asks(narrow, "a", 2)
    narrow.w.store.queue.pause(False)
    words = [
        narrow.w.store.jobs.change(job.id, lambda job: _turn_of(narrow.w, job))[0] for job in jobs
    ]
    assert words == ["done", "full"]


def test_names_that_begin_alike_are_counted_apart(build: Build) -> None:
    house = build(RUNHOOK_TENANT_CONCURRENCY=1)
    names = ["a", "A", "a.", "a-", "a_", "a0", "a.b", "aa", "0", "a" * 100]
    for name in names:
        _asks(house, name, 2)
    assert _dispatched(house) == sorted(names)
    state = house.w.store.queue.tenants()
    assert {one.tenant: (one.queued, one.in_flight) for one in state.named} == dict.fromkeys(
        names, (1, 1)
    )


def test_a_limit_that_is_taken_away_lets_all_go_on(build: Build) -> None:
    house = build(RUNHOOK_TENANT_CONCURRENCY=1)
    _asks(house, "a", 3)
    assert _dispatched(house) == ["a"]
    free = build()
    assert _next(free) == ["a", "a"]
    wider = build(RUNHOOK_TENANT_CONCURRENCY=2)
    assert _next(wider) == ["a"]


def _hold_back(house: House, count: int) -> None:
    """Tenants that have one job in flight and one that waits, as their turns left them."""
    pipe = house.raw.pipeline(transaction=False)
    for number in range(count):
        name, job = f"held{number:06d}", f"job_held{number:06d}"
        score = 4 * 10**13 + number
        pipe.zadd("runhook:ring:main", {name: policy.HELD_BACK + score})
        pipe.zadd("runhook:standing:main", {f"{name} {score:015} {job}": 0})
        pipe.zadd("runhook:line:main", {job: score})
        pipe.zadd("runhook:jobs:state:running", {f"{job}r": 0})
        pipe.zadd("runhook:flight", {f"{name} {job}r": 0})
        pipe.hset(f"runhook:job:{job}r", "tenant", name)
    pipe.execute()


def test_a_thousand_tenants_at_their_limit_cost_no_more_than_fifty(build: Build) -> None:
    house = build(RUNHOOK_CONCURRENCY=5000, RUNHOOK_TENANT_CONCURRENCY=1)
    house.w.store.queue.pause(True)
    _asks(house, "late", 2)
    house.w.store.queue.pause(False)
    costs = []
    for count in (50, 1000):
        _hold_back(house, count)
        house.raw.config_resetstat()
        assert _next(house)[:1] == ["late"]
        costs.append(_commands(house.raw))
    assert costs[1] <= costs[0]
    assert costs[1] < 60


def test_a_new_limit_passes_over_any_number_in_a_few_looks(build: Build) -> None:
    house = build(RUNHOOK_CONCURRENCY=5000, RUNHOOK_TENANT_CONCURRENCY=1)
    house.w.store.queue.pause(True)
    (last,) = _asks(house, "zz", priority=0)
    _hold_back(house, 1000)
    for number in range(1000):
        house.raw.zincrby("runhook:ring:main", -policy.HELD_BACK, f"held{number:06d}")
    house.w.store.queue.pause(False)
    looks = [house.w.store.queue.peek() for _ in range(7)]
    assert [look.more for look in looks[:4]] == [True] * 4
    assert [name for name, _ in looks[-1].jobs] == [last.id]


def test_whoever_stands_behind_many_at_their_new_limit_has_its_turn(build: Build) -> None:
    house = build(RUNHOOK_CONCURRENCY=5000, RUNHOOK_TENANT_CONCURRENCY=1)
    house.w.store.queue.pause(True)
    (last,) = _asks(house, "zz", priority=0)
    _hold_back(house, 450)
    for number in range(450):
        house.raw.zincrby("runhook:ring:main", -policy.HELD_BACK, f"held{number:06d}")
    house.w.store.queue.pause(False)
    assert _dispatched(house) == ["zz"]
    assert house.job(last).state == "sending"


def test_a_turn_whose_reply_is_lost_counts_once(line: Line) -> None:
    line.house.w.store.queue.pause(True)
    job, _ = _asks(line.house, "a", 2)
    _asks(line.house, "b", 1)
    line.house.w.store.queue.pause(False)
    store = line.asks_twice()
    moved, _ = store.jobs.change(job.id, lambda job: _turn_of(line.house.w, job))
    assert (line.lost, moved) == (1, "done")
    assert wrong_turns(line.house.raw) == []
    assert _next(line.house) == ["b", "a"]


def test_a_job_whose_making_is_asked_twice_stands_once(line: Line) -> None:
    line.house.w.store.queue.pause(True)
    (job,) = _asks(line.house, "a")
    twin = type(job)(**{**vars(job), "id": f"{job.id}2"})
    line.asks_twice().jobs.create(twin, "a", ())
    assert line.lost == 1
    assert wrong_turns(line.house.raw) == []


def _as_of_an_older_process(house: House) -> None:
    """It knows the line only."""
    for kind in ("standing", "ring"):
        for key in house.raw.keys(f"runhook:{kind}:*"):
            house.raw.delete(key)
    house.raw.delete("runhook:flight")


def test_what_an_older_process_queued_takes_turns(build: Build) -> None:
    house = build(RUNHOOK_CONCURRENCY=20)
    house.w.store.queue.pause(True)
    _asks(house, "a", 3)
    _asks(house, "b", 2)
    _as_of_an_older_process(house)
    house.w.store.queue.pause(False)
    assert _next(house) == ["a", "b", "a", "b", "a"]
    assert wrong_turns(house.raw) == []


def test_what_an_older_process_queued_beside_ours_is_found(house: House) -> None:
    house.w.store.queue.pause(True)
    _asks(house, "a", 2)
    _as_of_an_older_process(house)
    _asks(house, "b", 2)
    house.w.store.queue.pause(False)
    assert sorted(_next(house)) == ["a", "a", "b", "b"]


def test_a_line_longer_than_a_look_takes_turns_when_a_worker_starts(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "MENDED_AT_ONCE", 3)
    house = build(RUNHOOK_CONCURRENCY=20)
    house.w.store.queue.pause(True)
    _asks(house, "a", 9)
    _asks(house, "b", 2)
    _as_of_an_older_process(house)
    house.w.store.upkeep.list_what_older_processes_left()
    house.w.store.queue.pause(False)
    assert wrong_turns(house.raw) == []
    assert _next(house)[:4] == ["a", "b", "a", "b"]


def test_what_an_older_process_dispatched_is_not_named_again(house: House) -> None:
    house.w.store.queue.pause(True)
    jobs = _asks(house, "a", 30)
    house.w.store.queue.pause(False)
    for job in jobs[:25]:
        house.raw.zrem("runhook:line:main", job.id)
    found = []
    for _ in range(5):
        found = [name for name, _ in house.w.store.queue.peek().jobs]
        if found:
            break
    assert found == [job.id for job in jobs[25:]]
    assert wrong_turns(house.raw) == []


def test_what_an_older_process_ended_holds_nobody_back(narrow: House) -> None:
    _asks(narrow, "a", 2)
    assert _dispatched(narrow) == ["a"]
    narrow.raw.zrem("runhook:jobs:state:sending", _one_of(narrow, "a"))
    assert _next(narrow) == ["a"]


def test_what_an_older_process_sent_counts(narrow: House) -> None:
    _asks(narrow, "a", 2)
    assert _dispatched(narrow) == ["a"]
    narrow.raw.delete("runhook:flight")
    assert narrow.w.store.queue.peek().word == "limited"


def test_a_job_that_named_no_tenant_waits_as_that_of_who_asked(narrow: House) -> None:
    narrow.w.store.queue.pause(True)
    (job,) = _asks(narrow, "a")
    narrow.raw.hdel(f"runhook:job:{job.id}", "tenant")
    _as_of_an_older_process(narrow)
    narrow.w.store.queue.pause(False)
    assert [name for name, _ in narrow.w.store.queue.peek().jobs] == [job.id]
    narrow.w.store.listing.relist([job.id])
    assert wrong_turns(narrow.raw) == []


@pytest.mark.parametrize("gone", ["standing:main", "ring:main", "flight"])
def test_a_key_that_is_lost_strands_no_job(house: House, gone: str) -> None:
    house.w.store.queue.pause(True)
    _asks(house, "a", 2)
    _asks(house, "b", 1)
    house.raw.delete(f"runhook:{gone}")
    house.w.store.queue.pause(False)
    assert _next(house) == ["a", "b", "a"]
    assert wrong_turns(house.raw) == []


@pytest.mark.parametrize("gone", ["standing:main", "ring:main", "flight", "lines"])
def test_repair_makes_turns_right(narrow: House, gone: str) -> None:
    _asks(narrow, "a", 3)
    _asks(narrow, "b", 3)
    assert _dispatched(narrow) == ["a", "b"]
    narrow.raw.delete(f"runhook:{gone}")
    narrow.raw.zadd("runhook:standing:main", {"c 000000000000001 job_gone": 0})
    narrow.raw.zadd("runhook:flight", {"c job_gone": 0})
    narrow.w.store.upkeep.repair()
    assert narrow.w.store.upkeep.repair() == 0
    assert wrong_turns(narrow.raw) == []
    _end(narrow, _one_of(narrow, "a"))
    assert _dispatched(narrow) == ["a"]


def test_a_redis_that_went_back_takes_turns_from_there(narrow: House) -> None:
    narrow.w.store.queue.pause(True)
    _asks(narrow, "a", 3)
    _asks(narrow, "b", 1)
    dump = _dump(narrow)
    narrow.w.store.queue.pause(False)
    assert _dispatched(narrow) == ["a", "b"]
    _end(narrow, _one_of(narrow, "a"))
    _go_back(narrow, dump)
    narrow.w.store.queue.pause(False)
    assert wrong_turns(narrow.raw) == []
    assert _next(narrow) == ["a", "b"]


def test_an_unconfirmed_job_that_is_let_go_of_holds_its_tenant_back_no_more(
    narrow: House,
) -> None:
    _asks(narrow, "a", 2)
    assert _dispatched(narrow) == ["a"]
    job = _one_of(narrow, "a")
    narrow.w.store.jobs.change(
        job, lambda job: Change(job=moves.move(job, Move.LOSE_SIGHT, narrow.clock.now()))
    )
    front = narrow.w.store.queue.peek()
    assert (front.word, front.holding) == ("doubt", (job,))
    narrow.w.store.queue.let_go((job,))
    assert _next(narrow) == ["a"]
    assert wrong_turns(narrow.raw) == []


def test_a_place_is_that_among_the_tenants_own_jobs(narrow: House) -> None:
    first, *_, last = _asks(narrow, "a", 4)
    (other,) = _asks(narrow, "b")
    place = narrow.w.store.queue.place
    assert [place("main", job.id).position for job in (first, last, other)] == [1, 4, 1]
    assert place("main", last.id).why_waiting is None
    assert _dispatched(narrow) == ["a", "b"]
    assert place("main", first.id).position is None
    assert place("main", last.id).position == 3
    assert "its tenant has 1 in flight" in str(place("main", last.id).why_waiting)
