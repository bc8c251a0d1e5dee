"""Telling: each handler on its own, until it has heard."""

import base64
import json
from collections.abc import Callable

import pytest

from runhook import Event, Retry, Stop
from runhook.worker.delivery import telling
from runhook.worker.domain import policy
from runhook.worker.domain.handlers import CeleryTask, Handler, Registry
from runhook.worker.domain.jobs import Job
from runhook.worker.errors import InvalidRequest
from runhook.worker.flows.pump import published
from runhook.worker.store import Delivery, Hand
from runhook.worker.store.delivering import SharedEvent
from tests.claimed import hold
from tests.conftest import Build, House

Function = Callable[[Event], object]


def _house(
    build: Build,
    *functions: Function,
    types: tuple[str, ...] = ("job.succeeded",),
    **settings: object,
) -> House:
    registry = Registry()
    for function in functions:
        registry.add(Handler(name=function.__name__, types=types, model=None, target=function))
    house = build(registry, **settings)
    house.w.store.processes.publish_handlers(published(house.w))
    return house


def _delivery(house: House, job: Job) -> Delivery:
    found = house.w.store.deliveries.of_job(job.id)
    assert len(found) == 1
    return found[0]


def test_a_handler_that_raises_is_told_again_on_the_schedule(build: Build) -> None:
    heard: list[float] = []

    def publish(_: Event) -> None:
        heard.append(house.clock.now().timestamp())
        if len(heard) < 3:
            raise ConnectionError("closed")

    house = _house(build, publish, RUNHOOK_RETRY_SCHEDULE="0,10,100")
    job = house.until(house.ask(), "succeeded")
    house.later(7.9)
    assert len(heard) == 1
    house.later(4.2)
    assert len(heard) == 2
    house.later(121)
    assert len(heard) == 3
    delivery = _delivery(house, job)
    assert delivery.state == "done"
    assert [tried["outcome"] for tried in delivery.tries] == ["failed", "failed", "done"]
    assert "ConnectionError: closed" in str(delivery.tries[0]["why"])


def test_after_the_last_attempt_a_delivery_is_dead_and_keeps_its_event(build: Build) -> None:
    def publish(_: Event) -> None:
        raise ConnectionError("closed")

    house = _house(build, publish, RUNHOOK_RETRY_SCHEDULE="0,1")
    job = house.until(house.ask(), "succeeded")
    house.later(2)
    delivery = _delivery(house, job)
    assert delivery.state == "dead"
    assert len(delivery.tries) == 2
    assert house.raw.hget(f"runhook:delivery:{delivery.id}", "kept")


def test_stop_ends_a_delivery_at_once(build: Build) -> None:
    def publish(_: Event) -> None:
        raise Stop("not one of ours")

    house = _house(build, publish)
    job = house.until(house.ask(), "succeeded")
    delivery = _delivery(house, job)
    assert delivery.state == "dead"
    assert delivery.tries[0]["why"] == "not one of ours"


def test_retry_says_itself_when_it_is_told_again(build: Build) -> None:
    heard: list[str] = []

    def publish(event: Event) -> None:
        heard.append(event.id)
        if len(heard) == 1:
            raise Retry(after=42)

    house = _house(build, publish)
    house.until(house.ask(), "succeeded")
    house.later(41)
    assert len(heard) == 1
    house.later(2)
    assert len(heard) == 2
    assert heard[0] == heard[1], "the event's id is the idempotency key"


def test_one_handlers_trouble_is_no_other_handlers(build: Build) -> None:
    heard: list[str] = []

    def broken(_: Event) -> None:
        raise ValueError

    def well(event: Event) -> None:
        heard.append(event.type)

    house = _house(build, broken, well)
    house.until(house.ask(), "succeeded")
    assert heard == ["job.succeeded"]


def test_a_job_may_name_the_only_handlers_that_are_told(build: Build) -> None:
    heard: list[str] = []

    def one(_: Event) -> None:
        heard.append("one")

    def other(_: Event) -> None:
        heard.append("other")

    house = _house(build, one, other)
    house.until(house.ask(handlers=["other"]), "succeeded")
    assert heard == ["other"]
    with pytest.raises(InvalidRequest) as caught:
        house.ask(handlers=["othr"])
    assert caught.value.faults[0].nearest == "other"


def test_opening_an_event_again_opens_no_delivery_twice(build: Build) -> None:
    heard: list[str] = []

    def publish(event: Event) -> None:
        heard.append(event.id)

    house = _house(build, publish)
    house.until(house.ask(), "succeeded")
    entry = house.raw.xrevrange("runhook:events", count=1)[0][0].decode()
    house.w.store.duties.wake("fanout", entry)
    house.settle()
    assert len(heard) == 1


def test_a_handler_that_kills_its_process_every_time_ends_dead(build: Build) -> None:
    def killer(_: Event) -> None:
        raise AssertionError("is never reached: its process is gone before")

    house = _house(build, killer, RUNHOOK_RETRY_SCHEDULE="0,1,1")
    asked = house.ask()
    house.lost = ["handlers"]
    house.until(asked, "succeeded")
    delivery = _delivery(house, asked)
    for _ in range(3):
        claim = hold(house.w.store.duties, "handlers", "killer/1")
        assert claim
        assert house.w.store.delivering.take(claim)
        house.clock.advance(31)
    house.lost = []
    house.settle()
    delivery = house.w.store.deliveries.get(delivery.id)
    assert (delivery.state, delivery.begun) == ("dead", 4)


