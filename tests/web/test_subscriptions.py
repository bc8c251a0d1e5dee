"""/v1/subscriptions: what is taken, what is refused, what is shown once."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from runhook.worker.catalogue import find
from runhook.worker.domain.events import Event, cloud_event, sample
from runhook.worker.domain.reports import Archived, Output
from tests.conftest import IMAGE, SHOP, Build, House
from tests.receiver import Receiver

PUBLIC = {"url": "https://93.184.216.34/hook"}


@pytest.fixture
def client(open_house: House) -> FlaskClient:
    """A client on this machine."""
    return open_house.app.test_client()


def _made(client: FlaskClient, **given: Any) -> dict[str, Any]:
    answer = client.post("/v1/subscriptions", json=given)
    assert answer.status_code == 201, answer.get_json()
    made: dict[str, Any] = answer.get_json()
    return made


def test_a_subscription_shows_its_secret_once(client: FlaskClient, receiver: Receiver) -> None:
    made = _made(client, url=receiver.url, events=["job.succeeded"], models=["vidu/*"])
    assert made["secret"].startswith("whsec_")
    shown = client.get(f"/v1/subscriptions/{made['id']}").get_json()
    assert "secret" not in shown
    assert (shown["url"], shown["events"], shown["models"], shown["enabled"], shown["missed"]) == (
        receiver.url,
        ["job.succeeded"],
        ["vidu/*"],
        True,
        0,
    )
    listed = client.get("/v1/subscriptions").get_json()["items"]
    assert [one["id"] for one in listed] == [made["id"]]
    assert "secret" not in listed[0]


def test_a_model_that_there_is_not_is_refused_naming_the_nearest(client: FlaskClient) -> None:
    wrong = PUBLIC | {"models": ["vidu/*", "vidu/imag-to-video-q2-pro"]}
    (fault,) = client.post("/v1/subscriptions", json=wrong).get_json()["errors"]
    assert (fault["path"], fault["nearest"]) == ("models", "vidu/image-to-video-q2-pro")
    good = ["vidu/*", "nowhere/*", "workflow/12", "app/12", "quick/12/ab", IMAGE]
    assert _made(client, **PUBLIC, models=good)["models"] == good
    by_its_name = [find(IMAGE).name]
    assert _made(client, **PUBLIC, models=by_its_name)["models"] == [IMAGE], "as jobs have it"


def test_null_in_a_change_means_all_as_it_does_in_a_new_one(client: FlaskClient) -> None:
    narrow = {"events": ["job.failed"], "models": ["vidu/*"], "include": ["cost"]}
    made = _made(client, **PUBLIC, **narrow)
    where = f"/v1/subscriptions/{made['id']}"
    for name in narrow:
        changed = client.patch(where, json={name: None}).get_json()
        assert changed[name] == _made(client, **PUBLIC, **{name: None})[name]
        assert client.get(where).get_json()[name] == changed[name] != made[name]
    for name in ("url", "enabled"):
        assert client.patch(where, json={name: None}).status_code == 422
    kept = client.get(where).get_json()
    assert (kept["url"], kept["enabled"]) == (PUBLIC["url"], True)


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ({}, ["url"]),
        ({"url": 7}, ["url"]),
        ({**PUBLIC, "events": ["job.suceeded"]}, ["events"]),
        ({**PUBLIC, "events": "job.succeeded"}, ["events"]),
        ({**PUBLIC, "models": [7]}, ["models"]),
        ({**PUBLIC, "enabled": "yes"}, ["enabled"]),
        ({**PUBLIC, "evnts": []}, ["evnts"]),
        (
            {"url": "ftp://a/", "events": ["x"], "models": [""], "enabled": 1},
            ["url", "events", "models", "enabled"],
        ),
        ({"url": "http://user:pass@example.com/"}, ["url"]),
        ({"url": "http://127.0.0.1/"}, ["url"]),
        ({"url": "http://localhost/"}, ["url"]),
    ],
)
def test_a_wrong_subscription_is_refused_with_every_fault(
    house: House, given: dict[str, Any], paths: list[str]
) -> None:
    client = house.app.test_client()
    answer = client.post("/v1/subscriptions", json=given)
    assert answer.status_code == 422
    assert [fault["path"] for fault in answer.get_json()["errors"]] == paths
    assert client.get("/v1/subscriptions").get_json()["items"] == []


def test_a_misspelt_event_is_answered_with_the_nearest(client: FlaskClient) -> None:
    answer = client.post("/v1/subscriptions", json={**PUBLIC, "events": ["job.suceeded"]})
    assert answer.get_json()["errors"][0]["nearest"] == "job.succeeded"


def test_what_is_never_sent_as_it_is_set_here_is_refused(build: Build) -> None:
    for archive, status in (("false", 422), ("true", 201)):
        house = build(RUNHOOK_ARCHIVE=archive)
        given = {"url": "https://93.184.216.34/", "events": ["job.archived"]}
        answer = house.app.test_client().post("/v1/subscriptions", json=given)
        assert answer.status_code == status
        if status == 422:
            (fault,) = answer.get_json()["errors"]
            assert fault["path"] == "events"
            assert "RUNHOOK_ARCHIVE is false" in fault["message"]


def test_a_form_is_no_json(client: FlaskClient) -> None:
    assert client.post("/v1/subscriptions", data={"url": "x"}).status_code == 415


def test_a_patch_changes_what_it_names(client: FlaskClient, receiver: Receiver) -> None:
    made = _made(client, url=receiver.url, events=["job.succeeded"])
    path = f"/v1/subscriptions/{made['id']}"
    changed = client.patch(path, json={"models": ["vidu/*"], "enabled": False}).get_json()
    assert (changed["events"], changed["models"], changed["enabled"]) == (
        ["job.succeeded"],
        ["vidu/*"],
        False,
    )
    assert client.patch(path, json={"url": "ftp://a/"}).status_code == 422
    assert client.patch(path, json={"events": []}).get_json()["events"] is None
    assert client.patch("/v1/subscriptions/sub_none", json={}).status_code == 404


def test_enabled_again_it_offers_what_it_missed(
    client: FlaskClient, open_house: House, receiver: Receiver
) -> None:
    made = _made(client, url=receiver.url, events=["job.succeeded"], enabled=False)
    open_house.until(open_house.ask(), "succeeded")
    path = f"/v1/subscriptions/{made['id']}"
    offered = client.patch(path, json={"enabled": True}).get_json()
    assert offered["missed"] == 1
    how = offered["send_missed"]
    answer = client.post(how["POST"], json=how["body"])
    assert (answer.status_code, answer.get_json()["redelivered"]) == (202, 1)
    open_house.settle()
    assert receiver.types() == ["job.succeeded"]
    assert client.get(path).get_json()["missed"] == 0


def test_a_rotation_shows_the_new_secret_and_may_end_the_old_at_once(
    client: FlaskClient, open_house: House, receiver: Receiver
) -> None:
    made = _made(client, url=receiver.url, events=["job.succeeded"])
    path = f"/v1/subscriptions/{made['id']}/rotate"
    second = client.post(path).get_json()["secret"]
    third = client.post(path, json={"overlap": 0}).get_json()["secret"]
    assert len({made["secret"], second, third}) == 3
    open_house.until(open_house.ask(), "succeeded")
    receiver.requests[0].verify(third)
    assert len(receiver.requests[0].headers["webhook-signature"].split()) == 1
    for wrong in (-1, "1", True, 10**9):
        assert client.post(path, json={"overlap": wrong}).status_code == 422


def test_a_test_says_how_it_went(client: FlaskClient, receiver: Receiver) -> None:
    made = _made(client, url=receiver.url, enabled=False)
    path = f"/v1/subscriptions/{made['id']}/test"
    receiver.answers(200, 500)
    assert client.post(path, buffered=True).get_json()["delivered"] is True
    failed = client.post(path, json={"type": "job.failed"}, buffered=True).get_json()
    assert (failed["delivered"], failed["status"], failed["type"]) == (False, 500, "job.failed")
    assert receiver.types() == ["job.succeeded", "job.failed"]
    assert client.post(path, json={"type": "job.nope"}).status_code == 422
    assert client.post("/v1/subscriptions/sub_none/test").status_code == 404


def test_a_removed_subscription_is_gone(client: FlaskClient, receiver: Receiver) -> None:
    made = _made(client, url=receiver.url)
    path = f"/v1/subscriptions/{made['id']}"
    assert client.delete(path).status_code == 204
    assert client.delete(path).status_code == 404
    assert client.get("/v1/subscriptions").get_json()["items"] == []


def test_subscriptions_need_a_token_where_there_are_tokens(build: Build) -> None:
    house = build(RUNHOOK_API_TOKENS=f"me:{SHOP}")
    client = house.app.test_client()
    for path in ("subscriptions", "deliveries", "events", "events/stream", "jobs/x/stream"):
        assert client.get(f"/v1/{path}").status_code == 401
    for path in ("subscriptions", "recover", "deliveries/redeliver"):
        assert client.post(f"/v1/{path}", json={}).status_code == 401


def test_a_subscriber_gets_the_fields_that_it_includes_and_those_that_name_the_job(
    open_house: House, client: FlaskClient, receiver: Receiver
) -> None:
    made = _made(
        client, url=receiver.url, events=["job.succeeded"], include=["outputs", "metadata"]
    )
    assert made["include"] == ["outputs", "metadata"]
    job = open_house.ask(metadata={"order": 7}, prompt="a cat " * 500)
    open_house.until(job, "succeeded")
    (told,) = [one.event for one in receiver.requests]
    named = {"id", "model", "state", "previous_state"}
    assert set(told["data"]) == named | {"outputs", "metadata"}
    assert (told["data"]["id"], told["data"]["metadata"]) == (job.id, {"order": 7})
    assert told["data"]["outputs"][0]["type"] == "png"
    again = client.patch(f"/v1/subscriptions/{made['id']}", json={"include": []}).get_json()
    assert again["include"] is None
    open_house.until(open_house.ask(prompt="a dog"), "succeeded")
    assert receiver.requests[-1].event["data"]["input"]["prompt"] == "a dog"


def test_a_field_that_no_job_has_is_refused_with_the_nearest(client: FlaskClient) -> None:
    answer = client.post("/v1/subscriptions", json=PUBLIC | {"include": ["output", "metadata"]})
    (fault,) = answer.get_json()["errors"]
    assert (answer.status_code, fault["path"], fault["nearest"]) == (422, "include", "outputs")
    assert "'output'" in fault["message"]
    assert "attempts" in fault["allowed"]


def test_an_alert_keeps_what_it_says_whatever_is_included(
    client: FlaskClient, receiver: Receiver
) -> None:
    made = _made(client, url=receiver.url, include=["outputs"])
    for kind in ("runhook.alert", "group.ended"):
        path = f"/v1/subscriptions/{made['id']}/test"
        assert client.post(path, json={"type": kind}, buffered=True).get_json()["delivered"]
    alert, group = (one.event["data"] for one in receiver.requests)
    assert alert["alert"] == "this is a test"
    assert group["states"]["succeeded"] == 1


def test_a_usual_event_with_many_outputs_is_below_20_kb_when_few_fields_are_included() -> None:
    event = sample("job.succeeded", datetime.now(UTC))
    assert event.job
    url = "https://rh-images.example.com/" + "a" * 90 + "/output.png"
    outputs = tuple(Output(url=url, type="png", node_id=str(n)) for n in range(40))
    attempt = replace(event.job.attempt, outputs=outputs)
    spec = replace(event.job.spec, input={"prompt": "a harbour at dawn " * 200})
    job = replace(event.job, spec=spec, history=replace(event.job.history, attempts=(attempt,)))
    whole, small = (
        len(orjson.dumps(cloud_event(replace(event, job=job), "https://shop.example.com", include)))
        for include in ((), ("outputs", "metadata"))
    )
    assert small < 20_000 < whole


def _with_outputs(count: int) -> Event:
    event = sample("job.succeeded", datetime.now(UTC))
    assert event.job
    url = "https://rh-images.example.com/" + "a" * 80 + "/output.png"
    kept = Archived(name="0.png", media_type="image/png", size=1, sha256="0" * 64, thumbnail=True)
    outputs = tuple(Output(url=url, type="png", node_id="9", archived=kept) for _ in range(count))
    attempt = replace(event.job.attempt, outputs=outputs)
    job = replace(event.job, history=replace(event.job.history, attempts=(attempt,)))
    return replace(event, job=job)


@pytest.mark.parametrize("member", ["url", "archived_url"])
def test_an_event_with_a_hundred_outputs_is_below_20_kb_with_one_member_of_each(
    member: str,
) -> None:
    event = _with_outputs(100)
    told = cloud_event(event, "https://shop.example.com", (f"outputs.{member}", "metadata"))
    assert len(orjson.dumps(told)) < 20_000
    whole = cloud_event(event, "https://shop.example.com")["data"]["outputs"]
    assert told["data"]["outputs"] == [{member: one[member]} for one in whole]
    both = cloud_event(event, "https://shop.example.com", ("outputs", f"outputs.{member}"))
    assert both["data"]["outputs"] == whole


def test_a_subscriber_gets_the_members_of_outputs_that_it_includes(
    open_house: House, client: FlaskClient, receiver: Receiver
) -> None:
    wanted = ["outputs.type", "outputs.url"]
    made = _made(client, url=receiver.url, events=["job.succeeded"], include=wanted)
    assert made["include"] == wanted
    open_house.until(open_house.ask(), "succeeded")
    (told,) = [one.event["data"]["outputs"] for one in receiver.requests]
    assert [set(one) for one in told] == [{"type", "url"}]
    wrong = client.post("/v1/subscriptions", json=PUBLIC | {"include": ["outputs.uri"]})
    assert wrong.status_code == 422
    assert wrong.get_json()["errors"][0]["nearest"] == "outputs.url"
