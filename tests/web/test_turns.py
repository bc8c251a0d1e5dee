"""Whose jobs wait, and why: as /v1, the pages and the command line say it."""

import json
import re
from typing import Any

from flask.testing import FlaskClient

from runhook.worker.domain import policy
from runhook.worker.flows import create
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.create import JobRequest
from tests.conftest import IMAGE, Build, House, web_app
from tests.trips import trips

GOOD = {"model": IMAGE, "input": {"prompt": "a cat"}}
FILM = "vidu/image-to-video-q2-pro"


def test_whose_jobs_wait_is_told_and_why_they_do(build: Build) -> None:
    house = build(RUNHOOK_CONCURRENCY=9, RUNHOOK_TENANT_CONCURRENCY=1)
    client = web_app(house.w).test_client()
    for tenant, count in (("shop-1", 3), ("shop-2", 2)):
        for _ in range(count):
            made = client.post("/v1/jobs", json=GOOD | {"tenant": tenant}).get_json()
    house.lost = ["send"]
    house.settle()
    shown = client.get("/v1/queue").get_json()
    assert shown["by_tenant"] == [
        {"tenant": "shop-1", "queued": 2, "in_flight": 1, "at_limit": True},
        {"tenant": "shop-2", "queued": 1, "in_flight": 1, "at_limit": True},
    ]
    assert shown["other_tenants"] == {"tenants": 0, "queued": 0, "in_flight": 0}
    assert shown["tenant_limit"] == 1
    assert shown["why"] == "each tenant that waits has 1 in flight, as many as it may"
    waiting = client.get(f"/v1/jobs/{made['id']}").get_json()
    assert waiting["queue_position"] == 1
    assert "its tenant has 1 in flight" in waiting["why_waiting"]
    house.w.store.queue.pause(True)
    waiting = client.get(f"/v1/jobs/{made['id']}").get_json()
    assert "the queue is paused" in waiting["why_waiting"]


def test_a_job_says_that_it_waits_for_runninghub_and_nothing_of_others(house: House) -> None:
    house.sandbox.faults({"fault": "outage", "rate": 1.0})
    house.until(house.ask(), "unconfirmed")
    client, waits = web_app(house.w).test_client(), house.ask()
    house.settle()
    why = client.get("/v1/queue").get_json()["gate"]["why"]
    assert why == "HTTP 503, not JSON: 503 Service Unavailable 503 Service Unavailable"
    said = client.get(f"/v1/jobs/{waits.id}").get_json()["why_waiting"]
    assert said == "nothing is sent for now: RunningHub refused or is away, and is tried again"
    assert said in client.get(f"/jobs/{waits.id}").get_data(as_text=True)


def test_the_tenants_with_the_most_jobs_are_named_and_the_others_counted(house: House) -> None:
    house.w.store.queue.pause(True)
    for number in range(policy.TENANTS_NAMED + 3):
        for _ in range(1 + (number == 2)):
            asked = JobRequest(model=IMAGE, input={"prompt": "a"}, tenant=f"t{number:03d}")
            create.request(house.w, asked)
    shown = web_app(house.w).test_client().get("/v1/queue").get_json()
    assert len(shown["by_tenant"]) == policy.TENANTS_NAMED
    assert shown["by_tenant"][0]["tenant"] == "t002"
    assert shown["other_tenants"] == {"tenants": 3, "queued": 3, "in_flight": 0}
    assert shown["why"] == "it is paused"


def _crowded(build: Build) -> House:
    """Two tenants, each at its limit, with jobs that wait."""
    house = build(RUNHOOK_CONCURRENCY=9, RUNHOOK_TENANT_CONCURRENCY=1)
    for tenant in ("shop-1", "shop-1", "shop-2", "shop-2"):
        create.request(house.w, JobRequest(model=IMAGE, input={"prompt": "a"}, tenant=tenant))
    house.lost = ["send"]
    house.settle()
    return house


