"""Whose a job is: named, or the name of who asked; listed by it, and known of old jobs too."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from runhook.worker.domain.jobs import Job
from runhook.worker.flows import create
from runhook.worker.flows.create import JobRequest
from runhook.worker.store import JobFilter
from tests.conftest import IMAGE, SHOP, Build, House, web_app

GOOD = {"model": IMAGE, "input": {"prompt": "a cat"}}


def _of(house: House, tenant: str | None = None, owner: str = "local", **more: Any) -> Job:
    asked = JobRequest(model=IMAGE, input={"prompt": "a cat"}, tenant=tenant)
    return create.request(house.w, asked, owner=owner, **more)[1]


def _listed(house: House, tenant: str, state: str | None = None) -> list[str]:
    wanted = JobFilter(tenant=tenant)
    if state:
        wanted = JobFilter(tenant=tenant, states=(state,))
    page = house.w.store.listing.page(wanted, None, 100)
    return [job.id for job in page.jobs]


def _age(house: House, job: Job) -> None:
    """Make a job one of an older process, which wrote no tenant, and a stream for its timeline."""
    house.raw.hdel(f"runhook:job:{job.id}", "tenant")
    for line in house.raw.lrange(f"runhook:notes:{job.id}", 0, -1):
        house.raw.xadd(f"runhook:timeline:{job.id}", {"note": line.partition(b" ")[2]})
    house.raw.delete(f"runhook:notes:{job.id}")
    for key in house.raw.keys("runhook:listed:*"):
        house.raw.zrem(key, job.id)


@pytest.fixture
def client(build: Build) -> FlaskClient:
    """Somebody who may name any tenant."""
    house = build(RUNHOOK_API_TOKENS=f"shop:{SHOP}")
    client = web_app(house.w).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {SHOP}"
    return client


def test_a_job_is_of_the_tenant_it_names_or_of_who_asked(client: FlaskClient) -> None:
    named = client.post("/v1/jobs", json=GOOD | {"tenant": "shop-7"}).get_json()
    silent = client.post("/v1/jobs", json=GOOD).get_json()
    assert (named["tenant"], silent["tenant"]) == ("shop-7", "shop")

    def ids(query: str) -> list[str]:
        return [job["id"] for job in client.get(f"/v1/jobs?{query}").get_json()["items"]]

    assert ids("tenant=shop-7") == [named["id"]]
    assert ids(f"tenant=shop&state=queued&model={IMAGE}") == [silent["id"]]
    assert ids("tenant=shop&state=failed") == []
    assert ids("tenant=nobody") == []
    event = client.get("/v1/events").get_json()["items"][0]
    assert event["data"]["tenant"] == "shop-7"


@pytest.mark.parametrize("tenant", ["", "a b", "a" * 101, "käthe", "a\n", 5, ["shop"]])
def test_a_tenant_that_is_no_name_is_refused(client: FlaskClient, tenant: Any) -> None:
    answer = client.post("/v1/jobs", json=GOOD | {"tenant": tenant})
    assert (answer.status_code, answer.get_json()["errors"][0]["path"]) == (422, "tenant")
    if isinstance(tenant, str):
        assert client.get("/v1/jobs", query_string={"tenant": tenant}).status_code == 422


def test_a_key_of_before_there_were_tenants_answers_the_same_job(house: House) -> None:
    """The bytes that a key is kept with must not change for a request that says nothing new."""
    without = create.canonical(GOOD)
    assert without == create.canonical(GOOD | {"tenant": None})
    assert b"tenant" not in without
    assert create.canonical(GOOD | {"tenant": "shop"}) != without


def test_a_tenants_list_reads_no_other_tenants_jobs(house: House) -> None:
    mine = _of(house, "mine")
    for _ in range(3):
        _of(house, "theirs")
    page = house.w.store.listing.page(JobFilter(tenant="mine"), None, 1)
    assert ([job.id for job in page.jobs], page.next) == ([mine.id], None)
    house.settle()
    house.until(mine, "succeeded")
    assert _listed(house, "mine", "succeeded") == [mine.id]
    assert _listed(house, "mine", "queued") == []


def test_an_older_processs_job_is_of_who_asked_for_it_and_is_listed_once_it_moves(
    house: House,
) -> None:
    house.lost = ["line"]
    job = _of(house, owner="shop")
    house.settle()
    _age(house, job)
    assert house.job(job).tenant == "shop"
    assert house.w.store.jobs.tenant(job.id) == "shop"
    assert house.w.store.jobs.tenant("job_none") is None
    assert _listed(house, "shop") == []
    house.lost = []
    house.later(40)  # its wake-up was lost
    house.until(job, "succeeded")
    assert _listed(house, "shop") == [job.id]


def test_an_older_processs_jobs_are_listed_once_a_worker_starts(house: House) -> None:
    jobs = [_of(house, owner="shop") for _ in range(3)]
    for job in jobs[:2]:
        _age(house, job)
    house.raw.delete(f"runhook:timeline:{jobs[0].id}")
    house.w.store.upkeep.end_what_older_versions_left()
    assert _listed(house, "local") == [jobs[0].id], "nothing says whose it is"
    assert _listed(house, "shop") == [jobs[2].id, jobs[1].id]
    assert house.w.store.upkeep.list_what_older_processes_left() == 0
    house.raw.delete(f"runhook:listed:queued:shop:{IMAGE}")
    assert _listed(house, "shop") == []
    assert house.w.store.upkeep.repair() == 2
    assert _listed(house, "shop") == [jobs[2].id, jobs[1].id]
    assert house.w.store.upkeep.repair() == 0


def test_what_else_a_timeline_says_names_no_tenant(house: House) -> None:
    job = house.until(_of(house, owner="shop"), "succeeded")
    _age(house, job)
    rows = house.raw.xrange(f"runhook:timeline:{job.id}")
    house.raw.xdel(f"runhook:timeline:{job.id}", *[row for row, _ in rows[:-1]])  # it was long
    assert house.w.store.jobs.timeline(job.id)[0]["by"] == "callback"
    assert house.job(job).tenant == "local"


def test_a_job_that_is_removed_leaves_its_tenants_list(house: House) -> None:
    job = house.until(_of(house, "shop"), "succeeded")
    house.clock.advance(10)
    assert house.w.store.jobs.sweep(house.clock.now()) == 1
    assert _listed(house, "shop") == []
    assert house.raw.exists("runhook:models:shop") == 0
    assert house.w.store.jobs.tenant(job.id) is None
