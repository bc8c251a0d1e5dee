"""A user's word: retry, reconcile, resolve, each with its races."""

from typing import Any

import pytest

from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.reports import Error, Output, Report
from runhook.worker.errors import Conflict, NotFound, ProviderSilent
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.resolve import ask_now, resolve, resolve_by_ref, retry
from runhook.worker.flows.steps import accept
from tests.conftest import Build, House, eventually, provider_at

PICTURE = Output(url="https://a.example/x.png", type="png")


def _unconfirmed(house: House, fault: str = "answer_lost") -> Job:
    """A job whose answer and callback are both gone."""
    house.sandbox.faults({"fault": fault}, {"fault": "callback_unrecorded"})
    job = house.ask()
    house.until(job, "unconfirmed")
    house.sandbox.faults()
    return job


def _failed_once(house: House, **more: Any) -> tuple[Job, str]:
    """A job whose first attempt has failed at RunningHub, and that attempt's task."""
    house.sandbox.faults({"fault": "failed", "times": 1})
    job = house.ask(**more)
    return job, str(house.until(job, "failed").attempt.ref)


def _task(house: House, number: int = 0) -> str:
    return str(house.sandbox.books()["tasks"][number]["taskId"])


def test_a_retry_is_a_new_attempt_with_a_callback_url_of_its_own(house: House) -> None:
    house.sandbox.faults({"fault": "failed", "times": 1})
    job = house.ask()
    house.until(job, "failed")
    again = retry(house.w, job.id)
    assert (again.state, again.id, again.attempt.n) == (State.QUEUED, job.id, 2)
    ended = house.until(job, "succeeded")
    assert [attempt.state for attempt in ended.history.attempts] == [State.FAILED, None]
    assert ended.history.attempts[0].error
    assert len({task["webhookUrl"] for task in house.sandbox.books()["tasks"]}) == 2
    assert house.events().count("job.queued") == 2


def test_a_cancelled_job_is_retried_too(house: House) -> None:
    from runhook.worker.flows.cancel import cancel

    house.w.store.queue.pause(True)
    job = house.ask()
    cancel(house.w, job.id)
    house.w.store.queue.pause(False)
    retry(house.w, job.id)
    house.until(job, "succeeded")


def test_only_failed_and_cancelled_jobs_are_retried(house: House) -> None:
    job = house.ask()
    with pytest.raises(Conflict, match="is queued"):
        retry(house.w, job.id)
    house.until(job, "succeeded")
    with pytest.raises(Conflict, match="is succeeded"):
        retry(house.w, job.id)
    with pytest.raises(NotFound):
        retry(house.w, "job_none")


def test_two_retries_at_once_are_one_attempt(house: House) -> None:
    house.sandbox.faults({"fault": "failed", "times": 1})
    job = house.ask()
    house.until(job, "failed")
    retry(house.w, job.id)
    with pytest.raises(Conflict):
        retry(house.w, job.id)
    assert len(house.until(job, "succeeded").history.attempts) == 2


def test_an_attempt_that_was_never_proved_makes_its_retry_a_risk(build: Build) -> None:
    house = build(RUNHOOK_UNCONFIRMED_AFTER=5)
    job = _unconfirmed(house)
    house.later(6)
    assert house.job(job).state is State.FAILED
    assert retry(house.w, job.id).history.risk


def test_late_success_of_an_earlier_attempt_settles_a_retry_that_has_not_left(
    house: House,
) -> None:
    job, ref = _failed_once(house)
    house.w.store.queue.pause(True)
    retry(house.w, job.id)
    accept.accept(
        house.w, job.id, 1, Report(ref=ref, state="succeeded", outputs=(PICTURE,)), "callback"
    )
    house.w.store.queue.pause(False)
    house.settle()
    after = house.job(job)
    assert (after.state, after.attempt.n, after.attempt.ref) == (State.SUCCEEDED, 1, ref)
    assert after.attempt.outputs[0].url == PICTURE.url
    assert house.sandbox.accepted() == 1


def _succeed(house: House, job: Job, ref: str) -> None:
    made = Report(ref=ref, state="succeeded", outputs=(PICTURE,))
    accept.accept(house.w, job.id, 1, made, "callback")


