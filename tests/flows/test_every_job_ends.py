"""Every job ends: whatever RunningHub answers when its time is over, and if it does not."""

import json

import pytest

from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.reports import Cost, Error, Report
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.resolve import retry
from runhook.worker.flows.steps.accept import accept
from tests.conftest import Build, House, provider_at
from tests.receiver import Receiver, Reply

UNUSABLE = {
    "an unknown word": {"status": "PAUSED", "errorCode": ""},
    "parameters it does not like": {"status": "", "errorCode": "1007", "errorMessage": "taskId"},
    "another task": {"taskId": "999", "status": "RUNNING", "errorCode": ""},
}
KEY_REFUSED = Reply(200, body=b'{"status":"","errorCode":"1002","errorMessage":"bad key"}')
SILENCE = {
    "nobody there": None,
    "an outage": Reply(503, body=b"<html>down</html>"),
    "an outage in other words": Reply(200, body=b'{"status":"","errorCode":"1010"}'),
    "too many requests": Reply(429, body=b"slow down"),
}


def answers(house: House, receiver: Receiver, reply: Reply | None) -> None:
    """From now on RunningHub answers every question so, or not at all."""
    if reply:
        receiver.replies = [reply]
    provider_at(house.w, receiver.url if reply else "http://127.0.0.1:9")


def running(house: House) -> Job:
    """A job whose task runs for ever."""
    house.sandbox.faults({"fault": "slow", "value": 6000})
    return house.until(house.ask(), "running")


@pytest.mark.parametrize("said", UNUSABLE)
def test_an_answer_that_cannot_be_used_is_the_last_word_when_time_is_over(
    build: Build, receiver: Receiver, said: str
) -> None:
    house = build(RUNHOOK_JOB_TIMEOUT=600, RUNHOOK_PUBLIC_URL="")
    job = running(house)
    answers(house, receiver, Reply(200, body=json.dumps(UNUSABLE[said]).encode()))
    house.later(590)
    assert house.job(job).state is State.RUNNING
    house.later(20)
    after = house.job(job)
    assert after.state is State.FAILED
    assert after.attempt.error
    assert after.attempt.error.code == "timeout"
    assert "RunningHub gave no usable answer (" in after.attempt.error.message
    assert "may be charged" in after.attempt.error.message
    assert house.standing("running") == 0


@pytest.mark.parametrize("kind", SILENCE)
def test_silence_is_asked_again_but_not_without_end(
    build: Build, receiver: Receiver, kind: str
) -> None:
    house = build(RUNHOOK_JOB_TIMEOUT=600, RUNHOOK_PUBLIC_URL="")
    job = running(house)
    answers(house, receiver, SILENCE[kind])
    for _ in range(13):
        house.later(300)
    assert house.job(job).state is State.RUNNING, "an outage of an hour costs nobody his result"
    for _ in range(3):
        house.later(300)
    after = house.job(job)
    assert after.state is State.FAILED
    assert after.attempt.error
    assert after.attempt.error.code == "timeout"
    assert house.events()[-2:] == ["runhook.alert", "job.failed"]
    for _ in range(30):
        house.later(3600)
    assert not house.raw.zscore("runhook:due:reconcile", f"{job.id}/1"), "its duty ends too"


def test_a_key_that_is_refused_when_time_is_over_ends_no_job_that_succeeded_meanwhile(
    build: Build, receiver: Receiver
) -> None:
    house = build(RUNHOOK_JOB_TIMEOUT=600, RUNHOOK_PUBLIC_URL="")
    job = house.until(house.ask(), "running")
    answers(house, receiver, KEY_REFUSED)
    for _ in range(3):
        house.later(290)
    assert house.job(job).state is State.RUNNING
    provider_at(house.w, house.sandbox.url)
    house.later(300)
    assert house.job(job).state is State.SUCCEEDED
    assert "job.failed" not in house.events()


def test_a_key_that_stays_refused_ends_a_job_after_once_more_its_time(
    build: Build, receiver: Receiver
) -> None:
    house = build(RUNHOOK_JOB_TIMEOUT=600, RUNHOOK_PUBLIC_URL="")
    job = running(house)
    answers(house, receiver, KEY_REFUSED)
    for _ in range(6):
        house.later(290)
    after = house.job(job)
    assert (after.state, house.standing("running")) == (State.FAILED, 0)
    assert after.attempt.error
    assert after.attempt.error.code == "timeout"
    assert "1002" in after.attempt.error.message


def test_a_record_that_is_refused_with_the_key_is_asked_for_again(
    build: Build, receiver: Receiver
) -> None:
    house = build(RUNHOOK_JOB_TIMEOUT=600, RUNHOOK_PUBLIC_URL="")
    job = running(house)
    answers(house, receiver, None)
    house.later(590)
    forgotten = Reply(200, body=b'{"status":"","errorCode":"1004","errorMessage":"no such task"}')
    answers(house, receiver, forgotten)
    receiver.replies.append(KEY_REFUSED)
    house.later(20)
    assert house.job(job).state is State.RUNNING, "the record of its callback may be there"


