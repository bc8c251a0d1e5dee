"""Paid once: what becomes of a submit whose answer is missing, doubtful, or no."""

import json
import socket
import threading

import pytest

from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.reports import Accepted
from runhook.worker.flows.submit import _settle_answer
from runhook.worker.runninghub import wire
from runhook.worker.runninghub.sandbox.garbling import nested
from tests.claimed import claimed, hold
from tests.conftest import Build, House, Sandbox, eventually


def _forbid_callbacks(house: House, *faults: str) -> None:
    rules = [{"fault": fault} for fault in (*faults, "callback_unrecorded")]
    house.sandbox.faults(*rules)


def test_a_lost_answer_is_brought_home_by_the_callback(house: House) -> None:
    house.sandbox.faults({"fault": "answer_lost"}, {"fault": "callback_late", "value": 0.3})
    asked = house.ask()
    house.settle()
    waiting = house.job(asked)
    assert waiting.state is State.UNCONFIRMED
    assert waiting.attempt.ref is None
    job = house.until(asked, "succeeded")
    assert job.attempt.ref == house.sandbox.books()["tasks"][0]["taskId"]
    assert job.attempt.settled_by == "callback"
    assert house.sandbox.accepted() == 1
    assert "adopted" in house.notes(job)


@pytest.mark.parametrize("fault", ["answer_lost", "answer_html", "answer_lost_unaccepted"])
def test_without_proof_an_attempt_fails_as_unconfirmed_and_is_never_sent_again(
    house: House, fault: str
) -> None:
    _forbid_callbacks(house, fault)
    asked = house.ask()
    house.settle()
    house.later(7100)
    assert house.job(asked).state is State.UNCONFIRMED
    house.later(200)
    job = house.job(asked)
    assert job.state is State.FAILED
    assert job.attempt.error
    assert job.attempt.error.code == "unconfirmed"
    assert "may have been charged" in job.attempt.error.message
    assert house.sandbox.calls("/openapi/v2/{endpoint}") == 1


def test_an_owner_who_risks_it_gets_a_second_attempt(build: Build) -> None:
    house = build(RUNHOOK_UNCONFIRMED="resubmit", RUNHOOK_UNCONFIRMED_AFTER=30)
    house.sandbox.faults({"fault": "answer_lost_unaccepted", "times": 1})
    asked = house.ask()
    house.settle()
    house.later(31)
    job = house.until(asked, "succeeded")
    assert job.history.risk is True
    assert [attempt.n for attempt in job.history.attempts] == [1, 2]
    assert house.sandbox.accepted() == 1


def test_an_owner_who_risks_paying_twice_does_not_pay_three_times(build: Build) -> None:
    house = build(RUNHOOK_UNCONFIRMED="resubmit", RUNHOOK_UNCONFIRMED_AFTER=30)
    house.sandbox.faults({"fault": "answer_lost"}, {"fault": "callback_unrecorded"})
    asked = house.ask()
    for _ in range(6):
        house.later(31)
    job = house.job(asked)
    assert (job.state, len(job.history.attempts)) == (State.FAILED, 2)
    assert job.attempt.error
    assert job.attempt.error.code == "unconfirmed"
    assert house.sandbox.accepted() == 2


def test_late_success_of_the_first_attempt_is_kept_beside_the_second(build: Build) -> None:
    house = build(RUNHOOK_UNCONFIRMED="resubmit", RUNHOOK_UNCONFIRMED_AFTER=30)
    house.sandbox.faults(
        {"fault": "answer_lost", "times": 1}, {"fault": "callback_late", "times": 1, "value": 0.4}
    )
    asked = house.ask()
    house.settle()
    house.later(31)
    house.until(asked, "succeeded")

    def both() -> bool:
        house.settle()
        return house.job(asked).history.attempts[0].state is State.SUCCEEDED

    eventually(both)
    job = house.job(asked)
    assert job.attempt.n == 2
    assert job.cost
    assert job.cost.money == "0.8", "both were paid, and the sum says so"
    assert "runhook.alert" in house.events()


def test_a_refusal_fails_the_job_and_says_that_nothing_was_paid(house: House) -> None:
    house.sandbox.faults({"fault": "refused", "value": 1505})
    job = house.until(house.ask(), "failed")
    assert job.attempt.error
    assert (job.attempt.error.code, job.attempt.error.provider_code) == ("rejected", "1505")
    assert "Nothing was paid" in job.attempt.error.message
    assert job.attempt.settled_by == "submit"
    assert house.sandbox.accepted() == 0