def test_a_handler_that_no_process_here_knows_keeps_its_delivery(
    build: Build, capfd: pytest.CaptureFixture[str]
) -> None:
    heard: list[str] = []

    def publish(event: Event) -> None:
        heard.append(event.id)

    house = _house(build, publish)
    handler = house.w.handlers.all()[0]
    house.w.handlers._handlers.clear()
    job = house.until(house.ask(), "succeeded")
    house.later(3600)
    assert _delivery(house, job).state == "pending"
    assert capfd.readouterr().err.count("handler.unknown") == 1, "once, and not each minute"
    house.w.handlers.add(handler)
    house.later(61)
    assert len(heard) == 1


def test_a_failure_not_yet_told_is_superseded_by_late_success(build: Build) -> None:
    heard: list[str] = []

    def publish(event: Event) -> None:
        heard.append(event.type)

    house = _house(
        build, publish, types=("job.succeeded", "job.failed"), RUNHOOK_UNCONFIRMED_AFTER=30
    )
    house.sandbox.faults({"fault": "answer_lost"}, {"fault": "callback_late", "value": 0.5})
    asked = house.ask()
    house.settle()
    house.lost = ["handlers"]
    house.later(31)
    house.until(asked, "succeeded")
    house.lost = []
    house.later(31)
    assert heard == ["job.succeeded"]
    states = sorted(d.state for d in house.w.store.deliveries.of_job(asked.id))
    assert states == ["done", "superseded"]


def test_events_nobody_wants_cost_no_task(build: Build) -> None:
    house = _house(build)
    house.ask()
    assert house.raw.zcard("runhook:due:fanout") == 0


def _with_a_task_of_another_app() -> Registry:
    registry = Registry()
    target = CeleryTask("shop.done", "shop")
    registry.add(Handler(name="shop", types=("job.succeeded",), model=None, target=target))
    return registry


def test_a_broker_that_does_not_take_an_event_is_tried_again_on_the_schedule(build: Build) -> None:
    registry = _with_a_task_of_another_app()
    house = build(
        registry,
        RUNHOOK_RETRY_SCHEDULE="0,10",
        CELERY_HANDLER_BROKER_URL="redis://127.0.0.1:1/0",
    )
    house.w.store.processes.publish_handlers(published(house.w))
    job = house.until(house.ask(), "succeeded")
    delivery = _delivery(house, job)
    assert (delivery.state, len(delivery.tries)) == ("pending", 1)
    assert "its broker did not take it" in str(delivery.tries[0]["why"])


def test_an_event_for_another_apps_task_lies_in_its_queue_in_its_spelling(build: Build) -> None:
    registry = _with_a_task_of_another_app()
    house = build(registry)
    house.w.store.processes.publish_handlers(published(house.w))
    job = house.until(house.ask(), "succeeded")
    (message,) = house.raw.lrange("shop", 0, -1)
    house.raw.delete("shop", *house.raw.keys("_kombu.*"))
    assert json.loads(message)["headers"]["task"] == "shop.done"
    (event,), _, _ = json.loads(base64.b64decode(json.loads(message)["body"]))
    assert (event["type"], event["subject"]) == ("job.succeeded", job.id)
    assert _delivery(house, job).state == "done"


def test_a_handler_is_told_in_its_own_slots_and_no_more(build: Build) -> None:
    heard: list[str] = []

    def publish(event: Event) -> None:
        heard.append(event.job.id)

    house = _house(build, publish)
    house.until(house.ask(), "succeeded")
    assert len(heard) == 1, "it is known to be quick"
    house.lost = ["handlers"]
    many = policy.TOLD_IN_A_ROW + 2
    for _ in range(many):
        house.until(house.ask(), "succeeded")
    assert house.raw.zcard("runhook:outbox:publish") == many
    assert house.raw.zrange("runhook:due:handlers", 0, -1) == [b"publish/1"]
    house.w.store.processes.beat("handlers", "machine:1", 16)
    first = hold(house.w.store.duties, "handlers", "publish/1")
    assert first
    mine = house.w.store.delivering.take(first)
    assert isinstance(mine, Hand)
    assert len(mine.taken) == policy.TOLD_IN_A_ROW, "it is quick, so it is told many in a row"
    second = hold(house.w.store.duties, "handlers", "publish/2")
    assert second, "the second slot was called because more waits"
    other = house.w.store.delivering.take(second)
    assert isinstance(other, Hand)
    assert len({one.delivery.id for one in (*mine.taken, *other.taken)}) == many
    house.lost = []
    house.later(31)
    assert len(set(heard)) == many + 1
    assert len(heard) == many + 1


def test_an_event_that_cannot_be_told_keeps_none_behind_it_waiting(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []

    def publish(event: Event) -> None:
        heard.append(event.job.id)

    house = _house(build, publish, RUNHOOK_RETRY_SCHEDULE="0,10")
    tell = telling.told

    def poisoned(shared: SharedEvent, public_url: str, submitter: telling.Submitter) -> Event:
        if shared.event.subject == first.id:
            raise ValueError("nobody foresaw \ud83d this")
        return tell(shared, public_url, submitter)

    monkeypatch.setattr(telling, "told", poisoned)
    first, second = house.ask(prompt="first"), house.ask(prompt="second")
    house.until(first, "succeeded")
    house.until(second, "succeeded")
    assert heard == [second.id]
    house.later(13)
    delivery = _delivery(house, first)
    assert (delivery.state, house.w.store.duties.parked()) == ("dead", [])
    assert "an unforeseen error: nobody foresaw" in str(delivery.tries[-1]["why"])
