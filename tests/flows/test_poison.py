"""What RunningHub or a handler says may be poison; the job ends all the same, and others too."""

import json
import urllib.request
from typing import Any

import pytest

from runhook import Event
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.reports import Report
from runhook.worker.flows.pump import published
from runhook.worker.runninghub import wire
from tests.claimed import claimed
from tests.conftest import Build, House, provider_at

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
    registry.add(
        Handler(name="unspeakable", types=("job.succeeded",), model=None, target=unspeakable)
    )
    house = build(registry, RUNHOOK_RETRY_SCHEDULE="0,1000")
    house.w.store.processes.publish_handlers(published(house.w))
    job = house.until(house.ask(), "succeeded")
    house.later(200)
    [delivery] = house.w.store.deliveries.of_job(job.id)
    assert (len(told), len(delivery.tries)) == (1, 1)
    assert "a broken \ufffd character" in str(delivery.tries[0]["why"])


def test_a_callback_that_cannot_be_taken_in_keeps_nobody_waiting(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = wire.read_callback

    def unforeseen(body: bytes) -> Report:
        if b"poison" in body:
            raise ZeroDivisionError("nobody thought of it \ud83d")
        return read(body)

    monkeypatch.setattr(wire, "read_callback", unforeseen)
    job = running(house)
    send_callback(house, job, b'{"poison": 1}')
    send_callback(house, job, event(job, status="SUCCESS", results=[{"url": "https://a.example"}]))
    house.settle()
    assert house.job(job).state is State.SUCCEEDED
    assert "callback set aside" in house.notes(job)
    assert "runhook.alert" in house.events()
    assert not house.raw.exists(f"runhook:raw:{job.id}/1")


def test_a_job_whose_only_callback_was_set_aside_is_asked_about_at_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unforeseen(body: bytes) -> Report:
        raise ZeroDivisionError

    monkeypatch.setattr(wire, "read_callback", unforeseen)
    job = running(house)
    send_callback(house, job, b"{}")
    house.settle()
    assert house.sandbox.calls("/openapi/v2/query") == 1


def test_a_callback_whose_task_cannot_be_asked_about_lets_those_behind_it_pass(
    house: House,
) -> None:
    house.sandbox.faults({"fault": "answer_lost"}, {"fault": "callback_unrecorded"})
    job = house.until(house.ask(), "unconfirmed")
    ref = house.sandbox.books()["tasks"][0]["taskId"]
    provider_at(house.w, "http://127.0.0.1:9")
    ended = {"status": "SUCCESS", "results": [{"url": "https://a.example/b.png"}]}
    send_callback(house, job, json.dumps({"taskId": ref, "eventData": ended}).encode())
    send_callback(house, job, b"<html>")
    house.settle()
    assert house.raw.llen(f"runhook:raw:{job.id}/1") == 1
    provider_at(house.w, house.sandbox.url)
    house.later(6)
    assert house.job(job).state is State.SUCCEEDED


def test_a_callback_that_comes_while_others_are_dropped_is_not_dropped(house: House) -> None:
    """The answer to a drop may be lost; the client sends it again."""
    job = running(house)
    store = house.w.store
    send_callback(house, job, b"first")
    with claimed(store.duties, "intake", f"{job.id}/1") as claim:
        assert claim
        taken = store.callbacks.waiting(job.id, 1)
        store.callbacks.drop(claim, claim.id, taken)
        send_callback(house, job, b"first")
        store.callbacks.drop(claim, claim.id, taken)
        assert [callback.body for callback in store.callbacks.waiting(job.id, 1)] == [b"first"]


def test_a_callback_that_is_written_down_twice_is_one(house: House) -> None:
    job = running(house)
    scripts, entry, note = house.w.store.jobs._scripts, b'{"id": 1}\nx', b'{"what":"callback came"}'
    for _ in range(2):
        scripts.words("take_callback", job.id, "1", entry, note, 1000, "5e")
    assert house.raw.llen(f"runhook:raw:{job.id}/1") == 1
    assert house.notes(job).count("callback came") == 1


def test_a_callback_about_another_task_is_alerted(house: House) -> None:
    job = running(house)
    body = {"taskId": "777", "eventData": {"status": "SUCCESS", "results": []}}
    send_callback(house, job, json.dumps(body).encode())
    house.settle()
    assert house.job(job).state is State.RUNNING
    assert house.events()[-1] == "runhook.alert"
    assert "777" in house.raw.xrevrange("runhook:events", count=1)[0][1][b"why"].decode()


def test_a_success_without_results_keeps_what_it_cost(house: House) -> None:
    house.sandbox.faults({"fault": "no_output"}, {"fault": "callback_unrecorded"})
    job = house.until(house.ask(), "running")
    house.later(61)
    for _ in range(8):
        house.later(10)
    after = house.job(job)
    assert after.attempt.error
    assert after.attempt.error.code == "no_output"
    assert after.cost
    assert after.cost.money == "0.4"