def test_a_code_that_nobody_explained_is_doubted(house: House) -> None:
    house.sandbox.faults({"fault": "refused", "value": 1516})
    asked = house.ask()
    house.settle()
    assert house.job(asked).state is State.UNCONFIRMED


def test_a_busy_answer_puts_the_job_back_and_closes_the_gate_for_five_seconds(
    house: House,
) -> None:
    house.sandbox.faults({"fault": "busy", "times": 1})
    asked, other = house.ask(prompt="first"), house.ask(prompt="second")
    house.settle()
    assert {house.job(job).state for job in (asked, other)} == {State.QUEUED}
    house.later(4.5)
    assert house.sandbox.calls("/openapi/v2/{endpoint}") == 1
    house.later(1)
    house.until(asked, "succeeded")
    job = house.until(other, "succeeded")
    assert job.attempt.n == 1, "a busy answer does not use up an attempt"


@pytest.mark.parametrize("code", [421, 1520, 1003, 415, 814])
def test_a_slot_that_is_not_free_yet_is_waited_for_without_failing_anybody(
    house: House, code: int
) -> None:
    """RunningHub frees a slot a little after its task's end."""
    house.sandbox.faults({"fault": "refused", "value": code, "times": 3})
    asked = house.ask()
    for wait in (0, 5.1, 10.1, 20.1):
        house.later(wait)
    job = house.until(asked, "succeeded")
    assert (job.attempt.n, house.sandbox.accepted()) == (1, 1)


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_a_clock_that_is_set_costs_nobody_anything(house: House, step: float) -> None:
    house.sandbox.faults({"fault": "slow", "value": 0.5})
    jobs = [house.ask(prompt=str(number)) for number in range(3)]
    house.settle()
    house.clock.advance(step)
    for job in jobs:
        found = house.until(job, "succeeded")
        assert found.attempt.n == 1
    house.later(60)
    assert house.sandbox.accepted() == 3
    assert house.events().count("job.succeeded") == 3


def test_behind_a_gate_one_probe_goes_and_each_failure_doubles_the_wait(house: House) -> None:
    house.sandbox.faults({"fault": "busy"})
    for _ in range(4):
        house.ask()
    house.settle()
    sent = []
    for wait in (5.1, 5.1, 5.1, 10.1, 10.1):
        house.later(wait)
        sent.append(house.sandbox.calls("/openapi/v2/{endpoint}"))
    assert sent == [2, 2, 3, 3, 4], "at 5, 15 and 35 seconds, one each"


def test_after_an_outage_something_free_must_answer_before_anything_paid_leaves(
    house: House,
) -> None:
    house.sandbox.faults({"fault": "outage", "times": 1}, {"fault": "callback_unrecorded"})
    first, second = house.ask(), house.ask()
    house.settle()
    assert house.job(first).state is State.UNCONFIRMED, "a 503 may come from behind an acceptance"
    assert house.job(second).state is State.QUEUED
    asked = house.sandbox.calls("/openapi/v2/queue/status")
    house.later(5.1)
    assert house.job(second).state is State.RUNNING
    assert house.sandbox.calls("/openapi/v2/queue/status") > asked


def test_a_request_that_never_left_goes_back_to_the_line_free(build: Build) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        house = build(RUNNINGHUB_BASE_URL=f"http://127.0.0.1:{closed.getsockname()[1]}")
        asked = house.ask()
        house.settle()
        job = house.job(asked)
        assert job.state is State.QUEUED
        assert job.attempt.left_at is None
        for _ in range(20):
            house.later(120)
        job = house.job(asked)
        assert (job.state, job.attempt.n) == (State.QUEUED, 1)
        assert house.notes(job).count("request left") == 0


def test_a_connection_that_ends_after_the_request_left_is_doubted(build: Build) -> None:
    with socket.socket() as rude:
        rude.bind(("127.0.0.1", 0))
        rude.listen()
        house = build(RUNNINGHUB_BASE_URL=f"http://127.0.0.1:{rude.getsockname()[1]}")
        asked = house.ask()

        def hang_up() -> None:
            connection, _ = rude.accept()
            connection.recv(10)
            connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        house.settle()
        assert house.job(asked).state is State.UNCONFIRMED
        assert "request left" in house.notes(asked)


