"""What RunningHub or a handler says may be poison; the job ends all the same, and others too."""

import json
import urllib.request
from typing import Any

import pytest

from tests.conftest import Build, House
from worker.handlers import Event, Handler, Registry
from worker.jobs import Job, State
from worker.pump import published

SURROGATE = "a broken \ud83d character"
WITHOUT_END = b"1e60000000"


def send_callback(house: House, job: Job, body: bytes, attempt: int = 1) -> None:
    """RunningHub calls back with these bytes."""
    request = urllib.request.Request(house.callback_url(job, attempt), body, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def running(house: House) -> Job:
    """A job that RunningHub has and does not end by itself."""
    house.sandbox.faults({"fault": "slow", "value": 600})
    job = house.until(house.ask(), "running")
    house.sandbox.faults()
    return job


def event(job: Job, **said: Any) -> bytes:
    """The body of a callback for a job's attempt."""
    return json.dumps({"taskId": job.attempt.ref, "eventData": said}).encode()


@pytest.mark.parametrize("state", ["failed", "succeeded"])
def test_a_report_that_cannot_be_written_down_ends_its_job_at_once(
    house: House, state: str
) -> None:
    job = running(house)
    results = [{"text": SURROGATE, "nodeId": "\ud800"}] if state == "succeeded" else None
    word = {"failed": "FAILED", "succeeded": "SUCCESS"}[state]
    body = event(
        job,
        status=word,
        results=results,
        errorCode="1000",
        errorMessage=SURROGATE,
        failedReason={"node_name": "\udfff", "exception_message": SURROGATE},
        usage={"consumeMoney": "0.2", "taskCostTime": "X"},
    )
    send_callback(house, job, body.replace(b'"X"', WITHOUT_END))
    house.settle()
    after = house.job(job)
    assert (after.state, after.attempt.settled_by) == (State(state), "callback")
    assert after.attempt.cost
    assert (after.attempt.cost.money, after.attempt.cost.seconds) == ("0.2", None)
    told = house.w.store.jobs.timeline(job.id)[-1]
    assert "taskCostTime" in told["left_out"]
    assert int(house.raw.memory_usage(f"runhook:job:{job.id}")) < 100_000


def test_a_handlers_unspeakable_exception_is_one_failed_try(build: Build) -> None:
    told = []

    def unspeakable(event: Event) -> None:
        told.append(event.id)
        raise ValueError(SURROGATE + "\x00" + "x" * 10_000)

    registry = Registry()
    registry.add(Handler("unspeakable", ("job.succeeded",), None, unspeakable))
    house = build(registry, RUNHOOK_RETRY_SCHEDULE="0,1000")
    house.w.store.processes.publish_handlers(published(house.w))
    job = house.until(house.ask(), "succeeded")
    house.later(200)
    [delivery] = house.w.store.deliveries.of_job(job.id)
    assert (len(told), len(delivery.tries)) == (1, 1)
    assert "a broken \ufffd character" in str(delivery.tries[0]["why"])
