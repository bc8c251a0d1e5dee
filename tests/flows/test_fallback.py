"""Other models to go on with: when a job does, with what input, and when it never does."""

import json
from typing import Any

import pytest

from runhook.worker.domain import moves
from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.reports import Error, Output, Report
from runhook.worker.domain.views import job_view
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.resolve import resolve, retry
from runhook.worker.flows.steps import accept
from runhook.worker.runninghub.client import Client
from runhook.worker.store import Change, records
from tests.conftest import IMAGE, Build, House, Sandbox, eventually

OFFICIAL = "rhart-image-n-pro-official/text-to-image"
OTHER = "rhart-image-v1/text-to-image"
PICTURE = Output(url="https://rh.example/late.png", type="png")


def _ask(house: House, *models: str, **more: Any) -> Job:
    options = {"fallback": list(models or (OFFICIAL,)), **more.pop("options", {})}
    return house.ask(options=options, **more)


def _models(house: House) -> list[str]:
    """What RunningHub accepted, in order."""
    return [task["model"] for task in house.sandbox.books()["tasks"]]


def _attempts(house: House, job: Job) -> list[tuple[str, str]]:
    view = job_view(house.job(job))
    return [(attempt["model"], attempt["state"]) for attempt in view["attempts"]]


def _runs(house: House, job: Job, model: str) -> Job:
    """Work in real time until an attempt with this model has left."""

    def there() -> Job | None:
        house.settle()
        found = house.job(job)
        sent = found.current_model == model and found.state is State.RUNNING
        return found if sent else None

    found: Job = eventually(there)
    return found


@pytest.mark.parametrize("code", [1001, 1014])
def test_a_refusal_that_is_the_models_goes_on_with_the_next_model(house: House, code: int) -> None:
    house.sandbox.faults({"fault": "refused", "value": code, "model": IMAGE})
    job = house.until(_ask(house), "succeeded")
    assert _attempts(house, job) == [(IMAGE, "failed"), (OFFICIAL, "succeeded")]
    assert _models(house) == [OFFICIAL], "the refusal was free"
    first = job.history.attempts[0]
    assert first.error
    assert (first.error.provider_code, first.settled_by) == (str(code), "submit")
    assert job_view(job)["model"] == IMAGE, "what was asked for"
    assert "job.failed" not in house.events()
    notes = house.notes(job)
    assert notes.index("refused") < notes.index("falls back") < notes.index("accepted")


@pytest.mark.parametrize("code", [1000, 1005, 1006, 1010, 1011, 1012, 1015, 1504])
def test_runninghubs_own_failure_goes_on_with_the_next_model(house: House, code: int) -> None:
    house.sandbox.faults({"fault": "failed", "value": code, "model": IMAGE})
    job = house.until(_ask(house), "succeeded")
    assert _attempts(house, job) == [(IMAGE, "failed"), (OFFICIAL, "succeeded")]
    assert _models(house) == [IMAGE, OFFICIAL]
    hooks = [task["webhookUrl"] for task in house.sandbox.books()["tasks"]]
    assert hooks == [house.callback_url(job, 1), house.callback_url(job, 2)]
    assert "job.failed" not in house.events()
    assert house.events().count("job.succeeded") == 1
    assert job.cost
    assert job.cost.money == "0.8", "a failed attempt of a model costs nothing here"


@pytest.mark.parametrize("code", [301, 416, 803, 1007, 1008, 1501, 1505])
def test_a_refusal_that_is_the_users_or_the_accounts_ends_the_job(house: House, code: int) -> None:
    house.sandbox.faults({"fault": "refused", "value": code, "model": IMAGE})
    job = house.until(_ask(house), "failed")
    assert _attempts(house, job) == [(IMAGE, "failed")]
    assert house.sandbox.accepted() == 0


@pytest.mark.parametrize("code", [392, 433, 805, 1007, 1013, 1501, 1505, 1516, 4711])
def test_a_failure_of_the_content_or_one_that_nobody_explains_ends_the_job(
    house: House, code: int
) -> None:
    house.sandbox.faults({"fault": "failed", "value": code, "model": IMAGE})
    house.until(_ask(house), "failed")
    assert _models(house) == [IMAGE]


