"""Jobs in lists: what fits a filter, whole and in order, at a cost that does not grow with them."""

import fnmatch
import itertools
from datetime import timedelta
from typing import Any

import pytest

from runhook.worker.domain import jobs
from runhook.worker.domain.jobs import Job, State
from runhook.worker.flows import create
from runhook.worker.flows.create import JobRequest
from runhook.worker.store import JobFilter
from tests.conftest import IMAGE, House

EDIT, FLOW = "rhart-image-n-pro/edit", "workflow/7"
ANY = JobFilter()


def _ask(house: House, tenant: str, model: str) -> Job:
    given = {"prompt": "a cat"}
    if model == EDIT:
        given["imageUrls"] = ["https://example.com/a.png"]  # type: ignore[assignment]
    if model == FLOW:
        given = {}
    asked = JobRequest(model=model, input=given, tenant=tenant)
    return create.request(house.w, asked)[1]


@pytest.fixture
def shops(house: House) -> House:
    """Jobs of two tenants and three models, a second apart, in three states."""
    house.w.store.queue.pause(True)
    for number, (tenant, model) in enumerate(
        itertools.product(("a", "b"), (IMAGE, EDIT, FLOW) * 2)
    ):
        house.clock.advance(1)
        job = _ask(house, tenant, model)
        if number % 3:
            _moves(house, job, "queued", ("succeeded", "failed")[number % 2])
    return house


def _moves(house: House, job: Job, old: str, new: str) -> None:
    """What a move writes of where a job stands, in this release."""
    _moves_as_before(house, job, old, new)
    for tenant in ("", job.tenant):
        house.raw.zrem(f"runhook:listed:{old}:{tenant}:{job.spec.model}", job.id)
        house.raw.zadd(f"runhook:listed:{new}:{tenant}:{job.spec.model}", {job.id: 0})


def _moves_as_before(house: House, job: Job, old: str, new: str) -> None:
    """What it wrote in the release before, whose processes may still run."""
    house.raw.hset(f"runhook:job:{job.id}", "state", new)
    house.raw.zrem(f"runhook:jobs:state:{old}", job.id)
    house.raw.zadd(f"runhook:jobs:state:{new}", {job.id: 0})
    if new in ("succeeded", "failed", "cancelled"):
        house.raw.zadd("runhook:ended", {job.id: 1})
        house.raw.zrem("runhook:line:main", job.id)


def _made_as_before(house: House, tenant: str = "a") -> Job:
    """A job as the release before makes one: it knows no lists by model and tenant together."""
    job = _ask(house, tenant, IMAGE)
    for key in house.raw.keys("runhook:listed:*") + house.raw.keys("runhook:models:*"):
        house.raw.zrem(key, job.id, IMAGE)
    for key in ("jobs", f"jobs:model:{IMAGE}", f"jobs:tenant:{tenant}"):
        house.raw.zadd(f"runhook:{key}", {job.id: 0})
    return job


def _all(house: House, wanted: JobFilter, most: int = 100) -> list[str]:
    """Page after page, to the end."""
    found, cursor = [], None
    while True:
        page = house.w.store.listing.page(wanted, cursor, most)
        found += [job.id for job in page.jobs]
        if page.next is None:
            return found
        cursor = page.next


def _commands(raw: Any) -> int:
    """How many commands the server has run since, those inside scripts among them.

    A client that was idle for some seconds first asks whether its connection lives, or makes one.
    """
    stats = raw.info("commandstats")
    aside = ("cmdstat_info", "cmdstat_ping", "cmdstat_hello", "cmdstat_client")
    found = sum(int(row["calls"]) for name, row in stats.items() if not name.startswith(aside))
    raw.config_resetstat()
    return found


def _keep(house: House, count: int) -> None:
    """So many jobs more: only where they stand, in turns where the least is in common."""
    pipe = house.raw.pipeline(transaction=False)
    for number in range(count):
        model, tenant, state = ((IMAGE, "a", "failed"), (EDIT, "b", "failed"))[number % 2]
        if number % 4 > 1:
            state = "succeeded"
        job_id = jobs.new_id("job")
        for key in (
            f"jobs:state:{state}",
            f"listed:{state}::{model}",
            f"listed:{state}:{tenant}:{model}",
        ):
            pipe.zadd(f"runhook:{key}", {job_id: 0})
        for whose in ("", tenant):
            pipe.zadd(f"runhook:models:{whose}", {model: 0})
    pipe.execute()


