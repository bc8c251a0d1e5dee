"""Where a worker knows who listens, the change that ends a job opens its deliveries itself."""

import json
from typing import Any

import pytest

from runhook import Event
from runhook.worker.domain import policy
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.domain.jobs import Job
from runhook.worker.flows.pump import published
from runhook.worker.store.audience import KEPT
from tests.conftest import Build, House


class Shop:
    """A house that knows who listens, and whose fan-out is at a standstill from then on."""

    def __init__(self, build: Build, *names: str) -> None:
        self.heard: list[tuple[str, str]] = []
        self.registry = Registry()
        for name in names:
            self.registry.add(self._handler(name))
        self.house: House = build(self.registry)
        self.publish()
        self.house.until(self.house.ask(), "succeeded")
        self.heard.clear()
        self.house.lost = ["fanout"]

    def _handler(self, name: str) -> Handler:
        def hear(event: Event) -> None:
            self.heard.append((name, event.job.id))

        return Handler(name=name, types=("job.succeeded",), model=None, target=hear)

    def add(self, name: str) -> None:
        """One more handler."""
        self.registry.add(self._handler(name))
        self.publish()

    def publish(self) -> None:
        """As a process of handlers does when it starts."""
        self.house.w.store.processes.publish_handlers(published(self.house.w))

    def ended(self, **more: Any) -> Job:
        """A job that succeeded."""
        return self.house.until(self.house.ask(**more), "succeeded")

    def deliveries(self, job: Job) -> list[str]:
        """Who was told of a job, or is to be."""
        return sorted(one.handler for one in self.house.w.store.deliveries.of_job(job.id))

    def fan_out(self) -> None:
        """The fan-out goes on."""
        self.house.lost = []
        self.house.later(60)


def test_everybody_who_wants_it_is_told_without_the_fan_out(build: Build) -> None:
    shop = Shop(build, "notify", "invoice")
    job = shop.ended()
    assert sorted(shop.heard) == [("invoice", job.id), ("notify", job.id)]
    assert shop.house.raw.zcard("runhook:due:fanout") == 0
    shop.fan_out()
    assert len(shop.heard) == 2


def test_only_those_whom_the_job_names_are_told(build: Build) -> None:
    shop = Shop(build, "notify", "invoice")
    job = shop.ended(handlers=["invoice"])
    assert shop.heard == [("invoice", job.id)]
    assert shop.deliveries(job) == ["invoice"]


def test_with_nobody_who_wants_it_nothing_is_left_to_do(build: Build) -> None:
    shop = Shop(build)
    job = shop.ended()
    assert shop.deliveries(job) == []
    assert shop.house.raw.zcard("runhook:due:fanout") == 0


def test_whoever_came_meanwhile_is_told_too(build: Build) -> None:
    shop = Shop(build, "notify")
    shop.add("invoice")
    job = shop.ended()
    assert shop.deliveries(job) == []  # what this worker knew is not so any more
    shop.fan_out()
    assert sorted(shop.heard) == [("invoice", job.id), ("notify", job.id)]


def test_what_was_known_long_ago_is_not_relied_on(build: Build) -> None:
    shop = Shop(build, "notify")
    shop.house.clock.advance(KEPT.total_seconds())
    job = shop.ended()
    assert shop.deliveries(job) == []
    shop.fan_out()
    assert shop.heard == [("notify", job.id)]


def test_more_than_one_script_should_open_are_left_to_the_fan_out(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(build, "notify", "invoice")
    monkeypatch.setattr(policy, "OPENED_AT_ONCE", 1)
    job = shop.ended()
    assert shop.deliveries(job) == []
    shop.fan_out()
    assert sorted(shop.heard) == [("invoice", job.id), ("notify", job.id)]


def test_one_whose_record_cannot_be_read_is_left_to_the_fan_out_with_all_others(
    build: Build,
) -> None:
    shop = Shop(build, "notify")
    shop.house.raw.hset("runhook:handlers", "newer", '{"v": 99, "needs": 99}')
    shop.house.lost = []
    shop.house.until(shop.house.ask(), "succeeded")  # now this worker knows of it
    shop.house.lost = ["fanout"]
    job = shop.ended()
    assert shop.deliveries(job) == []
    shop.fan_out()
    assert ("notify", job.id) in shop.heard
    assert shop.house.w.store.deliveries.missed("newer") == 2


def test_a_receiver_whose_lists_are_broken_keeps_no_other_from_hearing(build: Build) -> None:
    shop = Shop(build, "broken", "notify")
    shop.house.lost = []
    shop.house.raw.delete("runhook:outbox:broken")
    shop.house.raw.set("runhook:outbox:broken", "of another type")
    job = shop.ended()
    shop.house.later(60)
    shop.house.raw.delete("runhook:outbox:broken")  # somebody mended it
    for _ in range(10):
        shop.house.later(60)
    assert ("notify", job.id) in shop.heard
    assert shop.deliveries(job) == ["broken", "notify"]


def test_a_receiver_whose_filter_cannot_be_judged_holds_up_no_paid_answer(build: Build) -> None:
    shop = Shop(build, "notify")
    row = json.loads(shop.house.raw.hget("runhook:handlers", "notify"))
    broken = json.dumps(row | {"model": 5})
    shop.house.raw.hset("runhook:handlers", "broken", broken)
    shop.house.lost = []
    shop.house.until(shop.house.ask(), "succeeded")  # now this worker knows of it
    assert shop.ended().attempt.ref
    for lane in ("send", "intake", "reconcile"):
        assert not shop.house.raw.exists(f"runhook:failures:{lane}")
