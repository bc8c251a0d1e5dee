"""/v1/costs and budgets over HTTP: what days cost, and who is refused what."""

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from runhook.worker.domain.jobs import State
from runhook.worker.flows import costs as flow
from tests.conftest import IMAGE, Build, House

TINY = "vidu/text-to-video-q3-turbo"
GOOD = {"model": IMAGE, "input": {"prompt": "a cat"}}
A, B, ADMIN = (
    "token-Of-the-first-shop-1f4c",
    "token-Of-the-other-shop-2e7b",
    "token-Of-the-admin-77bd3-5a",
)
DAY = "2027-01-15"


def _client(house: House, token: str) -> FlaskClient:
    client = house.app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


@pytest.fixture
def market(build: Build) -> House:
    """Two shops with a job of 0.40 each, one with an order's number."""
    house = build(
        RUNHOOK_API_TOKENS=f"a:{A}:submit,b:{B}:submit,ops:{ADMIN}",
        RUNHOOK_INDEX_METADATA="order,shop",
        RUNHOOK_BUDGET_DAY="2.00,a=1.00",
    )
    for tenant, metadata in (("a", {"order": 7}), ("b", {})):
        house.until(house.ask(tenant=tenant, metadata=metadata), "succeeded")
    return house


def test_a_month_is_told_by_day_with_its_totals_and_todays_budgets(market: House) -> None:
    found = _client(market, ADMIN).get("/v1/costs").get_json()
    assert (found["since"], found["until"], found["by"]) == ("2026-12-17", DAY, ["day"])
    (item,) = found["items"]
    assert item == {"day": DAY} | found["totals"][0]
    assert (item["money"], item["jobs"]) == ("0.80", 2)
    assert found["budgets"] == [
        {
            "tenant": None,
            "limit": "2.00",
            "held": "0.80",
            "left": "1.20",
            "ends_at": "2027-01-16T00:00:00.000Z",
        },
        {
            "tenant": "a",
            "limit": "1.00",
            "held": "0.40",
            "left": "0.60",
            "ends_at": "2027-01-16T00:00:00.000Z",
        },
    ]


