"""Callbacks that are not believed by themselves: who asks RunningHub, how often, what stays."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from runhook.worker.domain import policy
from runhook.worker.domain.jobs import Job
from runhook.worker.flows.steps.accept import adopt
from runhook.worker.store import TimelineEntry
from tests.conftest import Build, House, eventually

DETAIL, QUERY = "/task/openapi/getWebhookDetail", "/openapi/v2/query"
OUTPUTS, STATUS = "/task/openapi/outputs", "/task/openapi/status"
RESEND = "/task/openapi/retryWebhook"
WORKFLOW = "workflow/1904136902449209346"


def _post(url: str, body: bytes) -> int:
    request = urllib.request.Request(url, body, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def _end_of(ref: str, **more: Any) -> bytes:
    results = [{"url": "https://a.example/x.png", "outputType": "png"}]
    event = {"taskId": ref, "status": "SUCCESS", "errorCode": "", "results": results, **more}
    return json.dumps({"event": "TASK_END", "taskId": ref, "eventData": event}).encode()


def _asked(house: House) -> int:
    """Calls that only questions make."""
    return sum(house.sandbox.calls(path) for path in (DETAIL, QUERY, OUTPUTS, STATUS, RESEND))


def _unconfirmed(house: House, *more: dict[str, Any]) -> Job:
    """A job that RunningHub has, whose answer was lost and whose callback is lost too."""
    house.sandbox.faults({"fault": "answer_lost"}, {"fault": "callback_lost"}, *more)
    job = house.ask()
    house.until(job, "unconfirmed")
    return job


def _task(house: House) -> str:
    return str(eventually(lambda: house.sandbox.books()["tasks"])[0]["taskId"])


def test_taking_in_never_asks_runninghub(house: House) -> None:
    job = _unconfirmed(house)
    house.lost.append("reconcile")
    _post(house.callback_url(job), _end_of(_task(house)))
    before = _asked(house)
    house.settle()
    assert _asked(house) == before
    assert house.raw.llen(f"runhook:raw:{job.id}/1") == 1, "kept until it is decided"
    house.lost.clear()
    house.later(31)
    ended = house.job(job)
    assert (ended.state, ended.attempt.settled_by) == ("succeeded", "callback")
    assert house.raw.exists(f"runhook:raw:{job.id}/1") == 0


def test_a_ref_is_adopted_after_one_query(house: House) -> None:
    job = _unconfirmed(house)
    for _ in range(3):
        _post(house.callback_url(job), _end_of(_task(house)))
    house.settle()
    assert house.job(job).state == "succeeded"
    assert house.sandbox.calls(QUERY) == 1
    assert house.events().count("job.succeeded") == 1


def test_nothing_is_left_to_do_about_a_callback_that_proved_nothing(house: House) -> None:
    job = _unconfirmed(house)
    _post(house.callback_url(job), _end_of("1"))
    house.settle()
    assert house.raw.exists(f"runhook:raw:{job.id}/1") == 0
    assert house.raw.zcard("runhook:due:intake") == 0


def test_a_task_that_runninghub_does_not_know_proves_nothing(house: House) -> None:
    job = _unconfirmed(house)
    _post(house.callback_url(job), _end_of("2000000000000000001"))
    house.settle()
    assert house.job(job).state == "unconfirmed"
    assert "callback not believed" in house.notes(job)
    assert house.raw.exists(f"runhook:raw:{job.id}/1") == 0
    assert house.sandbox.calls(QUERY) == 1


def test_in_silence_a_callback_is_kept_and_asked_about_for_a_day_and_then_alerted(
    build: Build,
) -> None:
    house = build(RUNHOOK_UNCONFIRMED_AFTER=3 * policy.UNPROVED_LONGEST)
    job = _unconfirmed(house, {"fault": "query_html"})
    _post(house.callback_url(job), _end_of(_task(house)))
    for _ in range(20):
        house.later(301)
    assert house.raw.llen(f"runhook:raw:{job.id}/1") == 1
    house.later(policy.UNPROVED_LONGEST)
    house.later(301)
    assert house.raw.exists(f"runhook:raw:{job.id}/1") == 0
    assert "runhook.alert" in house.events()


def test_a_duty_that_got_lost_is_made_anew(house: House) -> None:
    job = _unconfirmed(house)
    house.lost.append("reconcile")
    _post(house.callback_url(job), _end_of(_task(house)))
    house.settle()
    house.raw.zrem("runhook:due:reconcile", f"callback/{job.id}/1")
    house.raw.hdel("runhook:claims:reconcile", f"callback/{job.id}/1")
    house.lost.clear()
    house.later(901)
    assert house.job(job).state == "succeeded"


UNREADABLE = [b"%d" % number for number in range(40)]
FOREIGN = [_end_of(str(2 * 10**18 + number)) for number in range(40)]
TOO_LARGE = [b"y" * (4 * 1024 * 1024 + 1)] * 6


@pytest.mark.parametrize("model", [None, WORKFLOW])
@pytest.mark.parametrize("bodies", [UNREADABLE, FOREIGN, TOO_LARGE, [*UNREADABLE, *FOREIGN]])
def test_one_jobs_callbacks_cause_at_most_five_calls_a_minute(
    house: House, bodies: list[bytes], model: str | None
) -> None:
    house.sandbox.faults({"fault": "slow", "value": 600})
    job = house.ask(model, input={}) if model else house.ask()
    house.until(job, "running")
    house.raw.zrem("runhook:due:reconcile", f"{job.id}/1")  # the ordinary look asks as it likes
    url = house.callback_url(job)
    for body in bodies:
        _post(url, body)
        house.settle()
    assert 1 <= _asked(house) <= policy.CALLBACK_CALLS
    for minute in range(3):
        before = _asked(house)
        _post(url, b"one more %d" % minute)
        house.later(policy.CALLBACK_WINDOW + 0.1)
        assert 1 <= _asked(house) - before <= policy.CALLBACK_CALLS


def test_callbacks_that_name_one_task_after_another_cause_no_more(house: House) -> None:
    job = _unconfirmed(house)
    url = house.callback_url(job)
    for body in FOREIGN[:12]:
        _post(url, body)
        house.settle()
    assert _asked(house) == policy.CALLBACK_CALLS
    _post(url, _end_of(_task(house)))
    for _ in range(3):
        house.later(policy.CALLBACK_WINDOW + 0.1)
    ended = house.job(job)
    assert (ended.state, ended.attempt.settled_by) == ("succeeded", "callback")
    assert _asked(house) <= 4 * policy.CALLBACK_CALLS


def test_the_genuine_one_counts_at_once_behind_any_number_of_forged_ones(house: House) -> None:
    house.sandbox.faults({"fault": "slow", "value": 600})
    job = house.ask()
    ref = house.until(job, "running").attempt.ref
    for body in UNREADABLE:
        _post(house.callback_url(job), body)
    house.settle()
    _post(house.callback_url(job), _end_of(str(ref)))
    house.settle()
    assert house.job(job).attempt.settled_by == "callback"


def test_resends_that_callbacks_lead_to_count_too(build: Build) -> None:
    house = build(RUNHOOK_RECONCILE="resend", RUNHOOK_OVERDUE_AFTER="600")
    house.sandbox.faults({"fault": "callback_lost"})
    job = house.ask()
    house.until(job, "running")
    house.callback_is_over()
    house.lost.append("intake")  # what is sent again does not end it
    house.w.store.jobs.reconcile_now(job.id, 1, TimelineEntry("callback too large", {}))
    spans: list[int] = []
    for _ in range(4):
        before = _asked(house)
        house.later(policy.CALLBACK_WINDOW / 2)
        house.w.store.jobs.reconcile_now(job.id, 1, TimelineEntry("callback too large", {}))
        house.later(policy.CALLBACK_WINDOW / 2)
        spans.append(_asked(house) - before)
    assert house.sandbox.calls(RESEND) == 2
    assert max(spans) <= policy.CALLBACK_CALLS
    house.lost.clear()


def test_with_fetch_the_genuine_one_is_asked_about_when_the_minute_allows(build: Build) -> None:
    house = build(RUNHOOK_VERIFY="fetch")
    house.sandbox.faults({"fault": "slow", "value": 1.5}, {"fault": "callback_lost"})
    job = house.ask()
    ref = str(house.until(job, "running").attempt.ref)
    for number in range(10):
        _post(house.callback_url(job), _end_of(ref, clientId=str(number)))
        house.settle()
    assert _asked(house) <= policy.CALLBACK_CALLS
    assert house.job(job).state == "running", "RunningHub does not say so"
    house.callback_is_over()
    _post(house.callback_url(job), _end_of(ref, clientId="genuine"))
    house.later(policy.CALLBACK_WINDOW + 0.1)
    assert house.job(job).state == "succeeded"


def test_with_fetch_a_callback_that_is_ahead_of_runninghubs_record_is_asked_about_again(
    build: Build,
) -> None:
    house = build(RUNHOOK_VERIFY="fetch", RUNHOOK_OVERDUE_AFTER="600")
    house.sandbox.faults({"fault": "slow", "value": 1.5}, {"fault": "callback_lost"})
    job = house.ask()
    ref = str(house.until(job, "running").attempt.ref)
    _post(house.callback_url(job), _end_of(ref))
    house.settle()
    assert house.job(job).state == "running"
    house.callback_is_over()
    house.later(10)
    assert house.job(job).state == "succeeded"


def test_callbacks_of_one_job_cost_another_nothing(house: House) -> None:
    house.sandbox.faults({"fault": "slow", "value": 600})
    job, other = house.ask(), house.ask()
    house.until(job, "running")
    house.until(other, "running")
    for body in UNREADABLE:
        _post(house.callback_url(job), body)
    house.settle()
    before = _asked(house)
    _post(house.callback_url(other), b"unreadable")
    house.settle()
    assert _asked(house) > before


def test_forged_callbacks_make_nothing_of_a_task_that_is_not_seen_yet(house: House) -> None:
    house.sandbox.faults({"fault": "answer_both_refused", "times": 1})
    job = house.ask()
    house.until(job, "unconfirmed")
    for number in range(8):
        _post(house.callback_url(job), b"%d" % number)
        house.settle()
        house.later(policy.CALLBACK_WINDOW / 60)
    assert house.job(job).state == "unconfirmed", "counted out before its time"
    for _ in range(3):
        house.later(policy.CALLBACK_WINDOW)
    assert "refused after all" in house.notes(job)


def test_a_submits_answer_that_comes_while_another_task_is_asked_about_stays(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = str(house.until(house.ask(), "succeeded").attempt.ref)
    job = _unconfirmed(house)
    tasks = eventually(lambda: [one["taskId"] for one in house.sandbox.books()["tasks"]][1:])
    (ref,) = map(str, {*tasks} - {other})
    report = house.w.client.report

    def slow_report(asked: str, *more: Any, **named: Any) -> Any:
        said = report(asked, *more, **named)
        adopt(house.w, job.id, 1, ref)  # as the answer's record does
        return said

    with monkeypatch.context() as patched:
        patched.setattr(house.w.client, "report", slow_report)
        _post(house.callback_url(job), _end_of(other))
        house.settle()
    found = house.job(job)
    assert found.attempt.ref == ref
    assert found.attempt.settled_by == "detail", "RunningHub's own word on its own task"
    assert "callback not believed" in house.notes(job)