def test_a_failure_whose_text_is_of_the_content_ends_the_job_whatever_its_code(
    house: House,
) -> None:
    house.sandbox.faults({"fault": "callback_lost"}, {"fault": "slow"})
    job = house.until(_ask(house), "running")
    failed = {
        "taskId": job.attempt.ref,
        "status": "FAILED",
        "errorCode": "1000",
        "errorMessage": "不支持真人",
    }
    event = {"event": "TASK_END", "taskId": job.attempt.ref, "eventData": failed}
    Sandbox("").call("POST", house.callback_url(job), event)
    house.until(job, "failed")
    assert _models(house) == [IMAGE]


def test_a_task_that_was_cancelled_on_the_website_ends_the_job(house: House) -> None:
    house.sandbox.faults({"fault": "cancelled"})
    house.until(_ask(house), "cancelled")
    assert _models(house) == [IMAGE]


def test_what_may_have_been_accepted_is_never_gone_on_from(build: Build) -> None:
    house = build(RUNHOOK_UNCONFIRMED_AFTER=30)
    house.sandbox.faults({"fault": "answer_lost_unaccepted"})
    job = _ask(house)
    house.until(job, "unconfirmed")
    house.later(31)
    assert _attempts(house, job) == [(IMAGE, "failed")]
    error = house.job(job).attempt.error
    assert error
    assert error.code == "unconfirmed"
    assert house.sandbox.accepted() == 0


def test_a_failure_proved_after_it_was_given_up_starts_nothing(build: Build) -> None:
    house = build(RUNHOOK_UNCONFIRMED_AFTER=30)
    house.sandbox.faults({"fault": "answer_lost"}, {"fault": "callback_lost"}, {"fault": "failed"})
    job = _ask(house)
    house.until(job, "unconfirmed")
    house.later(31)
    (task,) = house.sandbox.books()["tasks"]
    accept.adopt(house.w, job.id, 1, task["taskId"])
    accept.accept(house.w, job.id, 1, house.w.client.report(task["taskId"], "image"), "query")
    house.settle()
    assert house.job(job).state is State.FAILED
    assert _models(house) == [IMAGE]


def test_an_unconfirmed_attempt_that_its_owner_resubmits_is_of_the_same_model(
    house: House,
) -> None:
    house.sandbox.faults(
        {"fault": "failed", "model": IMAGE},
        {"fault": "answer_lost_unaccepted", "model": OFFICIAL, "times": 1},
    )
    job = house.until(_ask(house), "unconfirmed")
    doubt = job.attempt.doubt
    assert doubt
    assert doubt.detail["money_at_risk"] == "0.8 CNY", "of the model that is in doubt"
    resolve(house.w, job.id, "resubmit")
    house.later(10)  # what hid the answer held the queue up
    house.until(job, "succeeded")
    assert _attempts(house, job) == [
        (IMAGE, "failed"),
        (OFFICIAL, "unconfirmed"),
        (OFFICIAL, "succeeded"),
    ]


def test_a_task_that_was_stopped_at_its_time_out_is_gone_on_from(build: Build) -> None:
    house = build(RUNHOOK_JOB_TIMEOUT=600)
    house.sandbox.faults({"fault": "slow", "value": 600, "model": IMAGE})
    job = _ask(house)
    house.settle()
    house.later(601)
    house.until(job, "succeeded")
    assert _models(house) == [IMAGE, OFFICIAL]
    first = house.job(job).history.attempts[0]
    assert first.error
    assert (first.error.code, first.error.detail["cancelled_there"]) == ("timeout", True)
    assert house.sandbox.books()["tasks"][0]["status"] == "CANCEL"


def test_a_task_that_may_still_run_after_its_time_out_is_not_gone_on_from(build: Build) -> None:
    house = build(RUNHOOK_JOB_TIMEOUT=600)
    house.sandbox.faults({"fault": "slow", "value": 600}, {"fault": "cancel_refused"})
    job = _ask(house)
    house.settle()
    house.later(601)
    assert house.job(job).state is State.FAILED
    house.later(3601)
    assert _models(house) == [IMAGE]


