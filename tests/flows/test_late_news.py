"""Late news: callbacks that are lost, late, doubled, early, unreadable or about something else."""

import itertools
import json
import urllib.error

import pytest

from runhook.worker.domain.jobs import State
from tests.conftest import Build, House, Sandbox, eventually, provider_at

DETAIL, QUERY = "/task/openapi/getWebhookDetail", "/openapi/v2/query"


def test_a_lost_callback_is_settled_from_runninghubs_own_record(house: House) -> None:
    house.sandbox.faults({"fault": "callback_lost"})
    asked = house.ask()
    house.settle()
    house.callback_is_over()
    house.later(59)
    assert house.sandbox.calls(DETAIL) == 0, "an image is overdue after 60 seconds"
    house.later(2)
    job = house.until(asked, "succeeded")
    assert job.attempt.settled_by == "detail"
    assert (house.sandbox.calls(DETAIL), house.sandbox.calls(QUERY)) == (1, 0)


def test_an_unreadable_callback_is_kept_and_resent_at_once(house: House) -> None:
    house.sandbox.faults({"fault": "callback_unreadable"})
    asked = house.ask()
    job = house.until(asked, "succeeded")
    assert job.attempt.settled_by == "resend"
    notes = house.notes(job)
    assert notes.index("callback not believed") < notes.index("resend asked for")
    assert house.clock.now().timestamp() < 1_800_000_010, "without waiting until it is overdue"


def test_with_resend_chosen_a_recorded_callback_is_sent_to_us_again(build: Build) -> None:
    house = build(RUNHOOK_RECONCILE="resend")
    house.sandbox.faults({"fault": "callback_lost"})
    asked = house.ask()
    house.settle()
    house.callback_is_over()
    house.later(61)
    assert house.until(asked, "succeeded").attempt.settled_by == "resend"


def test_a_resend_that_never_comes_ends_in_a_query(build: Build) -> None:
    house = build(RUNHOOK_RECONCILE="resend", RUNHOOK_PUBLIC_URL="http://127.0.0.1:9")
    asked = house.ask()
    house.settle()
    house.callback_is_over()
    for wait in (61, 21, 21):
        house.later(wait)
    job = house.job(asked)
    assert (job.state, job.attempt.settled_by) == (State.SUCCEEDED, "query")
    assert house.notes(job).count("resend asked for") == 2


def test_without_a_record_the_task_itself_is_asked_about(house: House) -> None:
    house.sandbox.faults({"fault": "callback_unrecorded"})
    asked = house.ask()
    house.settle()
    house.later(61)
    job = house.until(asked, "succeeded")
    assert job.attempt.settled_by == "query"
    assert (house.sandbox.calls(DETAIL), house.sandbox.calls(QUERY)) == (1, 1)


def test_a_workflow_is_asked_about_with_its_own_calls(house: House) -> None:
    house.sandbox.faults({"fault": "callback_unrecorded"})
    asked = house.ask("workflow/1904136902449209346", input={})
    house.settle()
    house.later(301)
    assert house.until(asked, "succeeded").attempt.settled_by == "query"
    assert house.sandbox.calls("/task/openapi/outputs") == 1
    assert house.sandbox.calls(QUERY) == 0


def test_gaps_between_questions_grow_with_the_time_gone(build: Build) -> None:
    house = build(RUNHOOK_PUBLIC_URL="")
    house.sandbox.faults({"fault": "slow", "value": 60})
    house.ask()
    house.settle()
    asked = []
    for second in range(1, 101):
        before = house.sandbox.calls(QUERY)
        house.later(1)
        if house.sandbox.calls(QUERY) > before:
            asked.append(second)
    assert asked[0] == 5
    assert all(later - earlier >= earlier / 2 for earlier, later in itertools.pairwise(asked))
    assert 6 <= len(asked) <= 8


def test_a_doubled_callback_tells_nobody_twice(house: House) -> None:
    house.sandbox.faults({"fault": "callback_doubled"})
    job = house.until(house.ask(), "succeeded")
    eventually(lambda: house.step() or house.notes(job).count("succeeded") == 1)
    house.settle()
    assert house.events().count("job.succeeded") == 1


def test_a_callback_before_the_submits_answer_waits_for_it(house: House) -> None:
    house.sandbox.faults({"fault": "callback_early", "value": 0.01})
    job = house.until(house.ask(), "succeeded")
    notes = house.notes(job)
    assert notes.index("accepted") < notes.index("succeeded")
    assert job.attempt.settled_by == "callback"
    assert house.sandbox.calls(QUERY) == 0


