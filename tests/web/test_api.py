"""/v1 and the health pages: what is answered to whom."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient

from runhook.worker.flows import create
from runhook.worker.runninghub.sandbox.outputs import make
from runhook.worker.store import Published
from tests.conftest import IMAGE, SHOP, Build, House

GOOD = {"model": IMAGE, "input": {"prompt": "a cat"}}
OFFICIAL = "rhart-image-n-pro-official/text-to-image"


@pytest.fixture
def client(house: House) -> FlaskClient:
    """A client on this machine."""
    return house.app.test_client()


def test_a_job_is_taken_with_202_and_its_place(client: FlaskClient) -> None:
    answer = client.post("/v1/jobs", json={**GOOD, "metadata": {"order": 7}})
    assert answer.status_code == 202
    job = answer.get_json()
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert (job["state"], job["queue_position"], job["metadata"]) == ("queued", 1, {"order": 7})
    assert client.get(answer.headers["Location"]).get_json() == job


def test_a_job_has_every_member_that_the_contract_names(client: FlaskClient) -> None:
    job = client.post("/v1/jobs", json=GOOD).get_json()
    names = {
        *("id", "model", "state", "ref", "input", "options", "metadata", "priority", "created_at"),
        *("updated_at", "submitted_at", "ended_at", "queue_position", "outputs", "error", "cost"),
        *("risk", "settled_by", "attempts", "parent", "root"),
    }
    assert names <= set(job)
    assert job["root"] == job["id"]
    attempt = {
        *("n", "model", "ref", "state", "submitted_at", "ended_at", "error", "cost", "outputs"),
        "settled_by",
    }
    assert set(job["attempts"][0]) == attempt


def test_a_job_says_which_model_each_attempt_was_of(client: FlaskClient, house: House) -> None:
    house.sandbox.faults({"fault": "refused", "value": 1014, "model": IMAGE})
    body = {**GOOD, "options": {"fallback": [OFFICIAL]}}
    job_id = client.post("/v1/jobs", json=body).get_json()["id"]
    house.until(house.w.store.jobs.get(job_id), "succeeded")
    shown = client.get(f"/v1/jobs/{job_id}").get_json()
    assert (shown["model"], shown["options"]) == (IMAGE, {"fallback": [OFFICIAL]})
    assert [one["model"] for one in shown["attempts"]] == [IMAGE, OFFICIAL]
    assert shown["attempts"][0]["error"]["provider_code"] == "1014"
    (listed,) = client.get(f"/v1/jobs?model={IMAGE}").get_json()["items"]
    assert listed["id"] == job_id, "it is listed by the model that was asked for"
    assert client.get(f"/v1/jobs?model={OFFICIAL}").get_json()["items"] == []


def test_a_dry_run_tells_what_each_model_would_be_sent_and_cost(client: FlaskClient) -> None:
    body = {**GOOD, "options": {"fallback": [OFFICIAL]}}
    shown = client.post("/v1/jobs?dry_run=true", json=body).get_json()
    (other,) = shown["fallback"]
    assert (other["model"], other["price"]["money"]) == (OFFICIAL, "0.8")
    assert (shown["input"]["aspectRatio"], other["input"]["aspectRatio"]) == ("9:16", "3:4")
    assert shown["price_range"] == {"from": "0.4", "to": "1.2", "currency": "CNY"}


def test_a_model_names_its_siblings(client: FlaskClient) -> None:
    (sibling,) = client.get(f"/v1/models/{IMAGE}").get_json()["siblings"]
    assert (sibling["endpoint"], sibling["lacks"], sibling["needs"]) == (OFFICIAL, [], [])


def test_an_ended_job_shows_results_cost_and_who_settled_it(
    client: FlaskClient, house: House
) -> None:
    job = house.until(house.ask(), "succeeded")
    shown = client.get(f"/v1/jobs/{job.id}").get_json()
    assert shown["settled_by"] == "callback"
    assert shown["cost"] == {"money": "0.4", "currency": None, "coins": None, "seconds": "0"}
    output = shown["outputs"][0]
    assert set(output) == {
        *("url", "type", "text", "node_id", "expires_at"),
        *("archived_url", "thumbnail_url"),
    }
    assert output["expires_at"] > shown["ended_at"]
    timeline = client.get(f"/v1/jobs/{job.id}/timeline").get_json()["items"]
    assert [entry["what"] for entry in timeline][:2] == ["queued", "turn"]
    assert all(entry["at"].endswith("Z") for entry in timeline)


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, ["model"]),
        ({"model": "nope/none"}, ["model"]),
        ({"model": IMAGE}, ["input.prompt"]),
        ({**GOOD, "priority": 10}, ["priority"]),
        ({**GOOD, "priority": "5"}, ["priority"]),
        ({**GOOD, "priority": True}, ["priority"]),
        ({**GOOD, "prioritty": 5}, ["prioritty"]),
        ({**GOOD, "handlers": ["nobody"]}, ["handlers[0]"]),
        ({**GOOD, "handlers": "nobody"}, ["handlers"]),
        ({**GOOD, "options": {"x": 1}}, ["options.x"]),
        ({**GOOD, "metadata": {"x": "y" * 20_000}}, ["metadata"]),
        (
            {"model": IMAGE, "input": {"promt": 5}, "extra": 1},
            ["extra", "input.promt", "input.prompt"],
        ),
        (
            {
                "model": IMAGE,
                "input": {"prompt": "a", "resolution": "9k"},
                "options": {"retries": "many"},
                "handlers": ["nobody", 5],
                "priority": 12,
                "extra": 1,
            },
            [
                "extra",
                "handlers[0]",
                "handlers[1]",
                "input.resolution",
                "options.retries",
                "priority",
            ],
        ),
        (
            {**GOOD, "options": {"fallback": [IMAGE, "nope/none", "app/12"]}},
            [f"options.fallback[{index}]" for index in range(3)],
        ),
        ({"model": IMAGE, "input": 5, "options": {"nonsense": 1}}, ["input", "options.nonsense"]),
        ({"input": {"prompt": 5}, "handlers": ["nobody"]}, ["handlers[0]", "model"]),
    ],
)
def test_a_wrong_request_is_refused_with_every_fault(
    client: FlaskClient, house: House, body: Any, paths: list[str]
) -> None:
    answer = client.post("/v1/jobs", json=body)
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    problem = answer.get_json()
    assert {"type", "title", "status", "detail", "errors"} <= set(problem)
    assert sorted(fault["path"] for fault in problem["errors"]) == sorted(paths)
    assert house.raw.keys("runhook:job:*") == []


DEEP = b'{"model": "x", "metadata": {"a": ' + b"[" * 300 + b"]" * 300 + b"}}"


def test_a_large_limit_is_said_in_digits(client: FlaskClient) -> None:
    body = {**GOOD, "group": "g", "group_size": 10**7, "options": {"expires_in": 10**9}}
    errors = client.post("/v1/jobs", json=body).get_json()["errors"]
    assert {one["path"]: one["message"] for one in errors} == {
        "group_size": "must be at most 1000000",
        "options.expires_in": "must be a number from 1 to 2592000",
    }


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'"x"', b"NaN", DEEP])
def test_a_body_that_is_no_json_object_is_refused(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/v1/jobs", data=body, content_type="application/json")
    assert answer.status_code == 422


def test_a_dry_run_of_what_could_not_be_kept_is_refused_too(client: FlaskClient) -> None:
    answer = client.post("/v1/jobs?dry_run=true", data=DEEP, content_type="application/json")
    assert answer.status_code == 422


def test_a_job_over_the_limit_is_refused_with_413(client: FlaskClient) -> None:
    huge = b'{"model": "' + b"x" * (33 * 1024 * 1024) + b'"}'
    answer = client.post("/v1/jobs", data=huge, content_type="application/json")
    assert answer.status_code == 413


def test_a_page_of_another_site_cannot_have_a_browser_ask(client: FlaskClient) -> None:
    answer = client.post("/v1/jobs", data=b"{}", content_type="text/plain")
    assert answer.status_code == 415


def test_the_same_key_answers_the_first_job_and_another_body_409(client: FlaskClient) -> None:
    key = {"Idempotency-Key": "order-7"}
    first = client.post("/v1/jobs", json=GOOD, headers=key)
    again = client.post(
        "/v1/jobs", json={"input": {"prompt": "a cat"}, "model": IMAGE}, headers=key
    )
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.get_json()["id"] == first.get_json()["id"]
    other = {"model": IMAGE, "input": {"prompt": "a dog"}}
    assert client.post("/v1/jobs", json=other, headers=key).status_code == 409


def test_a_repeated_request_is_answered_though_it_would_be_refused_by_now(
    client: FlaskClient, house: House
) -> None:
    """Its job may be paid, so nobody may hear that nothing is."""
    key = {"Idempotency-Key": "order-7"}
    house.w.store.processes.publish_handlers([Published("publish", ("job.succeeded",), None)])
    kept = create.keep(house.w, "a.png", BytesIO(make("image", "a", "1")[1]))
    body = {
        "model": "vidu/image-to-video-q2-pro",
        "input": {"prompt": "a", "imageUrl": f"asset:{kept.id}"},
        "handlers": ["publish"],
    }
    first = client.post("/v1/jobs", json=body, headers=key)
    house.raw.delete("runhook:handlers", "runhook:asset")
    again = client.post("/v1/jobs", json=body, headers=key)
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.get_json()["id"] == first.get_json()["id"]
    assert client.post("/v1/jobs", json=body | {"priority": 5}, headers=key).status_code == 200
    assert client.post("/v1/jobs", json=body | {"nonsense": 5}, headers=key).status_code == 409
    assert client.post("/v1/jobs", json=body).status_code == 422


def test_a_refused_request_does_not_use_up_its_key(client: FlaskClient) -> None:
    key = {"Idempotency-Key": "order-7"}
    assert client.post("/v1/jobs", json={"model": IMAGE}, headers=key).status_code == 422
    assert client.post("/v1/jobs", json=GOOD, headers=key).status_code == 202


def test_jobs_are_listed_by_state_and_by_any_name_of_a_model(
    client: FlaskClient, house: House
) -> None:
    ended = house.until(house.ask(), "succeeded")
    house.lost = ["line"]
    waiting = house.ask("workflow/1", input={})

    def ids(query: str) -> list[str]:
        return [job["id"] for job in client.get(f"/v1/jobs?{query}").get_json()["items"]]

    assert ids("") == [waiting.id, ended.id]
    assert ids("state=queued") == [waiting.id]
    assert ids(f"model={IMAGE}&state=succeeded") == [ended.id]
    assert ids("model=workflow/1") == [waiting.id]
    page = client.get("/v1/jobs?limit=1").get_json()
    assert ids(f"limit=1&cursor={page['next']}") == [ended.id]
    for wrong in ("state=gone", "limit=0", "limit=x", "limit=101"):
        assert client.get(f"/v1/jobs?{wrong}").status_code == 422
    assert client.get("/v1/jobs?model=nope").status_code == 404


def test_jobs_are_listed_by_several_states_a_pattern_of_models_and_when_they_were_created(
    client: FlaskClient, house: House
) -> None:
    ended = house.until(house.ask(), "succeeded")
    house.lost = ["line"]
    house.clock.advance(60)
    waiting = house.ask("workflow/1", input={})

    def ids(**query: str) -> list[str]:
        answer = client.get("/v1/jobs", query_string=query)
        return [job["id"] for job in answer.get_json()["items"]]

    both, moment = [waiting.id, ended.id], waiting.spec.created_at.isoformat()
    assert ids(state="queued,succeeded") == ids(model="*", state="succeeded,queued") == both
    assert ids(state="queued,running", model="rhart-*") == []
    assert ids(model="rhart-*/text-to-image") == ids(until=moment) == ids(until="30s") == [ended.id]
    assert ids(since=moment) == ids(since="30s", model="work*") == [waiting.id]
    assert ids(since="2m", until="30s") == [ended.id]
    for name, wrong in (("state", "queued,gone"), ("state", ""), ("since", "soon"), ("until", "")):
        answer = client.get("/v1/jobs", query_string={name: wrong})
        assert (answer.status_code, answer.get_json()["errors"][0]["path"]) == (422, name)


CURSORS = ["x", "", "job_", "evt_1-0", "0", "job_" + "g" * 28]


@pytest.mark.parametrize("cursor", CURSORS)
@pytest.mark.parametrize("door", ["/v1/jobs", "/v1/deliveries"])
def test_a_bad_cursor_is_refused_and_is_not_page_one(
    client: FlaskClient, door: str, cursor: str
) -> None:
    answer = client.get(door, query_string={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["path"] == "cursor"


def test_every_route_refuses_a_parameter_that_it_does_not_take(client: FlaskClient) -> None:
    doors = [
        (rule.rule, method)
        for rule in client.application.url_map.iter_rules()
        if rule.rule.startswith("/v1/")
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}
    ]
    assert len(doors) > 25
    for rule, method in doors:
        address = (
            rule.replace("path:", "").replace("<int:n>", "0").replace("<", "").replace(">", "")
        )
        answer = client.open(f"{address}?limt=5", method=method)
        assert (rule, method, answer.status_code) == (rule, method, 422)
        assert answer.get_json()["errors"][0]["path"] == "limt"
    nearest = client.get("/v1/jobs?limt=5").get_json()["errors"][0]["nearest"]
    assert nearest == "limit"
    assert client.get("/v1/jobs?state=failed&state=queued").status_code == 422


def test_models_are_found_and_shown(client: FlaskClient) -> None:
    shown = client.get("/v1/models/vidu/image-to-video-q2-pro").get_json()
    by_name = client.get("/v1/models/Vidu-image-to-video-q2-pro").get_json()
    assert shown == by_name
    assert {"name", "endpoint", "output", "group", "params", "rules", "price"} <= set(shown)
    duration = next(param for param in shown["params"] if param["name"] == "duration")
    assert (duration["type"], duration["default"], len(duration["values"])) == ("enum", "5", 10)
    assert len(client.get("/v1/models").get_json()["items"]) == 337
    assert 0 < len(client.get("/v1/models?q=vidu").get_json()["items"]) < 225
    missing = client.get("/v1/models/vidu/image-to-vidio-q2-pro")
    assert missing.status_code == 404
    assert "vidu/image-to-video-q2-pro" in missing.get_json()["nearest"]


def test_an_address_that_is_none_is_refused_in_words_for_programs(client: FlaskClient) -> None:
    assert "nothing is at this address" in client.get("/v1/jbos").get_json()["detail"]
    assert "`Allow` says how" in client.put("/v1/jobs").get_json()["detail"]


@pytest.mark.parametrize(
    ("ask", "status"),
    [
        (lambda c: c.get("/v1/jobs/job_none"), 404),
        (lambda c: c.get("/v1/jobs/job_none/timeline"), 404),
        (lambda c: c.get("/v1/nothing"), 404),
        (lambda c: c.put("/v1/jobs"), 405),
        (lambda c: c.get("/callbacks/a/1/b"), 405),
        (lambda c: c.post("/callbacks/a/1/b"), 404),
        (lambda c: c.post("/callbacks/a/x/b"), 404),
        (lambda c: c.get("/nothing"), 404),
    ],
)
def test_every_error_is_a_problem_document(
    client: FlaskClient, ask: Callable[[FlaskClient], Any], status: int
) -> None:
    answer = ask(client)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["status"] == status


@pytest.mark.parametrize(
    ("headers", "peer", "status"),
    [
        ({}, "127.0.0.1", 200),
        ({}, "::1", 200),
        ({"Host": "localhost:8080"}, "127.0.0.1", 200),
        ({"Host": "evil.example"}, "127.0.0.1", 401),
        ({}, "192.0.2.1", 401),
        ({"X-Forwarded-For": "127.0.0.1"}, "127.0.0.1", 401),
        ({"X-Forwarded-Host": "localhost"}, "127.0.0.1", 401),
        ({"Forwarded": "for=127.0.0.1"}, "127.0.0.1", 401),
        ({"Host": "localhost:8080", "Origin": "http://localhost:8080"}, "127.0.0.1", 200),
        ({"Origin": "http://localhost:8080"}, "127.0.0.1", 401),
        ({"Sec-Fetch-Site": "cross-site"}, "127.0.0.1", 401),
        ({"X-Real-IP": "1.2.3.4"}, "127.0.0.1", 401),
        ({"Via": "1.1 proxy"}, "127.0.0.1", 401),
        ({"Origin": "https://evil.example"}, "127.0.0.1", 401),
        ({"Origin": "null"}, "127.0.0.1", 401),
    ],
)
def test_without_tokens_only_this_machine_may_ask(
    client: FlaskClient, headers: dict[str, str], peer: str, status: int
) -> None:
    base = "http://" + headers.pop("Host", "127.0.0.1")
    answer = client.get(
        "/v1/jobs", headers=headers, base_url=base, environ_base={"REMOTE_ADDR": peer}
    )
    assert answer.status_code == status


def test_with_tokens_every_door_but_the_public_ones_needs_one(build: Build) -> None:
    house = build(RUNHOOK_API_TOKENS=f"shop:{SHOP},crew:{SHOP[::-1]}")
    client = house.app.test_client()
    assert client.get("/v1/jobs").status_code == 401
    for given in ("Bearer wrong", f"Basic {SHOP}", "Bearer", "Bearer töken"):
        assert client.get("/v1/jobs", headers={"Authorization": given}).status_code == 401
    good = {"Authorization": f"Bearer {SHOP}", "X-Forwarded-For": "192.0.2.1"}
    assert client.get("/v1/jobs", headers=good).status_code == 200
    assert client.get("/healthz").status_code == 200
    key = {"Idempotency-Key": "k"}
    first = client.post("/v1/jobs", json=GOOD, headers=good | key).get_json()
    crew = {"Authorization": f"Bearer {SHOP[::-1]}"}
    assert client.post("/v1/jobs", json=GOOD, headers=crew | key).get_json()["id"] != first["id"]


def test_ready_means_redis_and_a_worker(client: FlaskClient, house: House) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    assert int(client.get("/readyz").headers["Retry-After"]) > 0
    house.w.store.processes.beat("worker", "test", 12)
    assert client.get("/readyz").get_json() == {"status": "ready", "redis": "ok", "workers": 1}
    house.clock.advance(16)
    assert client.get("/readyz").status_code == 503


def test_a_health_check_may_add_what_keeps_caches_away(client: FlaskClient, house: House) -> None:
    house.w.store.processes.beat("worker", "test", 12)
    assert client.get("/healthz?now=1").status_code == 200
    assert client.get("/readyz?now=1").status_code == 200


def test_no_secret_is_in_redis(house: House) -> None:
    house.until(house.ask(), "succeeded")
    signature = house.callback_url(house.ask()).rsplit("/", 1)[1]
    everything = []
    for key in house.raw.scan_iter("*"):
        dump = {
            b"hash": house.raw.hgetall,
            b"zset": lambda k: house.raw.zrange(k, 0, -1),
            b"set": house.raw.smembers,
            b"list": lambda k: house.raw.lrange(k, 0, -1),
            b"stream": house.raw.xrange,
            b"string": house.raw.get,
        }
        everything.append(repr(dump[house.raw.type(key)](key)))
    held = "".join(everything)
    assert house.w.settings.secrets[0] not in held
    assert signature not in held
    assert "Bearer" not in held


@pytest.mark.parametrize("call", ["retry", "cancel", "reconcile"])
def test_what_a_call_would_ignore_is_refused_and_nothing_is_done(
    client: FlaskClient, house: House, call: str
) -> None:
    """A caller who expects a dry run of a paid retry must not pay."""
    house.w.store.queue.pause(True)
    job = house.ask()
    refused = client.post(f"/v1/jobs/{job.id}/{call}", json={"dry_run": True})
    assert refused.status_code == 422
    assert [fault["path"] for fault in refused.get_json()["errors"]] == ["dry_run"]
    assert client.post(f"/v1/jobs/{job.id}/{call}", data="dry_run").status_code == 415
    assert house.job(job).state == "queued"
    assert client.post(f"/v1/jobs/{job.id}/cancel", json={}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/deliveries/dlv_1/redeliver"),
        ("DELETE", "/v1/handlers/shop"),
        ("DELETE", "/v1/subscriptions/sub_1"),
    ],
)
def test_a_redelivery_or_a_removal_that_says_more_is_refused(
    client: FlaskClient, method: str, path: str
) -> None:
    refused = client.open(path, method=method, json={"dry_run": True})
    assert refused.status_code == 422
    assert [fault["path"] for fault in refused.get_json()["errors"]] == ["dry_run"]
