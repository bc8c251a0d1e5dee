"""Tenants at their limit: nobody waits longer than for the tasks that are really there."""

from typing import Any

import pytest

from runhook.worker.domain.jobs import Job, State
from tests.conftest import Build, House

SLOW = {"fault": "slow", "value": 100_000, "match": "long"}
DOUBTED = {"fault": "answer_lost_unaccepted", "match": "doubted"}


def _goes_within_minutes(house: House, job: Job) -> bool:
    for _ in range(20):
        house.later(5.1)
    return house.job(job).state is not State.QUEUED


def test_an_unconfirmed_job_is_asked_about_beside_a_running_one_of_its_tenant(build: Build) -> None:
    house = build(RUNHOOK_TENANT_CONCURRENCY=2)
    house.sandbox.faults(DOUBTED, SLOW)
    house.ask(prompt="doubted", tenant="a")
    house.settle()
    house.clock.advance(6)
    house.until(house.ask(prompt="b", tenant="b"), "succeeded")  # RunningHub answers again
    house.ask(prompt="long", tenant="a")
    third = house.ask(prompt="third", tenant="a")
    house.settle()
    assert _goes_within_minutes(house, third)


def test_what_others_wait_for_keeps_no_unconfirmed_job_from_being_asked_about(build: Build) -> None:
    house = build(RUNHOOK_TENANT_CONCURRENCY=1)
    refused = {"fault": "refused", "value": 415, "match": "refused"}
    house.sandbox.faults(refused, DOUBTED, {"fault": "callback_unrecorded", "match": "doubted"})
    ultra: dict[str, Any] = {"input": {"6.text": "refused"}, "options": {"instanceType": "ultra"}}
    house.ask("workflow/1904136902449209346", tenant="b", **ultra)
    house.settle()  # its breaker is open until RunningHub sells that kind of machine
    house.ask(prompt="doubted", tenant="a")
    second = house.ask(prompt="second", tenant="a")
    house.settle()
    assert _goes_within_minutes(house, second)


@pytest.mark.parametrize("wider", [{}, {"RUNHOOK_TENANT_CONCURRENCY": 2}], ids=["none", "two"])
def test_a_wider_limit_lets_all_go_on_however_many_were_held_back(
    build: Build, wider: dict[str, Any]
) -> None:
    house = build(RUNHOOK_TENANT_CONCURRENCY=1, RUNHOOK_CONCURRENCY=200)
    for number in range(60):
        for _ in range(2):
            house.ask(tenant=f"t{number}")
    house.lost = ["send", "reconcile"]
    house.settle()
    assert (house.standing("sending"), house.standing("queued")) == (60, 60)
    other = build(RUNHOOK_CONCURRENCY=200, **wider)
    other.lost = ["send", "reconcile"]
    other.w.store.queue.pause(False)  # as a worker does when it starts
    other.settle()
    assert other.standing("queued") == 0
