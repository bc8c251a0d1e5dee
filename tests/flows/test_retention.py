"""What ended goes when its time is over, and takes along what is its own; what waits stays."""

from typing import Any

import pytest

from runhook import Event
from runhook.worker.delivery import deliveries
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.domain.jobs import Job
from runhook.worker.errors import NotFound
from runhook.worker.flows.pump import published
from tests.conftest import Build, House

DAY = 86400.0


class Shop:
    """Two handlers, one of which can be closed."""

    def __init__(self, build: Build, **settings: Any) -> None:
        self.closed = False
        registry = Registry()
        registry.add(Handler(name="shop", types=("job.succeeded",), model=None, target=self.hear))
        registry.add(
            Handler(
                name="log",
                types=("job.succeeded", "job.running"),
                model=None,
                target=lambda _: None,
            )
        )
        self.house: House = build(registry, RUNHOOK_RETRY_SCHEDULE="0", **settings)
        self.house.w.store.processes.publish_handlers(published(self.house.w))

    def hear(self, _: Event) -> None:
        """Listen, or not."""
        if self.closed:
            raise ConnectionError("closed")

    def ended(self) -> Job:
        """One job."""
        return self.house.until(self.house.ask(), "succeeded")

    def sweep(self, days: float) -> None:
        """So many days later, everything is swept."""
        self.house.clock.advance(days * DAY)
        self.house.w.store.duties.wake("reconcile", "sweep")
        self.house.settle()

    def keys_of(self, job: Job) -> list[str]:
        """What there is of a job."""
        return [key.decode() for key in self.house.raw.scan_iter("*") if job.id in key.decode()]


@pytest.fixture
def shop(build: Build) -> Shop:
    """One that is open."""
    return Shop(build)


def test_a_job_goes_with_its_deliveries_and_events_when_its_own_end_is_old_enough(
    shop: Shop,
) -> None:
    job = shop.ended()
    shop.sweep(29)
    assert shop.house.w.store.deliveries.of_job(job.id)
    shop.sweep(1.1)
    assert shop.keys_of(job) == []
    left = shop.house.raw.keys("runhook:deliver*") + shop.house.raw.keys("runhook:told")
    assert left == []
    assert shop.house.events() == []


def test_a_delivery_goes_with_its_job_and_one_of_no_job_by_itself(build: Build) -> None:
    shop = Shop(build)
    alerts = Handler(name="owner", types=("runhook.alert",), model=None, target=lambda _: None)
    shop.house.w.handlers.add(alerts)
    shop.house.w.store.processes.publish_handlers(published(shop.house.w))
    job = shop.ended()
    assert shop.house.raw.exists("runhook:told") == 0, "its job's end is known already"
    shop.house.w.store.events.alert("a subject", "something is wrong")
    shop.house.settle()
    (told,) = shop.house.raw.zrange("runhook:told", 0, -1)
    assert shop.house.w.store.deliveries.get(told.decode()).type == "runhook.alert"
    assert shop.house.w.store.deliveries.of_job(job.id)
    shop.sweep(31)
    assert shop.house.raw.keys("runhook:deliver*") == []


def test_a_delivery_that_was_told_late_does_not_keep_its_job(shop: Shop) -> None:
    shop.closed = True
    job = shop.ended()
    shop.house.clock.advance(29 * DAY)
    shop.closed = False
    deliveries.redeliver_all(shop.house.w, deliveries.Filter(state="dead"), dry_run=False)
    shop.house.settle()
    assert [one.state for one in shop.house.w.store.deliveries.of_job(job.id)].count("done") == 3
    shop.sweep(1.1)
    assert shop.keys_of(job) == []


def test_a_dead_delivery_keeps_its_job_until_it_is_told_and_no_day_longer(shop: Shop) -> None:
    shop.closed = True
    job = shop.ended()
    for _ in range(3):
        shop.sweep(31)
    assert shop.house.job(job).state == "succeeded"
    shop.closed = False
    deliveries.redeliver_all(shop.house.w, deliveries.Filter(state="dead"), dry_run=False)
    shop.house.settle()
    shop.sweep(0.1)
    with pytest.raises(NotFound):
        shop.house.job(job)


def test_jobs_that_stay_do_not_keep_those_behind_them(shop: Shop) -> None:
    shop.closed = True
    staying = [shop.ended() for _ in range(3)]
    shop.closed = False
    going = [shop.ended() for _ in range(3)]
    shop.house.clock.advance(31 * DAY)
    assert shop.house.w.store.jobs.sweep(shop.house.clock.now(), most=2) == 3
    assert all(shop.keys_of(job) for job in staying)
    assert not any(shop.keys_of(job) for job in going)


def test_of_a_job_that_stays_one_sweep_removes_all_that_was_told(shop: Shop) -> None:
    shop.closed = True
    job = shop.ended()
    shop.house.clock.advance(31 * DAY)
    assert len(shop.house.w.store.deliveries.of_job(job.id)) > len(["told", "given up"])
    shop.house.w.store.jobs.sweep(shop.house.clock.now(), most=1)
    left = shop.house.w.store.deliveries.of_job(job.id)
    assert [one.state for one in left] == ["dead"]


def test_sweeping_again_removes_nothing_more(shop: Shop) -> None:
    shop.ended()
    shop.closed = True
    kept = shop.ended()
    shop.sweep(31)
    before = sorted(shop.keys_of(kept))
    assert shop.house.w.store.jobs.sweep(shop.house.clock.now()) == 0
    assert sorted(shop.keys_of(kept)) == before