def test_late_success_settles_a_job_whose_retry_failed_before_it_left(house: House) -> None:
    job, ref = _failed_once(house, options={"expires_in": 60})
    house.w.store.queue.pause(True)
    retry(house.w, job.id)
    house.later(61)
    assert house.job(job).attempt.error.code == "expired"  # type: ignore[union-attr]
    _succeed(house, job, ref)
    after = house.job(job)
    assert (after.state, after.attempt.n, after.attempt.ref) == (State.SUCCEEDED, 1, ref)
    assert [one.state for one in after.history.attempts[1:]] == [State.FAILED]
    assert not [event for event in house.events() if event == "runhook.alert"]


def test_late_success_drops_no_attempt_that_runs_without_a_departure_on_record(
    house: House,
) -> None:
    """As one does that was taken for refused, and was accepted."""
    job, first = _failed_once(house)
    house.sandbox.faults({"fault": "slow", "value": 600})
    retry(house.w, job.id)
    house.until(job, "running")
    house.raw.hdel(f"runhook:job:{job.id}", "left:2")
    _succeed(house, job, first)
    after = house.job(job)
    assert (after.state, after.attempt.n, len(after.history.attempts)) == (State.RUNNING, 2, 2)
    house.settle()
    assert "runhook.alert" in house.events()


@pytest.mark.parametrize("options", [{}, {"retries": 2}])
def test_a_job_that_an_earlier_attempt_made_neither_fails_nor_is_paid_again(
    house: House, options: dict[str, Any]
) -> None:
    job, first = _failed_once(house, options=options)
    house.sandbox.faults({"fault": "slow", "value": 600})
    retry(house.w, job.id)
    second = str(house.until(job, "running").attempt.ref)
    _succeed(house, job, first)
    assert house.job(job).state is State.RUNNING, "the second has left, and is waited for"
    own = Error(code="failed", message="a machine broke", detail={"infrastructure": True})
    failed = Report(ref=second, state="failed", error=own)
    accept.accept(house.w, job.id, 2, failed, "callback")
    house.settle()
    after = house.job(job)
    assert (after.state, after.attempt.n) == (State.SUCCEEDED, 1)
    assert [one.state for one in after.history.attempts[1:]] == [State.FAILED]
    assert house.sandbox.accepted() == 2


