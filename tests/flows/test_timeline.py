"""The timeline: moves, what RunningHub was asked and answered, callbacks as they came."""

import json
import urllib.request
from typing import Any

from runhook.worker.domain.jobs import Job
from tests.conftest import IMAGE, Build, House, eventually, provider_at

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
    order = ["request left", "asked RunningHub", "accepted", "callback came", "succeeded"]
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
    eventually(lambda: house.sandbox.books()["recorded"])
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
