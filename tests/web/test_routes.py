"""The routes besides one job's: batch, cancel, the line, the account, files, and a dry run."""

import base64
import io
import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from runhook.webhook.edge.limits import ASKING, BATCHES
from runhook.webhook.routes.assets import LARGEST
from runhook.worker.domain.jobs import LOCAL
from runhook.worker.runninghub.sandbox.outputs import make
from tests.conftest import IMAGE, SHOP, Build, House, provider_at, web_app

PNG = make("image", "a picture", "1")[1]


@pytest.fixture
def town(build: Build, tmp_path: Path) -> House:
    """A house whose files are in a folder of the test's own."""
    return build(RUNHOOK_STORAGE_URL=f"file://{tmp_path}/kept")


@pytest.fixture
def client(town: House) -> Iterator[FlaskClient]:
    """A client on this machine."""
    with town.app.test_client() as found:
        yield found


def _lines(*bodies: Any) -> bytes:
    rows = [body if isinstance(body, bytes) else json.dumps(body).encode() for body in bodies]
    return b"\n".join(rows)


def _batch(client: FlaskClient, data: bytes, **headers: str) -> list[Any]:
    kind = {"Content-Type": "application/x-ndjson"}
    with client.post("/v1/jobs/batch", data=data, headers=kind | headers) as answer:
        assert answer.status_code == 200
        return [json.loads(line) for line in answer.data.splitlines()]


def _good(prompt: str) -> Any:
    return {"model": IMAGE, "input": {"prompt": prompt}}


def test_a_batch_answers_a_line_each_and_a_bad_line_harms_no_other(
    client: FlaskClient, town: House
) -> None:
    bad = {"model": IMAGE, "input": {"prompt": "b", "resolution": "9k"}}
    rows = _batch(client, _lines(_good("a"), bad, b"not json", b"", _good("c"), b"[1]"))
    assert [(row["line"], row["status"]) for row in rows] == [
        (1, 202),
        (2, 422),
        (3, 422),
        (5, 202),
        (6, 422),
    ], "an empty line is nothing, and counts as one"
    assert rows[1]["error"]["errors"][0]["path"] == "input.resolution"
    assert "not JSON" in rows[2]["error"]["errors"][0]["message"]
    town.settle()
    assert town.sandbox.accepted() == 2


def test_a_batch_sent_twice_with_a_key_makes_each_job_once(client: FlaskClient) -> None:
    data = _lines(_good("a"), _good("b"))
    first = _batch(client, data, **{"Idempotency-Key": "k"})
    again = _batch(client, data, **{"Idempotency-Key": "k"})
    assert [row["status"] for row in again] == [200, 200]
    assert [row["job"]["id"] for row in first] == [row["job"]["id"] for row in again]


def test_a_batch_sent_again_without_its_bad_lines_pays_nothing_again(client: FlaskClient) -> None:
    """Two lines that say the same are two jobs, the first time and every time."""
    key, bad = {"Idempotency-Key": "k"}, {"model": IMAGE, "input": {}}
    first = _batch(client, _lines(bad, _good("a"), b"not json", _good("b"), _good("a")), **key)
    made = [row["job"]["id"] for row in first if row["status"] == 202]
    again = _batch(client, _lines(_good("a"), _good("b"), _good("a")), **key)
    assert [row["status"] for row in again] == [200, 200, 200]
    assert [row["job"]["id"] for row in again] == made
    assert len(set(made)) == 3


def test_a_line_of_a_batch_has_a_key_of_its_own(client: FlaskClient) -> None:
    mine = _good("a") | {"key": "order-7"}
    first, second = _batch(client, _lines(mine, mine), **{"Idempotency-Key": "k"})
    assert (first["status"], second["status"]) == (202, 200)
    alone = client.post("/v1/jobs", json=_good("a"), headers={"Idempotency-Key": "order-7"})
    assert alone.get_json()["id"] == first["job"]["id"]
    rows = _batch(
        client, _lines(*[_good("b") | {"key": key} for key in ("", 5, "x" * 256, "a\nb")])
    )
    assert [row["error"]["errors"][0]["path"] for row in rows] == ["key"] * 4
    other = _good("c") | {"key": "order-7"}
    assert [row["status"] for row in _batch(client, _lines(other))] == [409]


def test_a_dry_run_of_a_batch_buys_nothing(client: FlaskClient, town: House) -> None:
    kind = {"Content-Type": "application/x-ndjson", "Idempotency-Key": "k"}
    data = _lines(_good("a"), {"model": IMAGE, "input": {}})
    answer = client.post("/v1/jobs/batch?dry_run=true", data=data, headers=kind)
    rows = [json.loads(line) for line in answer.data.splitlines()]
    assert [row["status"] for row in rows] == [200, 422]
    assert rows[0]["dry_run"]["live_price"]
    assert client.get("/v1/jobs").get_json()["items"] == []
    assert [row["status"] for row in _batch(client, data, **{"Idempotency-Key": "k"})] == [202, 422]