def test_a_task_id_with_an_error_is_asked_about_and_adopted_when_known(house: House) -> None:
    _forbid_callbacks(house, "answer_both")
    asked = house.ask()
    house.settle()
    left_unconfirmed = house.job(asked)
    assert (left_unconfirmed.state, left_unconfirmed.attempt.ref) == (
        State.UNCONFIRMED,
        house.sandbox.books()["tasks"][0]["taskId"],
    )
    house.later(2.1)
    assert house.job(asked).state is State.SUCCEEDED
    assert house.sandbox.accepted() == 1


def test_a_task_id_that_nobody_knows_was_a_refusal_after_four_questions(house: House) -> None:
    house.sandbox.faults({"fault": "answer_both_refused", "times": 1})
    asked = house.ask()
    house.settle()
    for wait in (2.1, 8, 20):
        house.later(wait)
        assert house.job(asked).state is State.UNCONFIRMED
    house.later(31)
    job = house.until(asked, "succeeded")
    assert job.attempt.n == 1, "421 with a dead id: back to the line, the same attempt"
    assert house.sandbox.accepted() == 1


def _die_before_the_answer(house: House, *, left: bool) -> Job:
    """A worker takes a job's turn and is gone, before or after its request left."""
    asked = house.ask()
    house.lost = ["send"]
    house.settle()
    house.lost = []
    house.later(31)  # nobody claimed it, so it is posted again; this holder dies with it
    return asked


def test_a_worker_killed_before_the_request_left_costs_nothing(house: House) -> None:
    job = house.until(_die_before_the_answer(house, left=False), "succeeded")
    assert house.sandbox.accepted() == 1
    assert job.attempt.n == 1


def test_a_worker_killed_after_the_request_left_leaves_it_unconfirmed(house: House) -> None:
    asked = house.ask()
    house.lost = ["send"]
    house.settle()
    house.lost = []
    duty = f"{asked.id}/1"
    context = claimed(house.w.store.duties, "send", duty)
    claim = context.__enter__()
    assert claim
    assert house.w.store.departures.mark_left(house.job(asked), claim)
    house.settle()
    assert house.job(asked).state is State.SENDING, "its lease has not run out"
    house.later(31)
    assert house.job(asked).state is State.UNCONFIRMED
    assert house.sandbox.calls("/openapi/v2/{endpoint}") == 0


def test_a_callback_brings_home_what_a_killed_worker_sent(house: House) -> None:
    house.sandbox.faults({"fault": "callback_unrecorded"})
    other = house.ask(prompt="what the killed worker sent")
    house.settle()
    ref = house.job(other).attempt.ref
    asked = house.ask()
    house.lost = ["send"]
    house.settle()
    claim = hold(house.w.store.duties, "send", f"{asked.id}/1")
    assert claim
    assert house.w.store.departures.mark_left(house.job(asked), claim)
    result = house.sandbox.call("POST", "/openapi/v2/query", {"taskId": ref})
    body = {"event": "TASK_END", "taskId": ref, "eventData": result}
    Sandbox("").call("POST", house.callback_url(asked), body)
    house.settle()
    assert house.job(asked).state is State.SENDING, "the answer may still come"
    for _ in range(6):
        house.later(1)
    assert house.job(asked).state is State.SUCCEEDED


def test_only_one_holder_may_let_the_request_leave(house: House) -> None:
    asked = house.ask()
    house.lost = ["send"]
    house.settle()
    duty = f"{asked.id}/1"
    slow = hold(house.w.store.duties, "send", duty)
    house.clock.advance(31)
    fast = hold(house.w.store.duties, "send", duty)
    assert slow
    assert fast
    assert not house.w.store.departures.mark_left(house.job(asked), slow)
    assert house.w.store.departures.mark_left(house.job(asked), fast)
    assert house.w.store.departures.mark_left(house.job(asked), fast), "sent again by redis-py: yes"


