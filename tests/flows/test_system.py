"""The machinery as people see it, and a sandbox's faults, switched from a page."""

from typing import Any

import pytest

from runhook.worker.errors import Conflict, InvalidRequest
from runhook.worker.flows.system import Sandbox, sandbox, switch
from tests.conftest import Build, House


def _shown(house: House) -> Sandbox:
    found = sandbox(house.w)
    assert found
    return found


def _on(house: House) -> dict[str, str]:
    return {one.fault: one.often for one in _shown(house).switches if one.often != "off"}


def _rules(house: House) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = house.sandbox.call("GET", "/sandbox/faults")["rules"]
    return rules


def test_a_switch_breaks_jobs_and_back_again_it_does_not(house: House) -> None:
    switch(house.w, {"failed": "always"})
    assert _on(house) == {"failed": "always"}
    house.until(house.ask(), "failed")
    switch(house.w, {"failed": "off"})
    assert _on(house) == {}
    house.until(house.ask(), "succeeded")


def test_the_next_one_is_one_and_then_the_switch_is_off_by_itself(house: House) -> None:
    switch(house.w, {"failed": "next", "output_outage": "half"})
    assert _on(house) == {"failed": "next", "output_outage": "half"}
    house.until(house.ask(), "failed")
    assert _on(house) == {"output_outage": "half"}


def test_a_lost_callback_is_made_good_by_asking(house: House) -> None:
    switch(house.w, {"callback_lost": "next"})
    job = house.until(house.ask(), "running")
    house.later(120)
    assert house.until(job, "succeeded").attempt.settled_by in ("detail", "query")


def test_rules_that_no_switch_made_are_shown_and_stay(house: House) -> None:
    house.sandbox.faults({"fault": "failed", "match": "cat"}, callback_lost=0.15, seed=7)
    assert _on(house) == {}
    assert len(_shown(house).others) == 2
    assert "callback_lost (rate 0.15)" in _shown(house).others
    switch(house.w, {"busy": "next"})
    assert {rule["fault"] for rule in _rules(house)} == {"failed", "callback_lost", "busy"}
    assert house.sandbox.call("GET", "/sandbox/faults")["seed"] == 7


def test_all_that_is_wrong_with_switches_is_said_at_once_and_nothing_changes(house: House) -> None:
    with pytest.raises(InvalidRequest) as refused:
        switch(house.w, {"callback_lst": "next", "failed": "sometimes", "busy": "next"})
    faults = {fault.path: fault.nearest for fault in refused.value.faults}
    assert faults.keys() == {"callback_lst", "failed"}
    assert faults["callback_lst"] == "callback_lost"
    assert _rules(house) == []


def test_runninghub_itself_is_asked_for_no_fault(build: Build) -> None:
    house = build(
        RUNNINGHUB_BASE_URL="https://www.runninghub.ai", RUNHOOK_PUBLIC_URL="https://a.example"
    )
    assert sandbox(house.w) is None
    with pytest.raises(Conflict):
        switch(house.w, {"failed": "next"})


def test_where_nobody_answers_there_are_no_switches(build: Build) -> None:
    assert sandbox(build(RUNNINGHUB_BASE_URL="http://127.0.0.1:9").w) is None


def test_lanes_say_what_is_due_and_since_when(house: House) -> None:
    house.w.store.queue.pause(True)
    house.ask()
    house.w.store.duties.wake("archive", "remove/job_0", 0)
    house.clock.advance(30)
    lanes = {lane.name: lane for lane in house.w.store.looks.look().lanes}
    assert (lanes["archive"].duties, lanes["archive"].due) == (1, 1)
    oldest = lanes["archive"].oldest
    assert oldest
    assert (house.clock.now() - oldest).total_seconds() == 30
    assert lanes["send"].oldest is None


def test_processes_that_live_are_named_and_others_are_not(house: House) -> None:
    processes = house.w.store.processes
    processes.lives("worker", "desk:17", 32)
    processes.lives("handlers", "desk:18", 4, hands=64)
    found = [(one.role, one.name, one.threads) for one in house.w.store.looks.look().processes]
    assert found == [("worker", "desk:17", 32), ("handlers", "desk:18", 4)]
    house.clock.advance(60)
    assert house.w.store.looks.look().processes == []


def test_redis_says_what_it_keeps(house: House) -> None:
    house.w.store.queue.set_limit(3)
    found = house.w.store.looks.look()
    assert found.server == house.w.store.processes.server()
    assert found.memory.used > 0
    assert found.limit_at == house.clock.now() == house.w.store.looks.limit_at()
