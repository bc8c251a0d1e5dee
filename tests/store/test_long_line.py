"""A line of 100,000 jobs: left in order of priority and age, at the same cost as a short one."""

from typing import Any

import pytest

from runhook.worker.domain.jobs import Job
from runhook.worker.store.job_records import line_score
from tests.conftest import House

MANY = 100_000
LAST = 11 * 10**13  # a score behind all priorities
STEPS = 40


def _leave(house: House, job_id: str) -> None:
    score = house.raw.zscore("runhook:line:main", job_id)
    house.raw.zrem("runhook:line:main", job_id)
    house.raw.zrem("runhook:standing:main", f"local {score:015.0f} {job_id}")


def _wait_in_line(house: House, count: int) -> None:
    """Others that stand behind: their places, which is all that a step of the line can see."""
    model = house.ask(prompt="model of all others")
    _leave(house, model.id)
    pipe = house.raw.pipeline(transaction=False)
    for number in range(count):
        job_id = f"job_behind{number:06d}"
        pipe.zadd("runhook:line:main", {job_id: LAST + number})
        pipe.zadd("runhook:standing:main", {f"local {LAST + number} {job_id}": 0})
        pipe.zadd("runhook:jobs:state:queued", {job_id: 0})
        if number % 10_000 == 0:
            pipe.execute()
    pipe.execute()


def _commands(raw: Any) -> int:
    """How many commands the server has run, those inside scripts among them.

    A client that was idle for some seconds first asks whether its connection lives.
    """
    stats = raw.info("commandstats")
    asks = ("cmdstat_info", "cmdstat_ping")
    return sum(int(found["calls"]) for name, found in stats.items() if name not in asks)


def _drain(house: House, jobs: list[Job]) -> tuple[list[str], int]:
    """Give as many their turn as there is room for: in which order, at how many commands."""
    house.raw.config_resetstat()
    order: list[str] = []
    while len(order) < len(jobs):
        front = house.w.store.queue.peek()
        assert front.word == "next"
        for name, _ in front.jobs:
            order.append(name)
            _leave(house, name)
    return order, _commands(house.raw)


@pytest.mark.parametrize("first", [9, 5, 0])
def test_a_line_is_left_by_priority_and_age_however_long_it_is(house: House, first: int) -> None:
    house.w.store.queue.pause(True)
    jobs = []
    for number in range(STEPS):
        house.clock.advance(0.01)
        jobs.append(house.ask(priority=(first + number) % 10, prompt=str(number)))
    wanted = [job.id for job in sorted(jobs, key=lambda job: (-job.spec.priority, job.id))]
    house.w.store.queue.pause(False)
    short = _drain(house, jobs)
    for job in jobs:
        house.raw.zadd("runhook:line:main", {job.id: line_score(job)})
        house.raw.zadd("runhook:standing:main", {f"local {line_score(job):015.0f} {job.id}": 0})
    if first == 5:
        _wait_in_line(house, MANY)
        long = _drain(house, jobs)
        assert long[0] == short[0]
        assert long[1] <= short[1], "a step costs more commands in a long line"
    assert short[0] == wanted