def test_an_answer_from_a_holder_that_was_given_up_is_still_heard(house: House) -> None:
    asked = house.ask()
    house.lost = ["send"]
    house.settle()
    slow = hold(house.w.store.duties, "send", f"{asked.id}/1")
    assert slow
    house.w.store.departures.mark_left(house.job(asked), slow)
    house.lost = []
    house.later(31)
    assert house.job(asked).state is State.UNCONFIRMED
    _settle_answer(
        house.w,
        asked.id,
        1,
        Accepted("2013508786110730241"),
        house.w.store.memory.departure(slow.token),
    )
    job = house.job(asked)
    assert (job.state, job.attempt.ref) == (State.RUNNING, "2013508786110730241")


def test_a_late_answer_after_giving_up_brings_late_success(build: Build) -> None:
    house = build(RUNHOOK_UNCONFIRMED_AFTER=30)
    house.sandbox.faults({"fault": "callback_unrecorded"})
    ref = house.until(house.ask(prompt="what was accepted after all"), "running").attempt.ref
    house.sandbox.faults({"fault": "answer_lost_unaccepted"})
    asked = house.ask()
    house.settle()
    house.later(31)
    assert house.job(asked).state is State.FAILED
    left_by = house.job(asked).attempt.left_by
    _settle_answer(house.w, asked.id, 1, Accepted(str(ref)), left_by)
    house.settle()
    assert house.job(asked).state is State.SUCCEEDED


def test_a_callback_proves_a_submit_that_was_called_busy(house: House) -> None:
    house.sandbox.faults({"fault": "callback_unrecorded"})
    other = house.ask(prompt="the task that the callback names")
    house.settle()
    ref = house.job(other).attempt.ref
    house.sandbox.faults({"fault": "busy", "times": 1})
    asked = house.ask(prompt="called busy")
    house.settle()
    assert house.job(asked).state is State.QUEUED
    body = house.sandbox.call("POST", "/openapi/v2/query", {"taskId": ref})
    envelope = {"event": "TASK_END", "taskId": ref, "eventData": body}
    Sandbox("").call("POST", house.callback_url(asked), envelope)
    house.settle()
    assert house.job(asked).state is State.SUCCEEDED
    house.later(10)
    assert house.sandbox.calls("/openapi/v2/{endpoint}") == 2, "it was not sent again"


@pytest.mark.parametrize("limit", ["RUNHOOK_CONCURRENCY", "RUNHOOK_TENANT_CONCURRENCY"])
def test_unconfirmed_jobs_hold_their_slots_until_runninghub_says_there_are_none(
    build: Build, limit: str
) -> None:
    house = build(**{limit: 1})
    _forbid_callbacks(house, "answer_lost_unaccepted")
    left_unconfirmed = house.ask(prompt="doubted")
    house.settle()
    house.sandbox.faults()
    waiting = house.ask(prompt="waiting")
    house.settle()
    house.later(5.1)
    house.until(waiting, "succeeded")
    assert house.job(left_unconfirmed).state is State.UNCONFIRMED, (
        "it stays unconfirmed all the same"
    )


def test_the_task_id_in_an_answer_too_deep_to_read_brings_its_task_home(house: House) -> None:
    house.sandbox.faults({"fault": "answer_nested"}, {"fault": "callback_lost"})
    asked = house.ask()
    house.settle()
    assert house.job(asked).state is State.UNCONFIRMED
    house.later(3)
    job = house.until(asked, "succeeded")
    assert job.attempt.ref == house.sandbox.books()["tasks"][0]["taskId"]
    assert house.sandbox.accepted() == 1


def test_a_task_id_in_an_unreadable_answer_that_nobody_knows_is_no_refusal(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody said no, so nothing says that nothing was paid."""
    _forbid_callbacks(house)
    deep = json.dumps({"taskId": "2000000000000000001", "extra": nested(500)}).encode()
    answer = wire.read_submit(200, deep)
    monkeypatch.setattr("runhook.worker.runninghub.wire.read_submit", lambda *_: answer)
    asked = house.ask()
    house.settle()
    assert house.job(asked).attempt.ref == "2000000000000000001"
    for _ in range(25):
        house.later(280)
        assert house.job(asked).state is State.UNCONFIRMED
    house.later(301)
    ended = house.job(asked)
    assert ended.attempt.error
    assert (ended.state, ended.attempt.error.code) == (State.FAILED, "unconfirmed")
    assert house.sandbox.calls("/openapi/v2/{endpoint}") == 1
