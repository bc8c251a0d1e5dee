"""/v1/subscriptions: what is taken, what is refused, what is shown once."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from runhook.webhook.app import create_app
from tests.conftest import SHOP, Build, House
from tests.receiver import Receiver

PUBLIC = {"url": "https://93.184.216.34/hook"}


@pytest.fixture
def client(open_house: House) -> FlaskClient:
    """A client on this machine."""
    return create_app(open_house.w).test_client()


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
    client = create_app(house.w).test_client()
    answer = client.post("/v1/subscriptions", json=given)
    assert answer.status_code == 422
    assert [fault["path"] for fault in answer.get_json()["errors"]] == paths
    assert client.get("/v1/subscriptions").get_json()["items"] == []


def test_a_misspelt_event_is_answered_with_the_nearest(client: FlaskClient) -> None:
    answer = client.post("/v1/subscriptions", json={**PUBLIC, "events": ["job.suceeded"]})
    assert answer.get_json()["errors"][0]["nearest"] == "job.succeeded"


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
    assert client.post(path).get_json()["delivered"] is True
    failed = client.post(path, json={"type": "job.failed"}).get_json()
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
    client = create_app(house.w).test_client()
    for path in ("subscriptions", "deliveries", "events", "events/stream", "jobs/x/stream"):
        assert client.get(f"/v1/{path}").status_code == 401
    for path in ("subscriptions", "recover", "deliveries/redeliver"):
        assert client.post(f"/v1/{path}", json={}).status_code == 401