def test_success_after_the_silence_settles_the_job(build: Build, receiver: Receiver) -> None:
    house = build(RUNHOOK_JOB_TIMEOUT=600, RUNHOOK_PUBLIC_URL="")
    job = house.until(house.ask(), "running")
    answers(house, receiver, None)
    for _ in range(16):
        house.later(300)
    assert house.job(job).state is State.FAILED
    provider_at(house.w, house.sandbox.url)
    house.later(3700)
    assert house.job(job).state is State.SUCCEEDED
    assert house.job(job).attempt.error is None


def test_a_wish_to_cancel_holds_no_job_for_ever(build: Build, receiver: Receiver) -> None:
    house = build(RUNHOOK_JOB_TIMEOUT=600, RUNHOOK_UNCONFIRMED_AFTER=600)
    house.sandbox.faults({"fault": "answer_both"}, {"fault": "slow", "value": 6000})
    job = house.until(house.ask(), "unconfirmed")
    cancel(house.w, job.id)
    answers(house, receiver, Reply(200, body=b'{"status":"PAUSED"}'))
    for _ in range(4):
        house.later(300)
    assert house.job(job).state is State.FAILED


def test_an_unconfirmed_job_whose_task_cannot_be_asked_about_ends(
    build: Build, receiver: Receiver
) -> None:
    house = build(RUNHOOK_UNCONFIRMED_AFTER=600)
    house.sandbox.faults({"fault": "answer_both"}, {"fault": "slow", "value": 6000})
    job = house.until(house.ask(), "unconfirmed")
    answers(house, receiver, KEY_REFUSED)
    for _ in range(3):
        house.later(290)
    assert house.job(job).state is State.UNCONFIRMED, "a refused key says nothing of the task"
    for _ in range(3):
        house.later(290)
    after = house.job(job)
    assert after.state is State.FAILED
    assert after.attempt.error
    assert after.attempt.error.code == "unconfirmed"
    assert "1002" in after.attempt.error.message
    assert house.standing("unconfirmed") == 0


@pytest.mark.parametrize("refused", [True, False])
def test_a_retry_is_a_risk_when_the_first_task_was_not_stopped_there(
    build: Build, refused: bool
) -> None:
    house = build(RUNHOOK_JOB_TIMEOUT=600)
    rules = [{"fault": "slow", "value": 6000}] + [{"fault": "cancel_refused"}] * refused
    house.sandbox.faults(*rules)
    job = house.until(house.ask(), "running")
    for _ in range(3):
        house.later(301)
    assert house.job(job).timed_out
    house.w.store.queue.pause(True)
    assert retry(house.w, job.id).history.risk is refused


def test_a_task_that_ended_there_after_all_is_no_risk_and_its_cost_is_kept(build: Build) -> None:
    house = build(RUNHOOK_JOB_TIMEOUT=600)
    rules = ({"fault": "slow", "value": 6000}, {"fault": "cancel_refused"})
    house.sandbox.faults(*rules)
    job = house.until(house.ask(), "running")
    for _ in range(3):
        house.later(301)
    assert house.job(job).at_risk
    told = Report(
        ref=str(job.attempt.ref),
        state="failed",
        outputs=(),
        error=Error(code="failed", message="no"),
        cost=Cost(money="0.2"),
    )
    accept(house.w, job.id, 1, told, "callback")
    after = house.job(job)
    assert (after.state, after.at_risk) == (State.FAILED, False)
    assert after.cost
    assert after.cost.money == "0.2"


def test_a_record_that_cannot_be_read_leaves_the_task_to_be_asked_about(
    house: House, receiver: Receiver
) -> None:
    job = running(house)
    body = {"taskId": job.attempt.ref, "status": "SUCCESS", "code": "1002"}
    query = {**body, "code": None, "results": [{"url": "https://a.example/b.png"}]}
    receiver.replies = [Reply(200, body=json.dumps(said).encode()) for said in (body, query)]
    provider_at(house.w, receiver.url)
    house.later(61)
    assert house.job(job).attempt.settled_by == "query"


def test_an_answer_that_raises_what_nobody_foresaw_holds_its_slot_no_longer_than_silence(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = build(RUNHOOK_JOB_TIMEOUT=600)
    job = running(house)

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("nobody foresaw \ud83d this")

    monkeypatch.setattr("runhook.worker.runninghub.wire.read_query", fail)
    monkeypatch.setattr("runhook.worker.runninghub.wire.read_webhook_detail", fail)
    for _ in range(20):
        house.later(301)
    after = house.job(job)
    assert (after.state, after.timed_out) == (State.FAILED, True)
    assert house.w.store.queue.state().in_flight == 0
    assert house.w.store.duties.parked() == []


def test_a_request_that_cannot_even_be_built_gives_its_slot_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("nobody foresaw this")

    monkeypatch.setattr("runhook.worker.runninghub.wire.submit_request", fail)
    job = house.ask()
    house.settle()
    assert (house.job(job).state, house.w.store.queue.state().in_flight) == (State.QUEUED, 0)