def test_the_pages_say_whose_jobs_wait_for_what(build: Build) -> None:
    house = _crowded(build)
    client = web_app(house.w).test_client()

    def plain(path: str) -> str:
        return " ".join(re.sub(r"<[^>]+>", " ", client.get(path).get_data(as_text=True)).split())

    assert "shop-1 1 1 of 1 at its limit" in plain("/account")
    assert "Each tenant that waits has 1 in flight, as many as it may." in plain("/system")
    waiting = house.raw.zrange("runhook:line:main", 0, 0)[0].decode()
    assert "place 1 in shop-1's queue its tenant has 1 in flight" in plain(f"/jobs/{waiting}")


def test_one_tenant_without_a_limit_has_no_table(house: House) -> None:
    house.ask()
    assert "Whose jobs" not in web_app(house.w).test_client().get("/account").get_data(True)


def _asked(client: FlaskClient, **more: Any) -> tuple[dict[str, Any], int]:
    """What POST answers, which must be what GET shows then, and how often Redis was spoken to."""
    answers: list[dict[str, Any]] = []
    headers = {"Idempotency-Key": more.pop("key")} if "key" in more else {}
    count = trips(
        lambda: answers.append(
            client.post("/v1/jobs", json=GOOD | more, headers=headers).get_json()
        )
    )
    (made,) = answers
    assert client.get(f"/v1/jobs/{made['id']}").get_json() == made
    return made, count


def test_asking_for_a_job_is_one_round_trip_and_tells_its_place(build: Build) -> None:
    house = build(RUNHOOK_CONCURRENCY=9, RUNHOOK_TENANT_CONCURRENCY=1)
    client = web_app(house.w).test_client()
    places = [_asked(client) for _ in range(2)]
    assert [(job["queue_position"], count) for job, count in places] == [(1, 1), (2, 1)]
    house.lost = ["send"]
    house.settle()
    waits, count = _asked(client)
    assert (waits["queue_position"], count) == (2, 1)
    assert "its tenant has 1 in flight" in waits["why_waiting"]
    picture = f"output:{waits['id']}/0"
    film, _ = _asked(client, model=FILM, input={"prompt": "it moves", "imageUrl": picture})
    assert (film["queue_position"], film["why_waiting"]) == (None, None)
    house.w.store.queue.pause(True)
    stopped, count = _asked(client, tenant="shop-7")
    assert (stopped["queue_position"], count) == (1, 1)
    assert "the queue is paused" in stopped["why_waiting"]


def test_a_job_asked_for_while_runninghub_is_away_says_so_at_once(house: House) -> None:
    house.sandbox.faults({"fault": "outage", "rate": 1.0})
    house.until(house.ask(), "unconfirmed")
    made, count = _asked(web_app(house.w).test_client())
    assert (made["queue_position"], count) == (1, 1)
    assert "RunningHub refused or is away" in made["why_waiting"]


def test_a_job_asked_for_again_is_told_where_it_stands_by_now(house: House) -> None:
    house.w.store.queue.pause(True)
    client = web_app(house.w).test_client()
    others = [_asked(client)[0], _asked(client, key="order-7")[0]]
    assert [job["queue_position"] for job in others] == [1, 2]
    cancel(house.w, others[0]["id"])
    assert _asked(client, key="order-7")[0] == others[1] | {"queue_position": 1}


def test_a_new_job_whose_answer_was_lost_is_told_its_place(house: House) -> None:
    job = house.ask()
    for _ in range(2):
        word, made, place = house.w.store.jobs.create(job, "local", (), placed=True)
        assert (word, made, place and place.position) == ("created", job.id, 1)


def test_each_line_of_a_batch_is_one_round_trip(house: House) -> None:
    house.w.store.queue.pause(True)
    client, lines = web_app(house.w).test_client(), "\n".join(2 * [json.dumps(GOOD)])
    answers: list[str] = []

    def ask() -> None:
        sent = client.post("/v1/jobs/batch", data=lines, content_type="application/x-ndjson")
        answers.append(sent.get_data(as_text=True))

    assert trips(ask) == 2
    shown = [json.loads(line)["job"]["queue_position"] for line in answers[0].splitlines()]
    assert shown == [None, None], "as lists have it"