def test_a_callback_about_another_task_is_kept_and_not_believed(house: House) -> None:
    house.sandbox.faults({"fault": "callback_foreign"})
    job = house.until(house.ask(), "succeeded")
    assert "callback not believed" in house.notes(job)
    assert job.attempt.settled_by == "detail"


def test_with_fetch_a_callback_is_believed_only_after_asking(build: Build) -> None:
    house = build(RUNHOOK_VERIFY="fetch")
    job = house.until(house.ask(), "succeeded")
    assert job.attempt.settled_by in ("detail", "query")
    assert house.sandbox.calls(DETAIL) + house.sandbox.calls(QUERY) >= 1


def test_a_failure_by_callback_ends_the_job_with_the_node_that_failed(house: House) -> None:
    house.sandbox.faults({"fault": "failed"})
    job = house.until(house.ask(), "failed")
    assert job.attempt.error
    assert job.attempt.error.code == "failed"
    assert job.attempt.error.detail["node_name"] == "KSampler"
    assert job.attempt.settled_by == "callback"


def test_a_failure_from_a_query_is_written_only_when_it_stands_after_thirty_seconds(
    build: Build,
) -> None:
    house = build(RUNHOOK_PUBLIC_URL="")
    house.sandbox.faults({"fault": "failed"})
    asked = house.ask()
    house.settle()
    house.later(5.1)
    assert house.job(asked).state is State.RUNNING
    house.later(20)
    assert house.job(asked).state is State.RUNNING
    house.later(11)
    assert house.job(asked).state is State.FAILED


def test_a_failure_that_turns_into_success_is_never_told(build: Build) -> None:
    house = build(RUNHOOK_PUBLIC_URL="")
    house.sandbox.faults({"fault": "failed_then_succeeds"})
    asked = house.ask()
    house.settle()
    house.later(5.1)
    assert "query says failed" in house.notes(asked)
    eventually(lambda: house.sandbox.books()["tasks"][0]["status"] == "SUCCESS")
    house.later(31)
    assert house.job(asked).state is State.SUCCEEDED
    assert "job.failed" not in house.events()


def test_success_without_results_is_asked_four_times_and_fails_as_no_output(house: House) -> None:
    house.sandbox.faults({"fault": "no_output"})
    asked = house.ask()
    eventually(lambda: house.step() and "success without results" in house.notes(asked))
    for wait in (5.1, 10, 15, 29):
        house.later(wait)
        assert house.job(asked).state is State.RUNNING
    house.later(2)
    job = house.job(asked)
    assert job.state is State.FAILED
    assert job.attempt.error
    assert job.attempt.error.code == "no_output"


def test_results_that_come_after_the_success_are_found(house: House) -> None:
    house.sandbox.faults({"fault": "late_output", "value": 0.5})
    asked = house.ask()
    eventually(lambda: house.step() and "success without results" in house.notes(asked))
    ref = house.job(asked).attempt.ref
    eventually(lambda: house.sandbox.call("POST", QUERY, {"taskId": ref})["results"])
    house.later(5.1)
    assert house.job(asked).state is State.SUCCEEDED


def test_a_job_that_never_ends_is_asked_once_more_cancelled_and_failed(build: Build) -> None:
    house = build(RUNHOOK_JOB_TIMEOUT=600)
    house.sandbox.faults({"fault": "slow", "value": 600})
    asked = house.ask()
    house.settle()
    for _ in range(10):
        assert house.job(asked).state is State.RUNNING
        house.later(60)
    job = house.job(asked)
    assert job.state is State.FAILED
    assert job.attempt.error
    assert job.attempt.error.code == "timeout"
    assert "cancelled there" in job.attempt.error.message
    assert house.sandbox.books()["tasks"][0]["status"] == "CANCEL"


def test_an_outage_of_the_provider_fails_nothing(build: Build) -> None:
    house = build(RUNHOOK_JOB_TIMEOUT=600)
    house.sandbox.faults({"fault": "slow", "value": 600})
    asked = house.ask()
    house.settle()
    provider_at(house.w, "http://127.0.0.1:9")
    for _ in range(40):
        house.later(60)
    assert house.job(asked).state is State.RUNNING
    provider_at(house.w, house.sandbox.url)
    house.later(300)
    assert house.job(asked).state is State.FAILED


def test_a_task_cancelled_on_the_website_ends_as_cancelled(house: House) -> None:
    house.sandbox.faults({"fault": "cancelled"})
    assert house.until(house.ask(), "cancelled").attempt.error