@pytest.mark.parametrize("word", ["True", "1", "yes", ""])
@pytest.mark.parametrize("door", ["/v1/jobs", "/v1/jobs/batch"])
def test_a_dry_run_that_cannot_be_understood_buys_nothing(
    client: FlaskClient, town: House, door: str, word: str
) -> None:
    answer = client.post(f"{door}?dry_run={word}", json=_good("a"))
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["path"] == "dry_run"
    assert town.raw.keys("runhook:job:*") == []


def test_cancel_answers_200_when_it_is_done_and_409_when_it_is_too_late(
    client: FlaskClient, town: House
) -> None:
    town.w.store.queue.pause(True)
    job = town.ask()
    answer = client.post(f"/v1/jobs/{job.id}/cancel")
    assert (answer.status_code, answer.get_json()["state"]) == (200, "cancelled")
    assert answer.get_json()["settled_by"] == "user"
    town.w.store.queue.pause(False)
    done = town.ask()
    town.until(done, "succeeded")
    refused = client.post(f"/v1/jobs/{done.id}/cancel")
    assert refused.status_code == 409
    assert "succeeded" in refused.get_json()["detail"]
    assert client.post("/v1/jobs/job_none/cancel").status_code == 404


def test_cancel_answers_202_when_it_is_only_wished(client: FlaskClient, town: House) -> None:
    town.sandbox.faults({"fault": "answer_lost_unaccepted"})
    job = town.ask()
    town.until(job, "unconfirmed")
    answer = client.post(f"/v1/jobs/{job.id}/cancel")
    assert (answer.status_code, answer.get_json()["state"]) == (202, "unconfirmed")


def test_cancel_says_when_runninghub_refuses_or_is_away(client: FlaskClient, town: House) -> None:
    town.sandbox.faults({"fault": "slow", "value": 600}, {"fault": "cancel_refused"})
    job = town.ask()
    town.until(job, "running")
    refused = client.post(f"/v1/jobs/{job.id}/cancel")
    assert (refused.status_code, refused.content_type) == (409, "application/problem+json")
    assert client.get(f"/v1/jobs/{job.id}").get_json()["state"] == "running"
    provider_at(town.w, "http://127.0.0.1:9")
    away = client.post(f"/v1/jobs/{job.id}/cancel")
    assert away.status_code == 503
    assert away.headers["Retry-After"]


def test_the_line_is_shown_paused_and_let_go(client: FlaskClient, town: House) -> None:
    shown = client.post("/v1/queue", json={"paused": True}).get_json()
    assert shown["paused"] is True
    town.ask()
    shown = client.get("/v1/queue").get_json()
    assert {"length": 1, "in_flight": 0, "limit": 10, "paused": True}.items() <= shown.items()
    assert shown["gate"] == {"state": "open", "opens_in": None, "why": None, "advice": None}
    assert client.post("/v1/queue", json={"paused": False}).get_json()["paused"] is False


@pytest.mark.parametrize("body", [{}, {"paused": "yes"}, {"paused": True, "x": 1}, {"pause": True}])
def test_a_line_is_told_nothing_else(client: FlaskClient, body: Any) -> None:
    assert client.post("/v1/queue", json=body).status_code == 422


def test_the_account_is_asked_about(client: FlaskClient, town: House) -> None:
    town.sandbox.faults({"fault": "slow", "value": 600})
    job = town.ask()
    town.until(job, "running")
    assert client.get("/v1/account").get_json() == {
        "type": "SHARED",
        "money": "999",
        "currency": "CNY",
        "coins": "99999",
        "limit": 50,
        "running": 0,
        "queued": 1,
        "total": 1,
        "in_flight": 1,
        "budgets": [],
    }
    provider_at(town.w, "http://127.0.0.1:9")
    assert client.get("/v1/account").status_code == 503


def test_without_a_key_the_account_cannot_be_asked_about(build: Build) -> None:
    from runhook.config.settings import Settings
    from runhook.worker.wiring import assemble

    house = build()
    values = {
        "REDIS_URL": house.w.settings.redis_url,
        "RUNHOOK_SECRET": house.w.settings.secrets[0],
    }
    keyless = assemble(Settings.load("web", **values), patience="door")
    answer = web_app(keyless).test_client().get("/v1/account")
    assert (answer.status_code, "RUNNINGHUB_API_KEY" in answer.get_json()["detail"]) == (503, True)