STATES = [(), ("queued",), ("failed", "queued"), ("succeeded", "failed"), ("cancelled",)]
MODELS = [None, IMAGE, FLOW, "rhart-image-*", "*", "nothing/*"]


@pytest.mark.parametrize("states", STATES)
@pytest.mark.parametrize("model", MODELS)
def test_every_choice_finds_what_fits_whole_and_in_order(
    shops: House, states: tuple[str, ...], model: str | None
) -> None:
    made = [shops.w.store.jobs.get(name) for name in _all(shops, ANY)]
    assert len(made) == 12
    for tenant, since, until in itertools.product((None, "a", "c"), (None, 3), (None, 8)):
        start = made[-1].spec.created_at
        wanted = JobFilter(
            states=states,
            model=model,
            tenant=tenant,
            since=start + timedelta(seconds=since) if since else None,
            until=start + timedelta(seconds=until) if until else None,
        )
        fits = [
            job.id
            for job in made
            if (not states or job.state in states)
            and (model is None or fnmatch.fnmatchcase(job.spec.model, model))
            and tenant in (None, job.tenant)
            and (wanted.since is None or job.spec.created_at >= wanted.since)
            and (wanted.until is None or job.spec.created_at < wanted.until)
        ]
        assert _all(shops, wanted) == _all(shops, wanted, most=1) == _all(shops, wanted, 3) == fits


NOTHING = [
    JobFilter(states=("failed",), tenant="a", model=EDIT),
    JobFilter(states=("queued", "running")),
    JobFilter(states=("cancelled",), model="rhart-*"),
    JobFilter(tenant="b", model=IMAGE),
    JobFilter(tenant="nobody"),
    JobFilter(model="workflow/*"),
    JobFilter(group="none"),
    JobFilter(group="none", states=("failed",), model=IMAGE, tenant="b"),
    JobFilter(root="job_" + "0" * 28, states=("failed",)),
]


@pytest.mark.parametrize("wanted", NOTHING)
def test_a_filter_that_finds_nothing_costs_no_more_with_many_jobs_than_with_few(
    house: House, wanted: JobFilter
) -> None:
    costs = []
    for more in (40, 4000):
        _keep(house, more)
        _all(house, wanted)  # a connection that has rested is asked first whether it lives
        house.raw.config_resetstat()
        assert _all(house, wanted) == []
        costs.append(_commands(house.raw))
    assert costs[1] == costs[0] < 60


def test_a_page_and_its_end_cost_no_more_with_many_jobs_than_with_few(house: House) -> None:
    costs = []
    for more in (400, 4000):
        _keep(house, more)
        house.w.store.listing.page(ANY, None, 10)  # wakes the connection, as above
        house.raw.config_resetstat()
        for wanted in (ANY, JobFilter(tenant="a"), JobFilter(model="rhart-*", states=("failed",))):
            assert house.w.store.listing.page(wanted, None, 10).next
        costs.append(_commands(house.raw))
    assert costs[0] == costs[1]


def test_a_page_that_meets_only_what_it_cannot_read_goes_on_behind_it(house: House) -> None:
    newest = [house.ask() for _ in range(25)]
    readable = newest[0]
    for job in newest[1:]:
        house.raw.hset(f"runhook:job:{job.id}", "life", b"{}x")
    page = house.w.store.listing.page(ANY, None, 1)
    assert (page.jobs, page.next is None) == ((), False)
    assert _all(house, ANY, most=1) == [readable.id]


def test_a_model_is_known_as_long_as_there_are_jobs_of_it(house: House) -> None:
    mine, _ = _ask(house, "a", IMAGE), _ask(house, "b", EDIT)
    assert list(house.w.store.listing.models()) == [EDIT, IMAGE]
    house.until(mine, "succeeded")
    house.clock.advance(10)
    house.w.store.jobs.sweep(house.clock.now())
    assert list(house.w.store.listing.models("a")) == []
    assert IMAGE not in list(house.w.store.listing.models())