def test_success_proved_late_turns_failed_into_succeeded(build: Build) -> None:
    house = build(RUNHOOK_UNCONFIRMED_AFTER=30)
    house.sandbox.faults({"fault": "answer_lost"}, {"fault": "callback_late", "value": 0.5})
    asked = house.ask()
    house.settle()
    house.later(31)
    assert house.job(asked).state is State.FAILED
    job = house.until(asked, "succeeded")
    assert job.attempt.error is None
    assert job.history.ended_at is not None
    last = house.w.store.events.get(
        "evt_" + house.raw.xrevrange("runhook:events", count=1)[0][0].decode()
    )
    assert (last.type, last.previous_state) == ("job.succeeded", "failed")


@pytest.mark.parametrize("twist", ["signature", "attempt", "job"])
def test_a_wrong_signature_puts_nothing_into_redis(house: House, twist: str) -> None:
    asked = house.ask()
    url = house.callback_url(asked)
    wrong = {
        "signature": url[:-1] + ("0" if url[-1] != "0" else "1"),
        "attempt": url.replace("/1/", "/2/"),
        "job": url.replace(asked.id, asked.id[:-1] + "x"),
    }[twist]
    before = sorted(house.raw.scan_iter("*"))
    with pytest.raises(urllib.error.HTTPError) as caught:
        Sandbox("").call("POST", wrong, {"taskId": "1"})
    assert caught.value.code == 404
    assert sorted(house.raw.scan_iter("*")) == before


def test_a_callback_for_a_job_nobody_knows_is_kept_as_a_stray(house: House) -> None:
    url = house.w.callback_url("job_unknown", 1)
    assert url
    Sandbox("").call("POST", url, {"event": "TASK_END"})
    assert house.w.store.callbacks.strays() == 1


def test_strays_are_kept_short_and_not_for_ever(house: House) -> None:
    callbacks = house.w.store.callbacks
    for number in range(1010):
        callbacks.take(f"job_{number}", 1, "callback", b"x" * 20_000)
    assert callbacks.strays() == 1000
    entries = house.raw.lrange("runhook:strays", 0, -1)
    assert max(len(entry) for entry in entries) == 1024
    last = callbacks.last_stray()
    assert last
    assert (last.job_id, last.why, last.at) == ("job_1009", "no such job", house.clock.now())
    house.clock.advance(31 * 86400)
    callbacks.take("job_late", 1, "callback", b"{}")
    assert callbacks.strays() == 1


def test_strays_of_an_older_version_are_no_obstacle(house: House) -> None:
    head = b'{"job":"job_1","attempt":1,"at":1700000000.5,"via":"callback"}'
    house.raw.rpush("runhook:strays", head + b"\n{}")
    last = house.w.store.callbacks.last_stray()
    assert last
    assert (last.job_id, last.at.year) == ("job_1", 2023)
    house.w.store.callbacks.take("job_2", 1, "callback", b"{}")
    assert house.w.store.callbacks.strays() == 1


def test_how_long_models_take_is_forgotten_when_they_are_not_used(house: House) -> None:
    house.until(house.ask("workflow/12", input={"6.text": "a cat"}), "succeeded")
    assert 0 < house.raw.ttl("runhook:durations:workflow/12") <= 30 * 86400


def test_a_callback_over_four_mebibytes_is_refused_and_the_job_reconciled(house: House) -> None:
    house.sandbox.faults({"fault": "callback_lost"})
    asked = house.ask()
    house.settle()
    with pytest.raises(urllib.error.HTTPError) as caught:
        Sandbox("").call("POST", house.callback_url(asked), {"x": "y" * (4 * 1024 * 1024)})
    assert caught.value.code == 413
    job = house.until(asked, "succeeded")
    assert job.attempt.settled_by == "detail"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"taskId": 1}',
        b'{"eventData": "{"}',
        b'{"taskId":"1","eventData":{"taskId":"2","status":"SUCCESS","results":[]}}',
        b"[" * 100_000,
        b'{"taskId":"1","status":"RUNNING"}',
    ],
)
def test_whatever_comes_with_a_good_signature_is_kept_and_answered(
    house: House, body: bytes
) -> None:
    import urllib.request

    house.sandbox.faults({"fault": "callback_lost"})
    asked = house.ask()
    house.settle()
    request = urllib.request.Request(house.callback_url(asked), body, method="POST")
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 200
        assert json.loads(answer.read()) == {"received": True}
    job = house.until(asked, "succeeded")
    assert "callback not believed" in house.notes(job)
