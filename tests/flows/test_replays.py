"""One genuine callback URL in wrong hands: what it costs Redis and everybody else is bounded."""

import json
import urllib.error

import pytest

from runhook.worker.domain.jobs import Job
from runhook.worker.errors import StoreUnavailable
from tests.conftest import House, Sandbox


def _running(house: House) -> Job:
    """A job whose callback does not come by itself."""
    house.sandbox.faults({"fault": "callback_lost"})
    asked = house.ask()
    house.settle()
    assert house.job(asked).state == "running"
    return asked


def _kept(house: House, job: Job) -> int:
    return int(house.raw.llen(f"runhook:raw:{job.id}/1"))


def _replay(house: House, job: Job, body: object) -> int:
    """The status of one more callback."""
    try:
        Sandbox("").call("POST", house.callback_url(job), body)
    except urllib.error.HTTPError as error:
        return error.code
    return 200


def test_the_same_callback_is_kept_once_while_it_waits(house: House) -> None:
    job = _running(house)
    assert {_replay(house, job, {"taskId": "1"}) for _ in range(150)} == {200}
    assert _kept(house, job) == 1
    assert house.notes(job).count("callback came") == 1


def test_replays_are_bounded_and_the_job_ends_by_asking(house: House) -> None:
    job = _running(house)
    statuses = []
    for number in range(120):
        statuses.append(_replay(house, job, {"taskId": str(number)}))
        house.settle()
    assert statuses == [200] * 120
    assert house.notes(job).count("callback came") == 100
    assert house.events().count("runhook.alert") <= 100
    house.later(61)
    assert house.until(job, "succeeded").attempt.settled_by in ("detail", "query")


def test_bytes_that_wait_are_bounded_and_those_beyond_are_asked_for_again(house: House) -> None:
    job = _running(house)
    take = house.w.store.callbacks.take
    size = 4 * 1024 * 1024
    for letter in b"abcd":
        assert take(job.id, 1, "callback", bytes([letter]) * size) == "taken"
    with pytest.raises(StoreUnavailable, match="as many callbacks"):
        take(job.id, 1, "callback", b"e" * size)
    assert _kept(house, job) == 4
    house.settle()
    assert take(job.id, 1, "callback", b"e" * size) == "taken", "once the others are taken in"


def test_an_older_processes_way_to_take_callbacks_in_leaves_room_for_new_ones(house: House) -> None:
    """It does not know who waits beside the list."""
    job = _running(house)
    body = {"taskId": "1"}
    assert _replay(house, job, body) == 200
    house.raw.delete(f"runhook:raw:{job.id}/1")
    assert _replay(house, job, body) == 200
    assert _kept(house, job) == 1


def test_what_is_counted_of_callbacks_goes_with_its_job(house: House) -> None:
    job = house.until(house.ask(), "succeeded")
    assert house.raw.hget(f"runhook:job:{job.id}", "heard:1") == b"1"
    house.raw.set(f"runhook:heard:{job.id}/1", 1)  # as the release before did
    house.clock.advance(31 * 86400)
    house.w.store.jobs.sweep(house.clock.now())
    assert not list(house.raw.scan_iter(f"*{job.id}*"))


def test_replays_of_a_removed_jobs_url_are_one_stray_of_few_bytes(house: House) -> None:
    url = house.w.callback_url("job_gone", 1)
    assert url
    for _ in range(50):
        Sandbox("").call("POST", url, {"taskId": "1", "eventData": json.dumps(["x"] * 50_000)})
    assert house.w.store.callbacks.strays() == 1
    assert len(house.raw.lindex("runhook:strays", 0)) <= 1024
