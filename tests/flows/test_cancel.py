"""Cancel: free before it left, asked of RunningHub after, and right in every race."""

import threading

import pytest

from runhook.worker.domain.jobs import State
from runhook.worker.domain.reports import Accepted
from runhook.worker.errors import Conflict, NotFound, ProviderSilent
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.steps import accept
from tests.conftest import Build, House, provider_at


def test_a_queued_job_is_cancelled_at_once_and_costs_nothing(house: House) -> None:
    house.w.store.queue.pause(True)
    job = house.ask()
    assert cancel(house.w, job.id).state is State.CANCELLED
    house.w.store.queue.pause(False)
    house.settle()
    assert house.sandbox.accepted() == 0
    assert house.events() == ["job.queued", "job.cancelled"]
    assert house.job(job).attempt.settled_by == "user"


def test_a_running_job_is_stopped_there_and_its_cost_is_read_later(house: House) -> None:
    house.sandbox.faults({"fault": "slow", "value": 600})
    job = house.ask()
    house.until(job, "running")
    assert cancel(house.w, job.id).state is State.CANCELLED
    assert house.sandbox.books()["tasks"][0]["status"] == "CANCEL"
    house.later(31)
    assert house.sandbox.calls("/openapi/v2/query") == 1
    assert house.job(job).state is State.CANCELLED
    assert house.standing("running") == 0


def test_a_cancel_that_runninghub_refuses_leaves_it_running(house: House) -> None:
    house.sandbox.faults({"fault": "slow", "value": 600}, {"fault": "cancel_refused"})
    job = house.ask()
    house.until(job, "running")
    with pytest.raises(Conflict, match=r"807.*[^.]\. It stays running"):
        cancel(house.w, job.id)
    assert house.job(job).state is State.RUNNING


def test_a_cancel_that_nobody_answers_leaves_it_running(house: House) -> None:
    house.sandbox.faults({"fault": "slow", "value": 600})
    job = house.ask()
    house.until(job, "running")
    provider_at(house.w, "http://127.0.0.1:9")
    with pytest.raises(ProviderSilent):
        cancel(house.w, job.id)
    assert house.job(job).state is State.RUNNING


def test_a_job_that_has_ended_cannot_be_cancelled_and_a_cancelled_one_stays_so(
    house: House,
) -> None:
    done = house.ask()
    house.until(done, "succeeded")
    with pytest.raises(Conflict, match="has succeeded"):
        cancel(house.w, done.id)
    with pytest.raises(NotFound):
        cancel(house.w, "job_none")
    house.w.store.queue.pause(True)
    job = house.ask()
    assert cancel(house.w, job.id) == cancel(house.w, job.id)


def test_a_callback_that_was_faster_wins(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.sandbox.faults({"fault": "slow", "value": 600})
    job = house.ask()
    house.until(job, "running")
    stop = house.w.client.cancel

    def and_it_ends_first(ref: str) -> None:
        stop(ref)
        from runhook.worker.domain.reports import Output, Report

        told = Report(
            ref=ref, state="succeeded", outputs=(Output(url="https://a.example/x.png", type="png"),)
        )
        accept.accept(house.w, job.id, 1, told, "callback")

    monkeypatch.setattr(house.w.client, "cancel", and_it_ends_first)
    with pytest.raises(Conflict, match="has succeeded before"):
        cancel(house.w, job.id)
    assert house.job(job).state is State.SUCCEEDED


def test_what_arrives_after_a_cancel_is_recorded_and_the_state_stays(house: House) -> None:
    from runhook.worker.domain.reports import Cost, Output, Report

    house.sandbox.faults({"fault": "slow", "value": 600})
    job = house.ask()
    ref = house.until(job, "running").attempt.ref
    cancel(house.w, job.id)
    told = Report(
        ref=str(ref),
        state="succeeded",
        outputs=(Output(url="https://a.example/x.png", type="png"),),
        cost=Cost(money="0.14"),
    )
    accept.accept(house.w, job.id, 1, told, "callback")
    after = house.job(job)
    assert after.state is State.CANCELLED
    assert after.attempt.outputs[0].url == "https://a.example/x.png"
    assert after.attempt.cost == Cost(money="0.14")


def test_a_job_about_to_be_sent_is_cancelled_before_a_byte_leaves(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds its turn asks once more when the connection is open, and is told no."""
    job = house.ask()
    asked = threading.Event()
    mark = house.w.store.departures.mark_left

    def cancelled_first(*args: object) -> bool:
        cancel(house.w, job.id)
        asked.set()
        return mark(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(house.w.store.departures, "mark_left", cancelled_first)
    house.settle()
    assert asked.is_set()
    assert house.job(job).state is State.CANCELLED
    assert house.sandbox.accepted() == 0


def test_a_job_whose_request_left_is_cancelled_once_its_ref_is_known(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.sandbox.faults({"fault": "slow", "value": 600})
    job = house.ask()
    submit = house.w.client.submit

    def wished_meanwhile(*args: object) -> object:
        answer = submit(*args)  # type: ignore[arg-type]
        assert isinstance(answer, Accepted)
        assert cancel(house.w, job.id).state is State.SENDING
        return answer

    monkeypatch.setattr(house.w.client, "submit", wished_meanwhile)
    house.settle()
    assert house.job(job).state is State.CANCELLED
    assert house.sandbox.books()["tasks"][0]["status"] == "CANCEL"


def test_a_wish_ends_a_job_that_was_not_accepted(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = house.ask()
    house.sandbox.faults({"fault": "busy"})
    mark = house.w.store.departures.mark_left

    def wished(*args: object) -> bool:
        left = mark(*args)  # type: ignore[arg-type]
        cancel(house.w, job.id)
        return left

    monkeypatch.setattr(house.w.store.departures, "mark_left", wished)
    house.settle()
    assert house.job(job).state is State.CANCELLED
    assert house.sandbox.accepted() == 0


def test_an_unconfirmed_job_is_cancelled_when_its_callback_brings_the_ref(house: House) -> None:
    house.sandbox.faults({"fault": "answer_lost"}, {"fault": "slow", "value": 1})
    job = house.ask()
    house.until(job, "unconfirmed")
    assert cancel(house.w, job.id).state is State.UNCONFIRMED
    assert house.job(job).history.cancel_wished
    # Its callback says that it is done already: what was made and paid for is not thrown away.
    house.until(job, "succeeded")


def test_an_unconfirmed_job_that_is_wished_cancelled_is_never_sent_again(build: Build) -> None:
    house = build(RUNHOOK_UNCONFIRMED="resubmit", RUNHOOK_UNCONFIRMED_AFTER=5)
    house.sandbox.faults({"fault": "answer_lost_unaccepted"})
    job = house.ask()
    house.until(job, "unconfirmed")
    cancel(house.w, job.id)
    house.later(6)
    assert house.job(job).state is State.FAILED
    assert len(house.job(job).history.attempts) == 1
