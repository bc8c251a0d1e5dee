"""Jobs found by their metadata: whole, in order, of their tenant, and gone with the job."""

import itertools
from typing import Any

import pytest
from flask.testing import FlaskClient

from runhook.worker.domain import policy
from runhook.worker.domain.metadata import LONGEST, text_of
from runhook.worker.flows.cancel import cancel
from runhook.worker.store import JobFilter, sources
from tests.conftest import IMAGE, Build, House, web_app

A, ADMIN = "token-Of-the-first-shop-1f4c", "token-Of-the-admin-77bd3-5a"
VIDEO = "vidu/text-to-video-q3-turbo"


@pytest.fixture
def market(build: Build) -> House:
    """Jobs of two tenants, a second apart, with an order and a shop each."""
    house = build(
        RUNHOOK_INDEX_METADATA="order,shop",
        RUNHOOK_API_TOKENS=f"a:{A}:submit,ops:{ADMIN}",
        RUNHOOK_RETENTION_DAYS=1,
    )
    house.w.store.queue.pause(True)
    for number, tenant in itertools.product(range(6), "ab"):
        house.clock.advance(1)
        metadata = {"order": number % 2, "shop": ("west", "east")[number % 3 == 0], "n": number}
        house.ask(tenant=tenant, metadata=metadata)
    return house


def _client(house: House, token: str = ADMIN) -> FlaskClient:
    client = web_app(house.w).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


def _listed(client: FlaskClient, query: str) -> list[tuple[str, Any]]:
    items = client.get(f"/v1/jobs?limit=100&{query}").get_json()["items"]
    return [(job["tenant"], job["metadata"]["n"]) for job in items]


def test_jobs_are_listed_by_one_value_or_several_newest_first(market: House) -> None:
    client = _client(market)
    assert _listed(client, "metadata.order=1") == [(t, n) for n in (5, 3, 1) for t in "ba"]
    assert _listed(client, "metadata.order=1&metadata.shop=east") == [("b", 3), ("a", 3)]
    assert _listed(client, "metadata.order=1&tenant=a") == [("a", 5), ("a", 3), ("a", 1)]
    assert _listed(client, "metadata.order=7") == []
    assert _listed(client, f"metadata.order=0&model={VIDEO}") == []
    assert len(_listed(client, f"metadata.order=0&model={IMAGE}")) == 6
    assert len(_listed(client, "metadata.order=0&model=rhart-*&state=queued,failed")) == 6
    assert _listed(client, "metadata.order=0&state=failed") == []


def test_a_tenant_finds_its_own_only(market: House) -> None:
    client = _client(market, A)
    assert _listed(client, "metadata.order=1") == [("a", 5), ("a", 3), ("a", 1)]
    assert _listed(client, "metadata.order=1&tenant=b") == []


def test_page_after_page_each_job_comes_once(market: House) -> None:
    client, found, cursor = _client(market), [], ""
    while True:
        page = client.get(f"/v1/jobs?metadata.shop=west&limit=3{cursor}").get_json()
        found += [job["id"] for job in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    every = market.w.store.listing.page(JobFilter(), None, 100).jobs
    assert found == [job.id for job in every if job.spec.metadata["shop"] == "west"]


def test_a_state_that_few_have_is_found_in_looks_of_bounded_length(
    market: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    oldest = market.w.store.listing.page(JobFilter(), None, 100).jobs[-1]
    cancel(market.w, oldest.id)
    monkeypatch.setattr(policy, "LABELLED_LOOKED_AT", 2)
    monkeypatch.setattr(policy, "LISTED_LOOKS", 2)
    sources.source.cache_clear()
    market.w.store.jobs._scripts._known.clear()
    wanted = JobFilter(states=("cancelled",), labels=(("order", "0"),))
    pages, cursor = [], None
    for _ in range(3):
        page = market.w.store.listing.page(wanted, cursor, 1)
        pages.append([job.id for job in page.jobs])
        if page.next is None:
            break
        cursor = page.next
    sources.source.cache_clear()
    assert pages == [[], [oldest.id]]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        ("7", "7"),
        (True, "true"),
        (None, "null"),
        (1.5, "1.5"),
        ("Größe :*?", "Größe :*?"),
        ({"b": 1, "a": [2]}, '{"a":[2],"b":1}'),
        ("", ""),
    ],
)
def test_a_value_is_looked_for_as_its_text(build: Build, value: Any, text: str) -> None:
    house = build(RUNHOOK_INDEX_METADATA="order")
    house.w.store.queue.pause(True)
    job = house.ask(metadata={"order": value})
    house.ask(metadata={})
    house.ask(metadata={"order": "other"})
    answer = web_app(house.w).test_client().get("/v1/jobs", query_string={"metadata.order": text})
    assert [one["id"] for one in answer.get_json()["items"]] == [job.id]