def test_costs_are_parted_and_narrowed_as_it_is_asked(market: House) -> None:
    client = _client(market, ADMIN)

    def told(query: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = client.get(f"/v1/costs?{query}").get_json()["items"]
        return items

    assert [(one["metadata.order"], one["money"]) for one in told("by=metadata.order")] == [
        ("7", "0.40"),
        (None, "0.40"),
    ]
    assert [one["tenant"] for one in told("by=tenant,model&metadata.order=7")] == ["a"]
    assert told("model=vidu/*") == []
    assert told("until=2027-01-15T00:00:00Z") == []
    assert len(told("since=2027-01-15&until=2027-01-15T00:00:01Z")) == 1
    assert told("since=2025-01-01&until=2026-01-01") == []


def test_more_sums_than_anybody_reads_are_refused(
    market: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One, because it is the same for ten thousand.
    monkeypatch.setattr(flow, "MOST_SUMS", 1)
    answer = _client(market, ADMIN).get("/v1/costs?by=tenant")
    assert answer.status_code == 422
    assert "makes 2 sums" in answer.get_json()["errors"][0]["message"]


def test_a_shop_sees_its_own_costs_and_budget_only(market: House) -> None:
    mine = _client(market, A).get("/v1/costs?by=tenant").get_json()
    assert [(one["tenant"], one["money"]) for one in mine["items"]] == [("a", "0.40")]
    assert [one["tenant"] for one in mine["budgets"]] == ["a"]
    for others in (_client(market, B).get("/v1/costs"), _client(market, A).get("/v1/costs")):
        assert others.get_json()["totals"][0]["money"] == "0.40"
    foreign = _client(market, A).get("/v1/costs?tenant=b").get_json()
    assert (foreign["items"], foreign["totals"], foreign["budgets"]) == ([], [], [])


@pytest.mark.parametrize(
    ("query", "paths", "nearest"),
    [
        ("by=dya", ["by"], "day"),
        ("by=metadata.ordr", ["by"], "metadata.order"),
        ("by=order", ["by"], "metadata.order"),
        ("metadata.ordr=7&metadata.shp=x", ["metadata.ordr", "metadata.shp"], "order"),
        ("since=soon&until=x&months=1", ["months", "since", "until"], None),
        ("metadata.order=7&metadata.order=8", ["metadata.order"], None),
        ("since=2027-01-16&until=2027-01-15", ["until"], None),
    ],
)
def test_what_it_does_not_know_is_refused_with_what_it_does(
    market: House, query: str, paths: list[str], nearest: str | None
) -> None:
    answer = _client(market, ADMIN).get(f"/v1/costs?{query}")
    errors = answer.get_json()["errors"]
    assert (answer.status_code, sorted(one["path"] for one in errors)) == (422, sorted(paths))
    if nearest:
        assert errors[0]["nearest"] == nearest


def test_who_finds_no_room_is_told_what_is_left_and_until_when(market: House) -> None:
    client = _client(market, A)
    assert client.post("/v1/jobs", json=GOOD).status_code == 202
    refused = client.post("/v1/jobs", json=GOOD)
    assert (refused.status_code, refused.content_type) == (402, "application/problem+json")
    body = refused.get_json()
    assert (body["tenant"], body["left"], body["needs"]) == ("a", "0.20", "0.40")
    assert (body["limit"], body["ends_at"]) == ("1.00", "2027-01-16T00:00:00.000Z")
    assert "0.20 is left of a's budget of 1.00 for 2027-01-15" in body["detail"]
    lines = b"\n".join(json.dumps(GOOD).encode() for _ in range(2))
    batch = client.post("/v1/jobs/batch", data=lines, content_type="application/x-ndjson")
    assert [json.loads(line)["status"] for line in batch.data.splitlines()] == [402, 402]


def test_a_price_that_nobody_knows_is_422_and_a_dry_run_says_the_same(market: House) -> None:
    client = _client(market, B)
    flow = {"model": "workflow/12", "input": {"6.text": "a"}}
    for path in ("/v1/jobs", "/v1/jobs?dry_run=true"):
        answer = client.post(path, json=flow)
        assert answer.status_code == 422
        assert [one["path"] for one in answer.get_json()["errors"]] == ["options.max_price"]
    given = flow | {"options": {"max_price": "0.10"}}
    assert client.post("/v1/jobs", json=given).status_code == 202


def test_a_dry_run_says_what_it_costs_at_most_and_holds_nothing(market: House) -> None:
    client = _client(market, ADMIN)
    given = GOOD | {"options": {"retries": 2}}
    shown = client.post("/v1/jobs?dry_run=true", json=given).get_json()
    assert Decimal(shown["price_range"]["to"]) == Decimal("1.20")
    assert client.get("/v1/costs").get_json()["budgets"][0]["held"] == "0.80"


def _posts(url: str, body: dict[str, Any], count: int, at_once: int) -> list[tuple[int, Any]]:
    """The same job posted by many at the same moment."""
    place, ready = urlsplit(url), threading.Barrier(at_once)

    def post(number: int) -> tuple[int, Any]:
        line = HTTPConnection(str(place.hostname), place.port, timeout=60)
        if number < at_once:
            ready.wait()
        line.request("POST", "/v1/jobs", json.dumps(body), {"Content-Type": "application/json"})
        answer = line.getresponse()
        found = answer.status, json.loads(answer.read())
        line.close()
        return found

    with ThreadPoolExecutor(at_once) as crowd:
        return list(crowd.map(post, range(count)))


def test_two_hundred_who_ask_at_once_never_pass_a_budget_of_1_00(build: Build) -> None:
    """Through real HTTP; then all of them run, and the day says what the sandbox charged."""
    house = build(RUNHOOK_BUDGET_DAY="1.00")
    body = {"model": TINY, "input": {"prompt": "Waves", "duration": "1"}}
    price = Decimal(
        _client(house, "").post("/v1/jobs?dry_run=true", json=body).get_json()["price"]["money"]
    )
    fits = int(Decimal("1.00") / price)
    house.w.store.queue.pause(True)
    found = _posts(house.web, body, count=200, at_once=50)
    assert Counter(status for status, _ in found) == {202: fits, 402: 200 - fits}
    left = {Decimal(body["left"]) for status, body in found if status == 402}
    assert left == {1 - fits * price}
    assert house.standing("queued") == fits
    house.w.store.queue.pause(False)
    for job in list(house.w.store.listing.standing(State.QUEUED)):
        house.until(job, "succeeded")
    told = _client(house, "").get("/v1/costs").get_json()
    assert Decimal(told["totals"][0]["money"]) == fits * price <= 1
    assert (told["totals"][0]["jobs"], told["totals"][0]["attempts"]) == (fits, fits)
    assert Decimal(told["budgets"][0]["held"]) == fits * price
