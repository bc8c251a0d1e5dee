"""Jobs that handlers submit: the next of a pipeline, paid once however often it is told."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from runhook import Event, Retry
from runhook.worker.delivery import roster
from runhook.worker.delivery.deliveries import Filter, matching, redeliver
from runhook.worker.delivery.trigger import TriggerRequest, trigger
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.domain.jobs import Job
from runhook.worker.errors import InvalidRequest
from runhook.worker.flows.doctor import examine
from runhook.worker.flows.forget import forget
from runhook.worker.flows.pump import published
from runhook.worker.store import JobFilter
from tests.conftest import IMAGE, Build, House, eventually

VIDEO = "vidu/image-to-video-q2-pro"
Function = Callable[[Event], object]


def _house(
    build: Build, function: Function, *types: str, model: str = IMAGE, **settings: str
) -> House:
    registry = Registry()
    registry.add(
        Handler(
            name=function.__name__, types=types or ("job.succeeded",), model=model, target=function
        )
    )
    house = build(registry, RUNHOOK_RETRY_SCHEDULE="0,1,2", **settings)
    house.w.store.processes.publish_handlers(published(house.w))
    return house


def _grown(house: House, job: Job) -> list[Job]:
    page = house.w.store.listing.page(JobFilter(root=job.id), None, 99)
    return [one for one in page.jobs if one.id != job.id]


def _sweep(house: House, days: int) -> None:
    house.later(days * 86400)
    house.w.store.duties.wake("reconcile", "sweep")
    house.settle()
    for key in house.raw.scan_iter("runhook:idempotency:*"):  # Redis has its own clock
        house.raw.delete(key)


def _film(event: Event) -> None:
    event.submit(VIDEO, {"prompt": "it moves", "imageUrl": event.job.outputs[0]}, priority=7)


def test_a_handler_submits_the_next_job_with_its_output(build: Build) -> None:
    house = _house(build, _film)
    picture = house.until(house.ask(tenant="shop"), "succeeded")
    (film,) = _grown(house, picture)
    assert (film.spec.parent, film.tenant, film.spec.priority) == (picture.id, "shop", 7)
    assert film.spec.input["imageUrl"] == f"output:{picture.id}/0"
    house.until(film, "succeeded")
    assert house.sandbox.accepted() == 2


def test_told_again_it_pays_nothing_twice(build: Build) -> None:
    seen: list[str] = []

    def twice(event: Event) -> None:
        for prompt in ("one", "two"):
            job = event.submit(VIDEO, {"prompt": prompt, "imageUrl": event.job.outputs[0]})
            seen.append(job.id)
        if len(seen) < 6:
            raise Retry(after=0)

    house = _house(build, twice)
    picture = house.until(house.ask(), "succeeded")
    house.later(5)
    assert len(seen) == 6
    assert seen[:2] * 3 == seen
    assert {job.id for job in _grown(house, picture)} == set(seen)


def test_told_again_after_its_key_is_over_it_pays_nothing_twice(build: Build) -> None:
    fails = True

    def chain(event: Event) -> None:
        event.submit(IMAGE, {"prompt": "next"}, handlers=[])
        if fails:
            raise RuntimeError("not yet")

    house = _house(build, chain)
    picture = house.until(house.ask(), "succeeded")
    for _ in range(3):
        house.later(5)
    (delivery,) = house.w.store.deliveries.of_job(picture.id)
    assert delivery.state == "dead"
    (made,) = _grown(house, picture)
    house.until(made, "succeeded")
    _sweep(house, days=31)
    fails = False
    redeliver(house.w, delivery.id)
    house.settle()
    (delivery,) = house.w.store.deliveries.of_job(picture.id)
    assert f"made {made.id}, which was forgotten" in str(delivery.tries[-1]["why"])
    assert house.sandbox.accepted() == 2
    assert _grown(house, picture) == []
    forget(house.w, picture.id)
    assert not list(house.raw.scan_iter("runhook:submits:*"))


def test_a_sample_by_which_nothing_may_be_submitted_leaves_nothing_to_care_for(
    build: Build,
) -> None:
    house = _house(build, _film)
    trigger(house.w, TriggerRequest(type="job.succeeded"))
    house.settle()
    ((delivery,),) = house.w.store.deliveries.listed(None, None, None)
    for _ in range(2):
        assert delivery.state == "superseded"
        assert "is a sample, so _film submits nothing by it" in delivery.tries[-1]["why"]
        assert not [one for one in examine(house.w, {}) if "dead" in one.says]
        redeliver(house.w, delivery.id)
        house.settle()
        delivery = house.w.store.deliveries.get(delivery.id)


def test_equal_calls_of_one_delivery_are_as_many_jobs(build: Build) -> None:
    def four(event: Event) -> None:
        for _ in range(4):
            _film(event)

    house = _house(build, four)
    picture = house.until(house.ask(), "succeeded")
    assert len(_grown(house, picture)) == 4


def test_a_refused_one_ends_the_delivery_with_all_faults(build: Build) -> None:
    def wrong(event: Event) -> None:
        event.submit(VIDEO, {"imageUrl": event.job.outputs[0], "duration": 99})

    house = _house(build, wrong)
    picture = house.until(house.ask(), "succeeded")
    (delivery,) = house.w.store.deliveries.of_job(picture.id)
    assert delivery.state == "dead"
    why = str(delivery.tries[-1]["why"])
    assert "the job that it submitted was refused: " in why
    assert "input.duration" in why
    assert "input.prompt" in why


def test_one_that_the_budget_has_no_room_for_waits_for_the_next_day(build: Build) -> None:
    def more(event: Event) -> None:
        event.submit(IMAGE, {"prompt": "next"}, handlers=[])

    house = _house(build, more, RUNHOOK_BUDGET_DAY="0.50")
    picture = house.until(house.ask(), "succeeded")
    for _ in range(3):
        house.later(3600)
    (delivery,) = house.w.store.deliveries.of_job(picture.id)
    assert (delivery.state, len(delivery.tries)) == ("pending", 1)
    assert "the job that it submitted has to wait: it may cost 0.40" in str(
        delivery.tries[-1]["why"]
    )
    house.later(86400)
    (delivery,) = house.w.store.deliveries.of_job(picture.id)
    assert (delivery.state, len(delivery.tries)) == ("done", 2)
    assert len(_grown(house, picture)) == 1


def test_one_that_says_something_else_when_told_again_is_no_second_job(build: Build) -> None:
    calls: list[int] = []

    def moody(event: Event) -> None:
        calls.append(1)
        _ = event.submit(IMAGE + "", {"prompt": f"call {len(calls)}"}, handlers=[])
        raise Retry(after=0)

    house = _house(build, moody, model="rhart-*")
    picture = house.until(house.ask(handlers=["moody"]), "succeeded")
    house.later(5)
    (delivery,) = house.w.store.deliveries.of_job(picture.id)
    assert delivery.state == "dead"
    assert "was used for another request" in str(delivery.tries[-1]["why"])
    assert len(_grown(house, picture)) == 1


def test_it_sees_and_makes_jobs_of_its_events_tenant_alone(build: Build) -> None:
    refused: list[InvalidRequest] = []

    def sly(event: Event) -> None:
        for given, more in (
            ({"prompt": "a", "imageUrl": f"output:{theirs.id}/0"}, {}),
            ({"prompt": "a", "imageUrl": event.job.outputs[0]}, {"tenant": "other"}),
        ):
            try:
                event.submit(VIDEO, given, **more)
            except InvalidRequest as invalid:
                refused.append(invalid)

    house = _house(build, sly)
    theirs = house.until(house.ask(tenant="other", handlers=[]), "succeeded")
    house.until(house.ask(tenant="shop"), "succeeded")
    assert [fault.path for one in refused for fault in one.faults] == ["input.imageUrl", "tenant"]


def test_an_output_of_another_event_is_named_and_not_handed_on(build: Build) -> None:
    kept: list[Any] = []

    def mixes(event: Event) -> None:
        kept.append(event.job.outputs[0])
        if len(kept) == 2:
            event.submit(VIDEO, {"prompt": "a", "imageUrl": kept[0]})

    house = _house(build, mixes)
    house.until(house.ask(), "succeeded")
    second = house.until(house.ask(prompt="a dog"), "succeeded")
    (delivery,) = house.w.store.deliveries.of_job(second.id)
    assert "is no output of the event's job" in str(delivery.tries[-1]["why"])


def test_a_handler_that_answers_each_success_comes_to_an_end(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runhook.worker.domain.policy.DEEPEST_TREE", 3)

    def again(event: Event) -> None:
        event.submit(IMAGE, {"prompt": "again"})

    house = _house(build, again)
    picture = house.ask()

    def grown() -> int:
        house.settle()
        return len(_grown(house, picture))

    # Each success is told by a callback, which comes in its own time.
    eventually(lambda: grown() == 3)
    for _ in range(20):
        house.until(picture, "succeeded")
    assert grown() == 3


def test_the_end_of_a_group_makes_a_sheet_of_its_pictures(build: Build) -> None:
    def sheet(event: Event) -> None:
        pictures = [f"output:{job}/0" for job in event.data["succeeded"]]
        given = {"prompt": "a contact sheet", "imageUrls": pictures}
        event.submit("rhart-image-n-pro/edit", given, metadata={"group": event.data["group"]})

    house = _house(build, sheet, "group.ended")
    pictures = [house.ask(group="four", group_size=4, tenant="shop") for _ in range(4)]
    for picture in pictures:
        house.until(picture, "succeeded")
    (made,) = _grown(house, pictures[0])
    assert made.tenant == "shop"
    assert made.spec.upstream == tuple(picture.id for picture in pictures)
    house.until(made, "succeeded")


def test_the_end_of_a_group_told_again_after_its_keys_are_over_pays_nothing_twice(
    build: Build,
) -> None:
    fails = True

    def sheet(event: Event) -> None:
        event.submit(IMAGE, {"prompt": "a contact sheet"})
        if fails:
            raise RuntimeError("not yet")

    house = _house(build, sheet, "group.ended")
    house.until(house.ask(group="one", group_size=1), "succeeded")
    for _ in range(3):
        house.later(5)
    (delivery,) = matching(house.w, Filter(handler="sheet"))
    assert (delivery.state, delivery.job) == ("dead", None)
    for made in house.w.store.listing.page(JobFilter(), None, 9).jobs:
        house.until(made, "succeeded")
    _sweep(house, days=31)
    fails = False
    redeliver(house.w, delivery.id)
    house.settle()
    (delivery,) = matching(house.w, Filter(handler="sheet"))
    assert "which was forgotten" in str(delivery.tries[-1]["why"])
    assert house.sandbox.accepted() == 2
    # It is kept until its handler is given up, and what it submitted is known as long.
    house.clock.advance(2 * 86400)
    roster.end(house.w, "sheet")
    _sweep(house, days=31)
    assert not list(house.raw.scan_iter("runhook:delivery:*"))
    assert not list(house.raw.scan_iter("runhook:submits:*"))


def test_an_event_that_nobody_tells_submits_nothing() -> None:
    event = Event(id="evt_1-0", type="job.succeeded", time=datetime.now(UTC), job=None)
    with pytest.raises(RuntimeError, match="only an event that a worker tells"):
        event.submit(IMAGE, {"prompt": "a"})
