"""Events that Redis has no more: a job's end is told from its record, nothing else is made up."""

import pytest

from runhook import Event
from runhook.worker.delivery import deliveries
from runhook.worker.delivery.fanout import audience, who_wants
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.domain.jobs import Job
from runhook.worker.flows import resolve
from runhook.worker.flows.pump import published
from runhook.worker.store import Delivery
from tests.conftest import Build, House, eventually
from tests.flows.test_lost_writes import _dump, _go_back

DAY = 86400.0


class Shop:
    """A handler of ends and beginnings that hears nothing until it opens."""

    def __init__(self, build: Build) -> None:
        self.heard: list[tuple[str, str]] = []
        registry = Registry()
        types = ("job.running", "job.succeeded", "job.failed")
        registry.add(Handler(name="shop", types=types, model=None, target=self.hear))
        self.house: House = build(registry)
        self.house.w.store.processes.publish_handlers(published(self.house.w))
        self.house.lost = ["handlers"]

    def hear(self, event: Event) -> None:
        """Remember which event it was."""
        self.heard.append((event.type, event.id))

    def open(self) -> None:
        """Whoever waits is told."""
        self.house.lost = []
        self.house.later(61)

    def forget_events(self) -> None:
        """A month goes by, and the log with it."""
        self.house.clock.advance(31 * DAY)
        self.house.w.store.jobs.sweep(self.house.clock.now())
        assert self.house.events() == []
        self.house.w.store.processes.publish_handlers(published(self.house.w))

    def failed_and_forgotten(self) -> tuple[Job, Delivery]:
        """A job that failed, and the delivery that says so, whose event the log has lost."""
        self.house.sandbox.faults({"fault": "failed"})
        job = self.house.until(self.house.ask(), "failed")
        first = self.delivery(job, "job.failed")
        self.forget_events()
        return job, first

    def delivery(self, job: Job, kind: str) -> Delivery:
        """The first of a type."""
        found = self.house.w.store.deliveries.of_job(job.id)
        return next(one for one in found if one.type == kind)


@pytest.fixture
def shop(build: Build) -> Shop:
    """One that has not opened."""
    return Shop(build)


def test_an_end_that_the_log_has_no_more_is_told_from_the_jobs_record(shop: Shop) -> None:
    job = shop.house.until(shop.house.ask(), "succeeded")
    end = shop.delivery(job, "job.succeeded")
    shop.forget_events()
    shop.open()
    assert shop.heard == [("job.succeeded", end.event)]
    assert shop.delivery(job, "job.succeeded").state == "done"


def test_what_no_record_says_any_more_is_dead_and_says_what_to_do(shop: Shop) -> None:
    job = shop.house.until(shop.house.ask(), "succeeded")
    shop.forget_events()
    shop.open()
    begun = shop.delivery(job, "job.running")
    assert begun.state == "dead"
    why = str(begun.tries[-1]["why"])
    assert "Redis has the event no more" in why
    assert f"`runhook job {job.id}`" in why


def test_the_end_of_an_earlier_attempt_is_not_told_as_the_later_ones(shop: Shop) -> None:
    house, (job, first) = shop.house, shop.failed_and_forgotten()
    resolve.retry(house.w, job.id)
    house.until(job, "failed")
    shop.open()
    assert house.w.store.deliveries.get(first.id).state == "dead"
    assert [kind for kind, _ in shop.heard].count("job.failed") == 1


def test_a_failure_that_the_log_has_no_more_is_not_told_after_success(shop: Shop) -> None:
    house, (job, first) = shop.house, shop.failed_and_forgotten()
    house.sandbox.faults()
    resolve.retry(house.w, job.id)
    house.until(job, "succeeded")
    shop.open()
    assert house.w.store.deliveries.get(first.id).state == "superseded"
    assert "job.failed" not in [kind for kind, _ in shop.heard]


def test_a_dead_delivery_of_an_end_can_be_told_again_without_its_event(shop: Shop) -> None:
    house = shop.house
    job = house.until(house.ask(), "succeeded")
    end = shop.delivery(job, "job.succeeded")
    shop.forget_events()
    house.w.store.deliveries.end("shop", [end.id], "it was closed", final=False)
    deliveries.redeliver_all(house.w, deliveries.Filter(state="dead"), dry_run=False)
    shop.open()
    assert ("job.succeeded", end.event) in shop.heard


def test_an_event_that_redis_forgot_while_it_was_told_opens_no_delivery(shop: Shop) -> None:
    """Its job ends once more as far as Redis knows, and that end is told."""
    house = shop.house
    house.lost = ["intake", "fanout"]
    job = house.until(house.ask(), "running")
    eventually(lambda: house.raw.exists(f"runhook:raw:{job.id}/1"))
    dump = _dump(house)
    house.lost = ["fanout"]
    house.later(31)
    (forgotten,) = [
        event for event in house.w.store.events.after(None, 9)[0] if event.type == "job.succeeded"
    ]
    wanted = who_wants(audience(house.w), forgotten)
    _go_back(house, dump)
    house.w.store.memory._fence = 0  # another process noticed the loss
    assert house.w.store.deliveries.open(forgotten, wanted) == 0
    house.lost = []
    house.later(120)
    house.until(job, "succeeded")
    assert [kind for kind, _ in shop.heard] == ["job.running", "job.succeeded"]
    assert {one.state for one in house.w.store.deliveries.of_job(job.id)} == {"done"}