def test_a_file_is_kept_and_used_by_a_job(client: FlaskClient, town: House) -> None:
    answer = client.post("/v1/assets", data={"file": (io.BytesIO(PNG), "a picture.png")})
    asset = answer.get_json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v1/assets/{asset['id']}"
    assert (asset["kind"], asset["type"], asset["size"]) == ("image", "png", len(PNG))
    assert asset["name"] == "a picture.png"
    assert (asset["width"], asset["height"]) == (640, 400)
    assert client.get(answer.headers["Location"]).get_json() == asset
    given = {"prompt": "a", "imageUrl": asset["value"]}
    job = client.post("/v1/jobs", json={"model": "vidu/image-to-video-q2-pro", "input": given})
    assert job.status_code == 202
    town.settle()
    assert town.sandbox.books()["uploads"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"json": {"file": "x"}}, 415),
        ({"data": {"other": (io.BytesIO(b"x"), "x.png")}}, 422),
        ({"data": {"file": (io.BytesIO(b""), "x.png")}}, 422),
    ],
)
def test_what_is_no_file_is_refused(client: FlaskClient, sent: Any, status: int) -> None:
    assert client.post("/v1/assets", **sent).status_code == status
    assert client.get("/v1/assets/none").status_code == 404


def test_a_storage_that_does_not_take_a_file_says_so(build: Build) -> None:
    house = build(RUNHOOK_STORAGE_URL="file:///proc/nowhere")
    client = house.app.test_client()
    answer = client.post("/v1/assets", data={"file": (io.BytesIO(PNG), "x.png")})
    assert answer.status_code == 503
    assert "Nothing is paid" in answer.get_json()["detail"]


def test_a_dry_run_shows_the_whole_input_and_its_price_and_keeps_nothing(
    client: FlaskClient,
) -> None:
    body = {"model": "google/nano-banana-pro/text-to-image", "input": {"prompt": "a"}}
    body["model"] = IMAGE
    shown = client.post("/v1/jobs?dry_run=true", json=body)
    assert shown.status_code == 200
    assert shown.get_json()["price"]["money"] == "0.4"
    assert shown.get_json()["live_price"] == {"money": "0.4", "currency": "CNY"}
    assert shown.get_json()["input"]["resolution"]
    assert client.get("/v1/jobs").get_json()["items"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/jobs/batch"),
        ("POST", "/v1/jobs/job_1/cancel"),
        ("GET", "/v1/queue"),
        ("POST", "/v1/queue"),
        ("GET", "/v1/account"),
        ("POST", "/v1/assets"),
        ("GET", "/v1/assets/x"),
        ("GET", "/v1/models"),
    ],
)
def test_every_door_of_v1_wants_a_token(build: Build, method: str, path: str) -> None:
    house = build(RUNHOOK_API_TOKENS=f"shop:{SHOP}")
    client = house.app.test_client()
    assert client.open(path, method=method).status_code == 401
    headers = {"Authorization": f"Bearer {SHOP}"}
    assert client.open(path, method=method, headers=headers).status_code != 401


def test_a_running_job_tells_how_long_it_has_taken_and_usually_takes(
    client: FlaskClient, town: House
) -> None:
    town.until(town.ask(), "succeeded")
    town.sandbox.faults({"fault": "slow", "value": 600})
    job = town.ask()
    town.until(job, "running")
    town.clock.advance(12)
    progress = client.get(f"/v1/jobs/{job.id}").get_json()["progress"]
    assert progress["elapsed"] == 12
    assert progress["usual"] is not None


def test_a_users_word_on_a_job_is_taken_over_http(client: FlaskClient, town: House) -> None:
    town.sandbox.faults({"fault": "answer_lost"}, {"fault": "callback_lost"})
    job = town.ask()
    town.until(job, "unconfirmed")
    shown = client.get(f"/v1/jobs/{job.id}").get_json()
    assert shown["error"]["detail"]["money_at_risk"] == "0.4 CNY"
    task = town.sandbox.books()["tasks"][0]["taskId"]
    settled = client.post(f"/v1/jobs/{job.id}/resolve", json={"ref": task})
    assert (settled.status_code, settled.get_json()["state"]) == (200, "succeeded")
    assert client.post(f"/v1/jobs/{job.id}/retry").status_code == 409
    assert client.post(f"/v1/jobs/{job.id}/reconcile").status_code == 200
    town.sandbox.faults({"fault": "failed", "times": 1})
    failed = town.ask()
    town.until(failed, "failed")
    again = client.post(f"/v1/jobs/{failed.id}/retry")
    assert (again.status_code, again.get_json()["attempts"][1]["n"]) == (202, 2)


