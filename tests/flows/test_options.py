"""What a job's owner may ask besides its input: expires_in, retries, max_price; and the line."""

import pytest

from runhook.worker.domain.jobs import State
from runhook.worker.errors import InvalidRequest
from runhook.worker.flows import create
from runhook.worker.flows.create import JobRequest
from runhook.worker.flows.steps.pricing import live_price
from runhook.worker.store import JobFilter
from tests.conftest import IMAGE, Build, House


def test_a_job_that_is_still_queued_after_its_time_is_not_sent(house: House) -> None:
    house.w.store.queue.pause(True)
    job = house.ask(options={"expires_in": 60})
    house.later(59)
    assert house.job(job).state is State.QUEUED
    house.later(2)
    after = house.job(job)
    assert (after.state, after.attempt.error and after.attempt.error.code) == (
        State.FAILED,
        "expired",
    )
    house.w.store.queue.pause(False)
    house.settle()
    assert house.sandbox.accepted() == 0


def test_a_job_that_was_sent_in_time_does_not_expire(house: House) -> None:
    house.sandbox.faults({"fault": "slow", "value": 600})
    job = house.ask(options={"expires_in": 60})
    house.settle()
    house.later(61)
    assert house.job(job).state is State.RUNNING


def test_a_job_that_was_sent_back_to_the_line_still_expires(house: House) -> None:
    house.sandbox.faults({"fault": "busy"})
    job = house.ask(options={"expires_in": 30})
    house.settle()
    for _ in range(8):
        house.later(5)
    assert house.job(job).attempt.error is not None
    assert house.job(job).state is State.FAILED
    assert house.sandbox.accepted() == 0


def test_runninghubs_own_failure_is_paid_again_as_often_as_its_owner_allowed(house: House) -> None:
    house.sandbox.faults({"fault": "infrastructure", "times": 2})
    job = house.ask(options={"retries": 2})
    after = house.until(job, "succeeded")
    assert [attempt.state for attempt in after.history.attempts[:2]] == [State.FAILED, State.FAILED]
    assert len(after.history.attempts) == 3
    assert not after.history.risk
    assert house.events().count("job.failed") == 0
    assert house.sandbox.accepted() == 3
    urls = {task["webhookUrl"] for task in house.sandbox.books()["tasks"]}
    assert len(urls) == 3


def test_without_retries_it_is_not_paid_again(house: House) -> None:
    house.sandbox.faults({"fault": "infrastructure"})
    job = house.ask()
    house.until(job, "failed")
    assert house.sandbox.accepted() == 1


def test_a_failure_that_a_new_task_would_not_heal_is_not_paid_again(house: House) -> None:
    house.sandbox.faults({"fault": "failed"})
    job = house.ask(options={"retries": 3})
    house.until(job, "failed")
    assert house.sandbox.accepted() == 1


def test_a_job_dearer_than_its_owner_allowed_is_refused_by_the_catalogue(house: House) -> None:
    with pytest.raises(InvalidRequest, match=r"costs 0\.4 CNY"):
        house.ask(options={"max_price": "0.30"})
    house.ask(options={"max_price": "0.40"})


def test_a_price_that_rose_since_is_not_paid(house: House) -> None:
    house.sandbox.faults({"fault": "price", "value": 0.5})
    job = house.ask(options={"max_price": "0.45"})
    house.settle()
    after = house.job(job)
    assert after.state is State.FAILED
    assert after.attempt.error
    assert after.attempt.error.code == "max_price"
    assert "0.5 CNY" in after.attempt.error.message
    assert after.attempt.submitted_at is None
    assert house.sandbox.accepted() == 0


def test_a_key_that_may_not_ask_for_prices_goes_by_the_catalogue(house: House) -> None:
    house.sandbox.faults({"fault": "not_shared", "times": 1})
    job = house.ask(options={"max_price": "0.40"})
    house.until(job, "succeeded")


@pytest.mark.parametrize("budget", [{}, {"RUNHOOK_BUDGET_DAY": "10.00"}])
def test_a_price_that_nobody_tells_is_not_paid_and_what_helps_is_said(
    build: Build, budget: dict[str, str]
) -> None:
    house = build(**budget)
    house.sandbox.faults({"fault": "not_shared"})
    given = {"prompt": "a", "videoUrl": "https://a.example/x.mp4"}
    job = house.ask("kling-video-o3-pro/video-edit", input=given, options={"max_price": 5})
    house.settle()
    error = house.job(job).attempt.error
    assert error
    assert (error.code, "not known" in error.message) == ("max_price", True)
    assert "No higher max_price helps" in error.message
    assert ("or without max_price" in error.message) == (not budget), "a budget needs one"
    assert house.sandbox.accepted() == 0


def test_a_workflow_has_no_price_to_compare(house: House) -> None:
    with pytest.raises(InvalidRequest, match="run time"):
        house.ask("workflow/12", input={"6.text": "a"}, options={"max_price": 1})


def test_a_paused_line_sends_nothing_and_goes_on_where_it_stood(house: House) -> None:
    house.w.store.queue.pause(True)
    jobs = [house.ask(prompt=str(number)) for number in range(3)]
    house.later(300)
    assert house.sandbox.accepted() == 0
    state = house.w.store.queue.state()
    assert (state.length, state.paused, state.in_flight, state.gate) == (3, True, 0, "open")
    house.w.store.queue.pause(False)
    for job in jobs:
        house.until(job, "succeeded")
    assert not house.w.store.queue.state().paused


def test_a_job_that_took_its_turn_before_the_pause_does_not_leave_after_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = house.ask()
    mark = house.w.store.departures.mark_left

    def paused_first(*args: object) -> bool:
        house.w.store.queue.pause(True)
        return mark(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(house.w.store.departures, "mark_left", paused_first)
    house.settle()
    assert house.job(job).state is State.QUEUED
    assert house.sandbox.accepted() == 0


def test_the_price_of_a_request_is_told_without_keeping_it(house: House) -> None:
    checked = create.check(house.w, JobRequest(model=IMAGE, input={"prompt": "a"}))
    live = live_price(house.w, checked)
    assert live
    assert str(live.money) == "0.4"
    assert house.w.store.listing.page(JobFilter(), None, 10).jobs == ()
