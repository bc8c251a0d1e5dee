"""The timeline: moves, what RunningHub was asked and answered, callbacks as they came."""

import json
import urllib.request
from collections.abc import Callable
from typing import Any

from runhook import Event
from runhook.worker.domain import policy
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.domain.jobs import Job
from runhook.worker.flows.pump import published
from runhook.worker.store import TimelineEntry
from tests.conftest import IMAGE, Build, House, provider_at

KEY = "a-key-of-thirty-two-characters-x"


def entries(house: House, job: Job, what: str) -> list[dict[str, Any]]:
    """The timeline's entries of one kind."""
    return [entry for entry in house.w.store.jobs.timeline(job.id) if entry["what"] == what]


def test_the_timeline_has_each_call_its_answer_and_the_callback_as_it_came(house: House) -> None:
    job = house.until(house.ask(), "succeeded")
    [submit] = entries(house, job, "asked RunningHub")
    assert submit["call"] == f"POST /openapi/v2/{IMAGE}"
    assert submit["status"] == 200
    assert str(job.attempt.ref) in submit["answer"]
    assert submit["seconds"] >= 0
    [came] = entries(house, job, "callback came")
    assert came["via"] == "callback"
    assert "TASK_END" in came["body"]
    notes = house.notes(job)
    # On a busy machine the callback comes before the answer is written down.
    for between in (["asked RunningHub", "accepted"], ["callback came"]):
        order = ["request left", *between, "succeeded"]
        assert [note for note in notes if note in order] == order


def test_what_was_asked_late_and_what_no_change_took_along_is_written_too(build: Build) -> None:
    house = build(RUNHOOK_PUBLIC_URL="")
    house.sandbox.faults({"fault": "slow", "value": 600})
    job = house.until(house.ask(), "running")
    house.later(6)
    [_, query] = entries(house, job, "asked RunningHub")
    assert query["call"] == "POST /openapi/v2/query"
    assert "QUEUED" in query["answer"] or "RUNNING" in query["answer"]
    provider_at(house.w, "http://127.0.0.1:9")
    house.later(30)
    last = entries(house, job, "asked RunningHub")[-1]
    assert last["status"] is None
    assert "no answer" in last["answer"]


def test_no_secret_gets_into_redis(build: Build) -> None:
    house = build(RUNNINGHUB_API_KEY=KEY)
    house.sandbox.faults({"fault": "callback_lost"})
    job = house.until(house.ask(), "running")
    house.callback_is_over()
    body = {
        "taskId": "x",
        "apiKey": KEY,
        "webhookUrl": house.callback_url(job),
        "url": "https://files.example/a.png?sign=SECRET",
        "netWssUrl": "wss://x.example/?Rh-Comfy-Auth=SECRET",
    }
    request = urllib.request.Request(house.callback_url(job), json.dumps(body).encode())
    urllib.request.urlopen(request, timeout=10).close()
    house.later(61)
    house.until(job, "succeeded")
    calls = [entry["call"] for entry in entries(house, job, "asked RunningHub")]
    assert "POST /task/openapi/getWebhookDetail" in calls
    signature = house.callback_url(job).rpartition("/")[2]
    timeline = json.dumps(house.w.store.jobs.timeline(job.id))
    assert "webhookUrl" in timeline
    for secret in (KEY, signature, "SECRET"):
        assert secret not in timeline


def test_what_deliveries_say_of_themselves_stands_in_the_timeline_in_order_of_time(
    build: Build,
) -> None:
    answers = iter([RuntimeError("not now"), None])
    house = telling(build, lambda event: _raise(next(answers)))
    job = house.until(house.ask(), "succeeded")
    house.later(60)
    lines = house.w.store.jobs.timeline(job.id)[-4:]
    opened, failed, done = (line for line in lines if line["what"].startswith("delivery"))
    assert [line["what"] for line in lines[:1]] == ["succeeded"]
    assert opened == {
        "at": opened["at"],
        "what": "delivery opened",
        "event": "job.succeeded",
        "handler": "shop",
    }
    assert (failed["what"], failed["n"], failed["outcome"]) == ("delivery failed", 1, "failed")
    assert "not now" in failed["why"]
    assert failed["again_in"] > 0
    assert (done["what"], done["n"], done["status"]) == ("delivery done", 2, None)
    assert opened["at"] <= failed["at"] < done["at"]
    (delivery,) = house.w.store.deliveries.of_job(job.id)
    house.clock.advance(1)
    house.w.store.deliveries.redeliver(delivery)
    assert house.notes(job)[-1] == "redelivered"


def test_what_the_release_before_noted_of_deliveries_stands_there_once(build: Build) -> None:
    house = telling(build, lambda event: None)
    job = house.until(house.ask(), "succeeded")
    for line in (
        {"what": "adopted", "attempt": 1, "ref": "1"},
        {"what": "delivery opened", "event": "job.succeeded", "handler": "shop"},
        {"what": "delivery done", "event": "job.succeeded", "handler": "shop", "n": 1},
        {"what": "delivery dead", "handler": "nobody-any-more", "why": "it is gone"},
    ):
        house.raw.xadd(f"runhook:timeline:{job.id}", {"note": json.dumps(line)})
    notes = house.notes(job)
    assert notes.count("adopted") == 1, "it is of the release before, and of no delivery"
    assert notes.count("delivery opened") == notes.count("delivery done") == 1
    assert notes.count("delivery dead") == 1, "no record says it"


def test_a_line_that_cannot_be_read_hides_no_other(house: House) -> None:
    job = house.until(house.ask(), "succeeded")
    house.raw.rpush(f"runhook:notes:{job.id}", b"x", b"17 {", b"\xff \xff")
    assert house.notes(job).count("unreadable") == 3
    assert "succeeded" in house.notes(job)


def test_a_timeline_ends_at_its_first_lines_when_it_is_long(house: House) -> None:
    job = house.ask()
    lines = [TimelineEntry("told", {"n": n}) for n in range(policy.TIMELINE_KEPT + 5)]
    house.w.store.jobs.note(job.id, *lines)
    timeline = house.w.store.jobs.timeline(job.id)
    assert len(timeline) == policy.TIMELINE_KEPT
    assert timeline[-1]["n"] == policy.TIMELINE_KEPT + 4


def test_a_timeline_goes_with_its_job_also_when_an_older_process_swept_that(house: House) -> None:
    first, second = (house.until(house.ask(), "succeeded") for _ in range(2))
    house.raw.delete(f"runhook:job:{first.id}")
    house.w.store.upkeep.repair()
    assert house.raw.exists(f"runhook:notes:{first.id}") == 0
    assert "succeeded" in house.notes(second)
    house.clock.advance(10)
    assert house.w.store.jobs.sweep(house.clock.now()) == 1
    assert house.raw.exists(f"runhook:notes:{second.id}") == 0


def telling(build: Build, target: Callable[[Event], None]) -> House:
    """A house whose handler `shop` hears of successes."""
    registry = Registry()
    registry.add(Handler(name="shop", types=("job.succeeded",), model=None, target=target))
    house = build(registry, RUNHOOK_RETRY_SCHEDULE="0,10")
    house.w.store.processes.publish_handlers(published(house.w))
    return house


def _raise(error: Exception | None) -> None:
    if error:
        raise error