def test_what_older_processes_made_and_moved_is_listed_once_somebody_looks(house: House) -> None:
    house.w.store.queue.pause(True)
    made = _made_as_before(house)
    moved, ended = _ask(house, "a", IMAGE), _ask(house, "a", IMAGE)
    _moves_as_before(house, moved, "queued", "running")
    _moves_as_before(house, ended, "queued", "failed")
    assert _all(house, ANY) == [ended.id, moved.id, made.id], "every job is there at once"
    assert house.w.store.upkeep.list_what_older_processes_left() == 3
    assert house.w.store.upkeep.list_what_older_processes_left() == 0
    assert _all(house, JobFilter(tenant="a", states=("queued",))) == [made.id]
    assert _all(house, JobFilter(model=IMAGE, states=("running",))) == [moved.id]
    assert _all(house, JobFilter(tenant="a", model=IMAGE, states=("failed",))) == [ended.id]
    assert house.w.store.upkeep.repair() > 0, "their duties and ends"
    assert _all(house, JobFilter(tenant="a")) == [ended.id, moved.id, made.id]


def test_what_stands_in_a_wrong_list_is_not_shown_there_and_put_right(house: House) -> None:
    house.w.store.queue.pause(True)
    job = _ask(house, "a", IMAGE)
    _moves_as_before(house, job, "queued", "failed")
    queued, failed = (JobFilter(tenant="a", states=(state,)) for state in ("queued", "failed"))
    assert _all(house, failed) == []
    assert _all(house, queued) == []
    assert _all(house, failed) == [job.id]


def test_a_job_that_an_older_process_moved_is_listed_right_by_its_next_move(house: House) -> None:
    job = house.ask()
    house.raw.zrem(f"runhook:listed:queued:local:{IMAGE}", job.id)
    house.raw.zadd(f"runhook:listed:running::{IMAGE}", {job.id: 0})
    house.until(job, "succeeded")
    lists = [
        key for key in house.raw.keys("runhook:listed:*") if house.raw.zscore(key, job.id) == 0
    ]
    assert sorted(lists) == [
        f"runhook:listed:succeeded:{whose}:{IMAGE}".encode() for whose in ("", "local")
    ]


def test_older_processes_find_what_newer_ones_make_for_a_day(house: House) -> None:
    old = _made_as_before(house)
    upkeep = house.w.store.upkeep
    upkeep.list_what_older_processes_left()
    new = _ask(house, "b", EDIT)
    for key in ("jobs", f"jobs:model:{EDIT}", "jobs:tenant:b"):
        assert house.raw.zrange(f"runhook:{key}", 0, -1)[-1] == new.id.encode()
    house.clock.advance(86400)
    upkeep.list_what_older_processes_left()
    left = [key for key in house.raw.keys("runhook:jobs*") if b":state:" not in key]
    assert (left, house.raw.exists("runhook:outlived")) == ([], 0)
    _ask(house, "b", EDIT)
    assert not house.raw.exists("runhook:jobs")
    assert old.id in _all(house, JobFilter(tenant="a"))


def test_every_state_has_its_list_laid_into_a_page(shops: House) -> None:
    """A job of any state is among all jobs: no list of them beside those of the states is kept."""
    job = _all(shops, ANY)[0]
    found = shops.w.store.jobs.get(job)
    before: str = found.state
    for state in State:
        _moves(shops, found, before, state)
        before = state
        assert _all(shops, ANY)[0] == job


@pytest.mark.parametrize("piece", ["sweep", "trim"])
def test_a_step_of_the_sweep_does_no_more_where_more_is_to_be_swept(
    house: House, piece: str
) -> None:
    costs, names = [], itertools.count(1)
    for more in (300, 1500):
        pipe = house.raw.pipeline(transaction=False)
        for number in itertools.islice(names, more):
            delivery = f"dlv_1-{number}_shop"
            pipe.hset(f"runhook:delivery:{delivery}", mapping={"state": "done", "handler": "shop"})
            pipe.zadd("runhook:told", {delivery: 1})
            pipe.xadd("runhook:events", {"type": "job.queued"}, id=f"1-{number}")
        pipe.execute()
        house.raw.config_resetstat()
        house.w.store.jobs._scripts.run(piece, 1000, 100, "")
        costs.append(_commands(house.raw))
    # A few may be another's in between, as web's own looks; more to sweep would be a thousand.
    assert costs[1] <= costs[0] + 10 < 1000
    house.w.store.jobs.sweep(house.clock.now())
    assert house.raw.keys("runhook:delivery:*") == []
    assert house.events() == []