def test_late_success_settles_even_a_retry_that_has_its_turn(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told no when its connection is open, so not one byte leaves."""
    job, ref = _failed_once(house)
    mark = house.w.store.departures.mark_left

    def late_news_first(*args: object) -> bool:
        accept.accept(
            house.w, job.id, 1, Report(ref=ref, state="succeeded", outputs=(PICTURE,)), "callback"
        )
        return mark(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(house.w.store.departures, "mark_left", late_news_first)
    retry(house.w, job.id)
    house.settle()
    assert house.job(job).state is State.SUCCEEDED
    assert house.sandbox.accepted() == 1


def test_late_success_of_the_first_of_three_keeps_what_the_second_cost(house: House) -> None:
    house.sandbox.faults({"fault": "failed", "times": 2})
    job = house.ask()
    ref = str(house.until(job, "failed").attempt.ref)
    retry(house.w, job.id)
    house.until(job, "failed")
    house.w.store.queue.pause(True)
    retry(house.w, job.id)
    accept.accept(
        house.w, job.id, 1, Report(ref=ref, state="succeeded", outputs=(PICTURE,)), "callback"
    )
    after = house.job(job)
    assert after.state is State.SUCCEEDED
    assert [attempt.n for attempt in after.history.attempts] == [1, 2]
    assert after.attempt.n == 1
    assert after.history.attempts[1].state is State.FAILED


def test_late_success_after_the_retry_left_is_kept_and_alerted(house: House) -> None:
    job, ref = _failed_once(house)
    house.sandbox.faults({"fault": "slow", "value": 600})
    retry(house.w, job.id)
    house.until(job, "running")
    accept.accept(
        house.w, job.id, 1, Report(ref=ref, state="succeeded", outputs=(PICTURE,)), "callback"
    )
    after = house.job(job)
    assert after.state is State.RUNNING
    assert after.history.attempts[0].state is State.SUCCEEDED
    assert "runhook.alert" in house.events()


def test_expires_in_begins_anew_with_a_retry(house: House) -> None:
    house.sandbox.faults({"fault": "failed", "times": 1})
    job = house.ask(options={"expires_in": 60})
    house.until(job, "failed")
    house.later(600)
    house.w.store.queue.pause(True)
    retry(house.w, job.id)
    house.later(59)
    assert house.job(job).state is State.QUEUED
    house.later(2)
    assert house.job(job).state is State.FAILED


def test_reconcile_asks_at_once(house: House) -> None:
    house.sandbox.faults({"fault": "callback_unrecorded"})
    job = house.ask()
    house.until(job, "running")
    assert ask_now(house.w, job.id).state is State.SUCCEEDED


def test_reconcile_brings_the_late_success_of_a_failed_job(house: House) -> None:
    house.sandbox.faults({"fault": "failed_then_succeeds"}, {"fault": "callback_unrecorded"})
    job = house.ask()
    house.until(job, "running")
    ask_now(house.w, job.id)
    house.later(31)
    house.later(31)
    assert ask_now(house.w, job.id).state in (State.RUNNING, State.FAILED, State.SUCCEEDED)
    eventually(lambda: ask_now(house.w, job.id).state is State.SUCCEEDED)


def test_reconcile_says_what_it_cannot_ask(house: House) -> None:
    house.w.store.queue.pause(True)
    with pytest.raises(Conflict, match="no task id"):
        ask_now(house.w, house.ask().id)
    house.w.store.queue.pause(False)
    house.settle()
    with pytest.raises(Conflict, match="resolve it by hand"):
        ask_now(house.w, _unconfirmed(house).id)


def test_reconcile_of_a_silent_provider_changes_nothing(house: House) -> None:
    house.sandbox.faults({"fault": "slow", "value": 600})
    job = house.ask()
    house.until(job, "running")
    provider_at(house.w, "http://127.0.0.1:9")
    with pytest.raises(ProviderSilent):
        ask_now(house.w, job.id)
    assert house.job(job).state is State.RUNNING


def test_an_unconfirmed_job_shows_the_money_at_risk(house: House) -> None:
    doubt = house.job(_unconfirmed(house)).attempt.doubt
    assert doubt
    assert doubt.detail["money_at_risk"] == "0.4 CNY"


def test_an_unconfirmed_job_is_given_up_by_its_owner(house: House) -> None:
    job = _unconfirmed(house)
    after = resolve(house.w, job.id, "failed")
    assert (after.state, after.attempt.settled_by) == (State.FAILED, "user")
    assert after.attempt.error
    assert after.attempt.error.detail["money_at_risk"] == "0.4 CNY"
    with pytest.raises(Conflict, match="not unconfirmed"):
        resolve(house.w, job.id, "failed")


def test_an_unconfirmed_job_is_paid_again_at_its_owners_risk(house: House) -> None:
    job = _unconfirmed(house, "answer_lost_unaccepted")
    assert resolve(house.w, job.id, "resubmit").history.risk
    house.later(6)  # the gate that the doubt closed
    assert house.until(job, "succeeded").attempt.n == 2


def _proved(house: House, job: Job, state: str = "succeeded") -> Job:
    """Time passes until RunningHub's record has shown whose task it is."""

    def there() -> Job | None:
        house.later(6)
        found = house.job(job)
        return found if found.state == state else None

    found = eventually(there, else_show=lambda: house.notes(job))
    assert isinstance(found, Job)
    return found


def test_an_unconfirmed_job_is_settled_by_the_task_its_owner_found(house: House) -> None:
    house.sandbox.faults({"fault": "answer_lost"}, {"fault": "callback_lost"})
    job = house.ask()
    house.until(job, "unconfirmed")
    resolve_by_ref(house.w, job.id, _task(house))
    assert _proved(house, job).attempt.ref == _task(house)


def test_a_task_that_still_runs_is_taken_when_its_end_proves_whose_it_is(house: House) -> None:
    lost = ({"fault": "answer_lost"}, {"fault": "callback_lost"})
    house.sandbox.faults(*lost, {"fault": "slow", "value": 1.5})
    job = house.ask()
    house.until(job, "unconfirmed")
    word = resolve_by_ref(house.w, job.id, _task(house))
    assert (word.state, word.attempt.ref) == (State.UNCONFIRMED, None)
    assert word.attempt.unproved
    assert word.attempt.unproved.ref == _task(house)
    proved = _proved(house, job)
    assert (proved.attempt.ref, proved.attempt.settled_by) == (_task(house), "detail")


def test_an_owners_word_outlives_the_time_for_proof(build: Build) -> None:
    house = build(RUNHOOK_UNCONFIRMED_AFTER=30, RUNHOOK_UNCONFIRMED="resubmit")
    lost = ({"fault": "answer_lost"}, {"fault": "callback_lost"})
    house.sandbox.faults(*lost, {"fault": "slow", "value": 1.5})
    job = house.ask()
    house.until(job, "unconfirmed")
    resolve_by_ref(house.w, job.id, _task(house))
    _proved(house, job)
    assert house.sandbox.accepted() == 1


def test_a_running_task_of_another_is_not_taken_and_that_is_said(house: House) -> None:
    job = _unconfirmed(house, "answer_lost_unaccepted")
    house.sandbox.faults({"fault": "slow", "value": 1.5}, {"fault": "callback_lost"})
    house.later(6)  # the gate that the doubt closed
    other = house.until(house.ask(), "running")
    resolve_by_ref(house.w, job.id, str(other.attempt.ref))

    def refused() -> bool:
        house.later(6)
        return "named task not taken" in house.notes(job)

    eventually(refused)
    after = house.job(job)
    assert (after.state, after.attempt.ref, after.attempt.unproved) == ("unconfirmed", None, None)
    assert "runhook.alert" in house.events()


def test_a_task_that_ended_without_a_record_is_not_taken_without_force(house: House) -> None:
    job = _unconfirmed(house)
    resolve_by_ref(house.w, job.id, _task(house))
    for _ in range(12):
        house.later(100)
    assert house.job(job).state is State.UNCONFIRMED
    assert "named task not taken" in house.notes(job)
    assert resolve_by_ref(house.w, job.id, _task(house), force=True).state is State.SUCCEEDED


def test_without_a_public_url_nothing_can_prove_a_task_and_the_owner_is_told(build: Build) -> None:
    house = build(RUNHOOK_PUBLIC_URL="")
    job = _unconfirmed(house)
    with pytest.raises(Conflict, match="without a callback URL"):
        resolve_by_ref(house.w, job.id, _task(house))
    assert resolve_by_ref(house.w, job.id, _task(house), force=True).state is State.SUCCEEDED


@pytest.mark.parametrize("end", ["succeeded", "failed"])
def test_a_running_task_brought_home_to_a_job_given_up_is_looked_at_until_it_ends(
    build: Build, end: str
) -> None:
    house = build(RUNHOOK_UNCONFIRMED_AFTER=5, RUNHOOK_JOB_TIMEOUT=600)
    rules = [{"fault": "answer_lost"}, {"fault": "callback_unrecorded"}]
    rules += [{"fault": "failed"}] if end == "failed" else []
    house.sandbox.faults(*rules, {"fault": "slow", "value": 1.5})
    job = house.until(house.ask(), "unconfirmed")
    for _ in range(10):
        house.later(300)
    assert house.job(job).given_up
    resolve_by_ref(house.w, job.id, _task(house), force=True)

    def settled() -> bool:
        house.later(1)
        return not house.job(job).given_up

    eventually(settled)
    after = house.job(job)
    assert after.state == end
    assert after.attempt.settled_by == "query"
    assert after.attempt.cost or end == "failed"


def test_a_task_of_another_job_is_taken_only_by_force(house: House) -> None:
    other = house.ask()
    house.until(other, "succeeded")
    job = _unconfirmed(house, "answer_lost_unaccepted")
    theirs = str(house.job(other).attempt.ref)
    with pytest.raises(Conflict, match="not this attempt's"):
        resolve_by_ref(house.w, job.id, theirs)
    assert house.job(job).state is State.UNCONFIRMED
    assert resolve_by_ref(house.w, job.id, theirs, force=True).state is State.SUCCEEDED


def test_a_task_that_nobody_knows_settles_nothing(house: House) -> None:
    job = _unconfirmed(house)
    with pytest.raises(Conflict, match="knows no task"):
        resolve_by_ref(house.w, job.id, "42", force=True)
    assert house.job(job).state is State.UNCONFIRMED


def test_a_job_that_failed_unconfirmed_is_brought_home_by_its_task(build: Build) -> None:
    house = build(RUNHOOK_UNCONFIRMED_AFTER=5)
    house.sandbox.faults({"fault": "answer_lost"}, {"fault": "callback_lost"})
    job = house.ask()
    house.until(job, "unconfirmed")
    house.later(6)
    assert house.job(job).state is State.FAILED
    resolve_by_ref(house.w, job.id, _task(house))
    _proved(house, job)
    assert house.events()[-1] == "job.succeeded"


def test_a_job_whose_cancel_is_wished_is_not_paid_again(house: House) -> None:
    house.sandbox.faults({"fault": "answer_lost_unaccepted"})
    job = house.until(house.ask(), "unconfirmed")
    cancel(house.w, job.id)
    with pytest.raises(Conflict, match="cancel is wished"):
        resolve(house.w, job.id, "resubmit")
    assert house.job(job).history.cancel_wished
    assert house.sandbox.accepted() == 0
