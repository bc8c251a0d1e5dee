"""What RunningHub refuses to the key, not to a job: jobs wait, their owner is told once."""

from pathlib import Path

import pytest

from runhook.worker.domain.jobs import Job, State
from runhook.worker.flows.doctor import examine
from tests.conftest import Build, House
from tests.flows.test_own_trouble import _with_file

HOUR = 3600


def _jobs(house: House, count: int = 4) -> list[Job]:
    return [house.ask(prompt=f"number {n}") for n in range(count)]


def _alerts(house: House) -> list[str]:
    rows = [fields for _, fields in house.raw.xrange("runhook:events")]
    return [row[b"why"].decode() for row in rows if row[b"type"] == b"runhook.alert"]


def _states(house: House, found: list[Job]) -> set[State]:
    return {house.job(job).state for job in found}


def _pass(house: House, seconds: int, step: int = 30) -> None:
    for _ in range(seconds // step):
        house.later(step)


@pytest.mark.parametrize("model", ["rhart-image-n-pro/text-to-image", "workflow/12", "app/7"])
def test_a_refused_key_stops_the_line_with_one_alert_until_it_works(
    house: House, model: str
) -> None:
    house.w.store.queue.pause(True)
    given = {"prompt": "a"} if model.endswith("image") else {}
    waiting = [house.ask(model, input=given) for _ in range(4)]
    house.sandbox.faults({"fault": "key_refused"})
    house.w.store.queue.pause(False)
    house.settle()
    _pass(house, 600)
    assert _states(house, waiting) == {State.QUEUED}
    (alert,) = _alerts(house)
    assert "refuses the account's key" in alert
    assert "RUNNINGHUB_API_KEY" in alert
    line = house.w.store.queue.state()
    assert (line.gate, "key" in line.why, "RUNNINGHUB_API_KEY" in line.advice) == (
        "closed",
        True,
        True,
    )
    house.sandbox.faults()
    _pass(house, 150)
    for job in waiting:
        house.until(job, "succeeded")
    assert house.sandbox.accepted() == len(waiting)
    assert house.w.store.queue.state().advice == ""


def test_doctor_says_what_to_do_about_a_refused_key(house: House) -> None:
    house.sandbox.faults({"fault": "key_refused"})
    _jobs(house, 1)
    house.settle()
    found = {one.what: one for one in examine(house.w, {})}
    assert (found["queue"].word, found["key"].word) == ("bad", "bad")
    assert "RUNNINGHUB_API_KEY" in found["queue"].advice


def test_a_key_that_is_refused_for_its_file_is_refused_to_all(build: Build, tmp_path: Path) -> None:
    house = build(RUNHOOK_STORAGE_URL=f"file://{tmp_path}/kept")
    house.sandbox.faults({"fault": "key_refused"})
    job = _with_file(house, tmp_path)
    house.settle()
    assert (house.job(job).state, len(_alerts(house))) == (State.QUEUED, 1)
    house.sandbox.faults()
    house.later(6)
    house.until(job, "succeeded")


@pytest.mark.parametrize("code", [401, 412, 802, 806, 811, 1002])
def test_a_code_of_the_key_that_one_request_gets_is_that_jobs_own(house: House, code: int) -> None:
    house.sandbox.faults({"fault": "refused", "match": "its own", "value": code})
    refused, other = house.ask(prompt="its own"), house.ask()
    house.until(other, "succeeded")
    ended = house.job(refused)
    assert ended.state is State.FAILED
    assert ended.attempt.error
    assert ended.attempt.error.provider_code == str(code)
    assert _alerts(house) == []


@pytest.mark.parametrize("code", [414, 416, 435, 436, 605, 812, 1014, 1501])
def test_what_is_about_a_jobs_money_machines_model_or_content_fails_it_alone(
    house: House, code: int
) -> None:
    house.sandbox.faults({"fault": "refused", "match": "its own", "value": code})
    refused, other = house.ask(prompt="its own"), house.ask()
    house.until(other, "succeeded")
    assert house.job(refused).state is State.FAILED
    assert _alerts(house) == []


@pytest.mark.parametrize("refusal", ["capacity_refused", "capacity_forbidden", "capacity_outage"])
def test_a_key_that_may_not_ask_for_its_queue_is_not_taken_for_a_refused_one(
    house: House, refusal: str
) -> None:
    own = {"fault": "refused", "match": "its own", "value": 1002}
    house.sandbox.faults({"fault": refusal}, own)
    refused = house.ask(prompt="its own")
    house.settle()
    assert house.job(refused).state is State.FAILED


def test_trouble_that_lasts_is_told_again_every_hour(house: House) -> None:
    house.sandbox.faults({"fault": "key_refused"})
    _jobs(house, 1)
    house.settle()
    house.raw.delete("runhook:alerted:key")  # its time is Redis's, which no test's clock moves
    _pass(house, 240)
    assert len(_alerts(house)) == 2
    assert 0 < house.raw.ttl("runhook:alerted:key") <= HOUR


def test_while_it_waits_for_its_owner_a_job_can_be_cancelled_and_expires(house: House) -> None:
    house.sandbox.faults({"fault": "key_refused"})
    mortal = house.ask(options={"expires_in": 60})
    house.settle()
    _pass(house, 90)
    ended = house.job(mortal)
    assert (ended.state, ended.attempt.error and ended.attempt.error.code) == ("failed", "expired")