def test_a_long_value_is_known_by_its_hash(build: Build) -> None:
    house = build(RUNHOOK_INDEX_METADATA="order")
    house.w.store.queue.pause(True)
    longer, longest = "x" * LONGEST, "x" * (LONGEST + 1)
    jobs = [house.ask(metadata={"order": value}) for value in (longer, longest, longest + "y")]
    client = web_app(house.w).test_client()
    for job, value in zip(jobs, (longer, longest, longest + "y"), strict=True):
        found = client.get("/v1/jobs", query_string={"metadata.order": value}).get_json()["items"]
        assert [one["id"] for one in found] == [job.id]
    assert all(len(key) < 150 for key in house.raw.keys("runhook:labelled:*"))
    assert text_of(longest).startswith("sha256:")


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/costs"])
def test_a_key_that_is_not_indexed_is_refused_with_those_that_are(market: House, path: str) -> None:
    answer = _client(market).get(f"{path}?metadata.ordr=7&metadata.n=1&state=x")
    errors = {one["path"]: one for one in answer.get_json()["errors"]}
    assert answer.status_code == 422
    assert {"metadata.ordr", "metadata.n", "state"} == set(errors)
    assert errors["metadata.ordr"]["nearest"] == "order"
    assert errors["metadata.n"]["allowed"] == ["order", "shop"]
    assert "order, shop" in errors["metadata.n"]["message"]


def test_without_indexed_keys_the_refusal_names_the_setting(house: House) -> None:
    answer = web_app(house.w).test_client().get("/v1/jobs?metadata.order=7")
    assert "RUNHOOK_INDEX_METADATA" in answer.get_json()["errors"][0]["message"]
    other = web_app(house.w).test_client().get("/v1/queue?metadata.order=7")
    assert "not a parameter of this call" in other.get_json()["errors"][0]["message"]


def test_a_job_that_is_swept_leaves_no_list(market: House) -> None:
    for job in market.w.store.listing.page(JobFilter(), None, 100).jobs:
        cancel(market.w, job.id)
    assert market.raw.keys("runhook:labelled:*")
    market.clock.advance(2 * 86400)
    market.w.store.duties.wake("reconcile", "sweep")
    market.settle()
    assert not market.raw.keys("runhook:labelled:*")


def test_lists_are_repaired_from_what_jobs_say(market: House) -> None:
    before = {key: market.raw.zrange(key, 0, -1) for key in market.raw.keys("runhook:labelled:*")}
    for key in before:
        market.raw.delete(key)
    market.raw.zadd("runhook:labelled::order:9", {"job_stranger": 0})
    assert market.w.store.upkeep.repair() > 0
    after = {key: market.raw.zrange(key, 0, -1) for key in market.raw.keys("runhook:labelled:*")}
    assert after == before
    assert market.w.store.upkeep.repair() == 0


def test_a_key_that_is_indexed_later_finds_newer_jobs_only(build: Build) -> None:
    before = build()
    before.w.store.queue.pause(True)
    before.ask(metadata={"order": 7})
    after = build(RUNHOOK_INDEX_METADATA="order")
    job = after.ask(metadata={"order": 7})
    page = after.w.store.listing.page(JobFilter(labels=(("order", "7"),)), None, 10)
    assert [one.id for one in page.jobs] == [job.id]


def test_a_page_costs_no_more_with_many_jobs_of_a_value_than_with_few(build: Build) -> None:
    house, costs = build(RUNHOOK_INDEX_METADATA="order"), []
    house.w.store.queue.pause(True)
    for more in (20, 100):
        for _ in range(more):
            house.ask(metadata={"order": 7})
        house.raw.config_resetstat()
        wanted = JobFilter(states=("queued",), labels=(("order", "7"),))
        assert house.w.store.listing.page(wanted, None, 5).next
        stats = house.raw.info("commandstats")
        costs.append({name: row["calls"] for name, row in stats.items() if "hmget" in name})
    assert costs[0] == costs[1]