@pytest.mark.parametrize(
    "body",
    [{}, {"as": "done"}, {"ref": 5}, {"ref": "x"}, {"ref": "١٢"}, {"as": "failed", "ref": "1"}],
)
def test_a_resolve_that_says_nothing_is_refused(client: FlaskClient, body: Any) -> None:
    answer = client.post("/v1/jobs/job_none/resolve", json=body)
    assert answer.status_code == 422


def test_calls_that_ask_runninghub_are_few_and_delay_nothing_that_does_not(
    client: FlaskClient, town: House
) -> None:
    app = {"model": "app/1877265245566922800", "input": {}}
    with ExitStack() as places:
        for _ in range(ASKING.each):
            places.enter_context(ASKING.take(LOCAL))
        before = sorted(town.raw.scan_iter("*"))
        for path, body in (("", app), ("?dry_run=true", _good("a cat"))):
            refused = client.post(f"/v1/jobs{path}", json=body)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
            assert "Nothing was done" in refused.get_json()["detail"]
        assert sorted(town.raw.scan_iter("*")) == before
        assert client.post("/v1/jobs", json=_good("a cat")).status_code == 202
    assert client.post("/v1/jobs", json=app).status_code == 202
    with ExitStack() as places:
        for _ in range(ASKING.each):
            places.enter_context(ASKING.take(LOCAL))
        assert client.post("/v1/jobs", json=app).status_code == 202  # its fields are known now


def test_a_batch_gives_its_place_back(client: FlaskClient) -> None:
    for _ in range(BATCHES.each + 1):
        assert _batch(client, _lines(_good("a cat"), b"no json"))[0]["status"] == 202
    with ExitStack() as places:
        for _ in range(BATCHES.each):
            places.enter_context(BATCHES.take(LOCAL))
        kind = {"Content-Type": "application/x-ndjson"}
        refused = client.post("/v1/jobs/batch", data=_lines(_good("a cat")), headers=kind)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")


@pytest.mark.parametrize("size", [100, 1_000_000])
def test_where_there_is_no_room_for_temporary_files_a_file_is_sent_again(
    client: FlaskClient, town: House, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    form = head + PNG + bytes(size) + b"\r\n--x--\r\n"
    image = f"data:image/png;base64,{base64.b64encode(PNG + bytes(size)).decode()}"
    job = {"model": "rhart-image-n-pro/edit", "input": {"prompt": "a", "imageUrls": [image]}}
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    kind = "multipart/form-data; boundary=x"
    for answer in (
        client.post("/v1/assets", data=form, content_type=kind),
        client.post("/v1/jobs", json=job),
    ):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5"), answer.text
        assert "Nothing is paid" in answer.get_json()["detail"]
    assert town.standing("queued") == 0


@pytest.mark.parametrize("path", ["workflows/{}", "apps/{}", "apps/{}/styles"])
@pytest.mark.parametrize(
    "wrong", ["x", "0", "-1", "1.5", "1" * 21, "%D9%A1%D9%A2", "12%00", "12%0A"]
)
def test_an_id_that_cannot_be_one_is_refused_without_asking_runninghub(
    client: FlaskClient, town: House, path: str, wrong: str
) -> None:
    answer = client.get(f"/v1/{path.format(wrong)}")
    assert answer.status_code == 422
    (fault,) = answer.get_json()["errors"]
    assert fault["path"] in ("workflow_id", "webapp_id")
    assert "1 to 20 digits" in fault["message"]
    assert town.sandbox.books()["calls"] == {}


def test_a_model_whose_id_has_other_digits_than_runninghubs_is_none(client: FlaskClient) -> None:
    for model in ("workflow/1\u0662", "app/1\u0662", "quick/1\u0662/001"):
        answer = client.post("/v1/jobs", json={"model": model, "input": {}})
        assert answer.status_code == 422
        assert answer.get_json()["errors"][0]["path"] == "model"


def test_a_form_that_is_too_large_is_told_how_large_one_may_be(client: FlaskClient) -> None:
    long = {"CONTENT_LENGTH": str(3 * 1024**3)}
    kind = "multipart/form-data"
    refused = client.post("/v1/assets", environ_overrides=long, content_type=kind)
    assert (refused.status_code, str(LARGEST) in refused.get_json()["detail"]) == (413, True)


def test_a_digest_that_is_none_is_refused_in_words(client: FlaskClient) -> None:
    refused = client.post("/v1/loras", json={"name": "ink", "md5": "ABC"})
    (fault,) = refused.get_json()["errors"]
    assert (fault["path"], "32 hexadecimal digits" in fault["message"]) == ("md5", True)