@pytest.mark.parametrize("ends", [False, True])
def test_a_cancel_that_was_taken_is_no_proof_that_the_task_has_ended(
    build: Build, monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    house = build(RUNHOOK_JOB_TIMEOUT=600)
    house.sandbox.faults({"fault": "slow", "value": 2}, {"fault": "callback_lost"})
    job = _ask(house)
    house.settle()

    def takes_it(client: Client, ref: str) -> None:
        if ends:
            eventually(lambda: house.sandbox.books()["tasks"][0]["status"] == "SUCCESS")

    monkeypatch.setattr(Client, "cancel", takes_it)
    house.later(601)
    assert house.job(job).state is {False: State.FAILED, True: State.SUCCEEDED}[ends]
    assert _models(house) == [IMAGE]


def test_a_failure_that_only_a_query_tells_is_asked_about_twice_before_it_is_gone_on_from(
    build: Build,
) -> None:
    house = build(RUNHOOK_PUBLIC_URL="")
    house.sandbox.faults({"fault": "failed", "model": IMAGE})
    job = _ask(house)
    house.settle()
    house.later(5.1)
    assert house.job(job).current_model == IMAGE
    house.later(31)
    assert house.job(job).current_model == OFFICIAL


def test_when_all_models_fail_the_job_ends_with_the_error_of_the_last(house: House) -> None:
    house.sandbox.faults(
        {"fault": "failed", "value": 1504, "model": IMAGE},
        {"fault": "refused", "value": 1014, "model": OFFICIAL},
        {"fault": "failed", "value": 1015, "model": OTHER},
    )
    job = house.until(_ask(house, OFFICIAL, OTHER), "failed")
    assert _attempts(house, job) == [(IMAGE, "failed"), (OFFICIAL, "failed"), (OTHER, "failed")]
    assert _models(house) == [IMAGE, OTHER]
    codes = [attempt.error and attempt.error.provider_code for attempt in job.history.attempts]
    assert codes == ["1504", "1014", "1015"]
    assert house.events().count("job.failed") == 1


def test_a_retry_of_the_user_begins_again_with_the_jobs_own_model(house: House) -> None:
    house.sandbox.faults({"fault": "failed"})
    job = house.until(_ask(house), "failed")
    house.sandbox.faults({"fault": "failed", "model": IMAGE})
    retry(house.w, job.id)
    job = house.until(job, "succeeded")
    assert _models(house) == [IMAGE, OFFICIAL, IMAGE, OFFICIAL]
    assert not job.history.risk


def test_the_same_model_is_retried_before_the_next_and_retries_count_for_all(house: House) -> None:
    house.sandbox.faults({"fault": "infrastructure"})
    house.until(_ask(house, options={"retries": 1}), "failed")
    assert _models(house) == [IMAGE, IMAGE, OFFICIAL]


def test_retries_that_no_model_used_are_the_next_ones(house: House) -> None:
    house.sandbox.faults(
        {"fault": "failed", "model": IMAGE},
        {"fault": "infrastructure", "model": OFFICIAL, "times": 1},
    )
    house.until(_ask(house, options={"retries": 1}), "succeeded")
    assert _models(house) == [IMAGE, OFFICIAL, OFFICIAL]


def _fails(house: House, job: Job) -> None:
    """RunningHub reports a failure of its own of the first attempt."""
    ref = str(house.job(job).attempt.ref)
    error = Error(code="failed", message="it failed", provider_code="1000")
    accept.accept(house.w, job.id, 1, Report(ref=ref, state="failed", error=error), "callback")


def _falls_back_behind_a_pause(house: House, **more: Any) -> Job:
    """A job whose second attempt stands in the queue, which is paused."""
    house.sandbox.faults({"fault": "slow", "model": IMAGE})
    job = house.until(_ask(house, **more), "running")
    house.w.store.queue.pause(True)
    _fails(house, job)
    house.settle()
    found = house.job(job)
    assert (found.state, found.current_model) == (State.QUEUED, OFFICIAL)
    return found


def test_a_cancel_while_the_next_model_waits_is_free(house: House) -> None:
    job = _falls_back_behind_a_pause(house)
    cancel(house.w, job.id)
    house.w.store.queue.pause(False)
    house.settle()
    assert _attempts(house, job) == [(IMAGE, "failed"), (OFFICIAL, "cancelled")]
    assert _models(house) == [IMAGE]


def test_a_job_whose_cancel_is_wished_does_not_go_on(house: House) -> None:
    house.sandbox.faults({"fault": "slow"})
    job = house.until(_ask(house), "running")
    now = house.clock.now()
    house.w.store.jobs.change(job.id, lambda found: Change(job=moves.wish_cancel(found, now)))
    _fails(house, job)
    assert house.job(job).state is State.FAILED
    assert _models(house) == [IMAGE]


def test_the_time_to_be_sent_in_begins_anew_with_each_model(house: House) -> None:
    job = _falls_back_behind_a_pause(house, options={"expires_in": 60})
    house.later(59)
    assert house.job(job).state is State.QUEUED
    house.later(2)
    after = house.job(job)
    assert after.attempt.error
    assert (after.state, after.attempt.error.code) == (State.FAILED, "expired")
    assert _models(house) == [IMAGE], "what expires ends the job, free"


def test_late_success_of_the_first_settles_the_job_while_the_next_has_not_left(
    house: House,
) -> None:
    job = _falls_back_behind_a_pause(house)
    ref = str(job.history.attempts[0].ref)
    told = Report(ref=ref, state="succeeded", outputs=(PICTURE,))
    accept.accept(house.w, job.id, 1, told, "callback")
    house.w.store.queue.pause(False)
    house.settle()
    after = house.job(job)
    assert (after.state, after.attempt.n, after.current_model) == (State.SUCCEEDED, 1, IMAGE)
    assert _models(house) == [IMAGE]


def test_late_success_of_the_first_after_the_next_has_left_is_kept_and_told(house: House) -> None:
    house.sandbox.faults({"fault": "failed", "model": IMAGE}, {"fault": "slow", "model": OFFICIAL})
    job = _runs(house, _ask(house), OFFICIAL)
    ref = str(job.history.attempts[0].ref)
    told = Report(ref=ref, state="succeeded", outputs=(PICTURE,))
    accept.accept(house.w, job.id, 1, told, "callback")
    after = house.job(job)
    assert after.state is State.RUNNING
    assert _attempts(house, job) == [(IMAGE, "succeeded"), (OFFICIAL, "running")]
    alerts = [event for event in house.w.store.events.after(None, 100)[0] if event.detail]
    assert f"attempt 1 ({IMAGE}) succeeded too; both may be charged" in str(alerts[-1].detail)


def test_each_model_is_sent_what_it_knows_with_its_own_defaults(house: House) -> None:
    cheap, dear = "rhart-image-g-1.5/text-to-image", "rhart-image-g-1.5-official/text-to-image"
    house.sandbox.faults({"fault": "failed", "model": cheap})
    job = house.until(_ask(house, dear, model=cheap), "succeeded")
    first, second = (task["body"] for task in house.sandbox.books()["tasks"])
    assert first == {"prompt": "a cat", "aspectRatio": "2:3", "webhookUrl": first["webhookUrl"]}
    assert second == {
        "prompt": "a cat",
        "size": "1024*1024",
        "quality": "medium",
        "webhookUrl": second["webhookUrl"],
    }
    (other,) = job.spec.fallback
    assert (other.shared, set(other.own)) == (("prompt",), {"size", "quality"})


def test_a_file_inside_the_input_is_kept_once_and_sent_to_each(house: House) -> None:
    own, other = "rhart-image-n-pro/edit", "rhart-image-n-pro-official/edit"
    house.sandbox.faults({"fault": "failed", "model": own})
    png = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    png += "YPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    given = {"prompt": "a cat", "imageUrls": [png]}
    job = _ask(house, other, model=own, input=given)
    assert png not in str(job.spec)
    house.until(job, "succeeded")
    first, second = (task["body"]["imageUrls"] for task in house.sandbox.books()["tasks"])
    assert first == second
    assert first[0].startswith("http")
    assert len(house.sandbox.books()["uploads"]) == 1


def test_how_long_it_took_is_remembered_of_the_model_that_ran(house: House) -> None:
    house.sandbox.faults({"fault": "failed", "model": IMAGE})
    house.until(_ask(house), "succeeded")
    assert house.raw.llen(f"runhook:durations:{OFFICIAL}") == 1
    assert house.raw.llen(f"runhook:durations:{IMAGE}") == 0


def test_a_process_of_the_release_before_sends_no_attempt_of_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would not know which model the second attempt is of, and pay for the first again."""
    job = _falls_back_behind_a_pause(house)
    house.sandbox.faults()
    plain = house.ask(prompt="beside it")
    house.w.store.queue.pause(False)
    monkeypatch.setattr(records, "VERSION", records.CHAINED - 1)
    house.until(plain, "succeeded")
    assert _models(house) == [IMAGE, IMAGE], "the second is of the job beside it"
    assert [one.name for one in house.w.store.upkeep.unreadable()] == [f"job {job.id}"]
    monkeypatch.undo()
    house.later(16)
    house.until(job, "succeeded")
    assert _models(house)[2:] == [OFFICIAL]


def test_a_job_without_other_models_is_for_every_release(house: House) -> None:
    job, other = house.ask(), _ask(house)
    needs = [json.loads(house.raw.hget(f"runhook:job:{one.id}", "ask")) for one in (job, other)]
    assert ["needs" in ask for ask in needs] == [False, True]
    assert ["fallback" in ask for ask in needs] == [False, True]
