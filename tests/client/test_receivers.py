"""Handlers, subscriptions, the event log and the queue, the same in process and over HTTP."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from runhook import Conflict, InvalidRequest, NotFound, ProviderRefused
from tests.client.conftest import Shop
from tests.conftest import IMAGE, eventually

CAT = {"prompt": "a cat"}
NOWHERE = "http://127.0.0.1:9/hook"  # nobody listens there


def test_a_subscription_is_made_changed_tried_and_removed(shop: Shop) -> None:
    made = shop.runhook.subscribe(NOWHERE, events=["job.failed"])
    assert made.secret is not None
    assert made.secret.startswith("whsec_")
    assert made.secret not in repr(made)
    assert [one.id for one in shop.runhook.subscriptions()] == [made.id]
    changed = shop.runhook.change_subscription(made.id, enabled=False, models=["vidu/*"])
    assert (changed.enabled, changed.models, changed.secret) == (False, ("vidu/*",), None)
    rotated = shop.runhook.rotate_secret(made.id, overlap=0)
    assert rotated.secret not in (None, made.secret)
    tried = shop.runhook.try_subscription(made.id, "job.failed")
    assert (tried.delivered, tried.type) == (False, "job.failed")
    assert tried.why
    shop.runhook.unsubscribe(made.id)
    with pytest.raises(NotFound):
        shop.runhook.subscription(made.id)
    with pytest.raises(InvalidRequest, match=r"job\.succeeded"):
        shop.runhook.subscribe(NOWHERE, events=["job.succeded"])


def test_whatever_has_a_name_or_id_stands_for_it_and_nothing_else_does(shop: Shop) -> None:
    rh = shop.runhook
    made = rh.subscribe(NOWHERE)
    assert rh.subscription(made) == rh.subscription(made.id)
    assert rh.change_subscription(made, enabled=False).enabled is False
    assert rh.rotate_secret(made).secret != made.secret
    assert not rh.try_subscription(made).delivered
    assert list(rh.deliveries(handler=made)) == []
    assert rh.redeliver_all(handler=made, dry_run=True).redelivered == 0
    rh.unsubscribe(made)
    (book,) = rh.handlers()
    with pytest.raises(Conflict):
        rh.end_handler(book)
    job = rh.submit(rh.model(IMAGE), CAT, handlers=[book], group="four")
    group = rh.group("four")
    assert rh.group(group) == group
    assert [one.id for one in rh.jobs(group=group, root=job)] == [job.id]
    calls: tuple[Callable[[Any], object], ...] = (
        rh.unsubscribe,
        rh.end_handler,
        rh.group,
        rh.get,
        rh.model,
        rh.redeliver,
        rh.app,
    )
    for call in calls:
        for nothing in (12, None, (), rh.queue()):
            with pytest.raises(InvalidRequest, match="a name or id is a string"):
                call(nothing)


def test_handlers_are_listed_and_one_that_lives_is_not_ended(shop: Shop) -> None:
    (book,) = shop.runhook.handlers()
    assert (book.name, book.alive, book.events) == ("book", True, ("job.succeeded",))
    with pytest.raises(Conflict):
        shop.runhook.end_handler("book")
    with pytest.raises(NotFound):
        shop.runhook.end_handler("nobody")


def test_deliveries_are_shown_and_delivered_again_by_a_filter(shop: Shop) -> None:
    job = shop.runhook.submit(IMAGE, CAT)
    shop.ended(job.id)
    shop.until(lambda: shop.heard)
    (one,) = shop.runhook.deliveries(job=job)
    assert shop.runhook.delivery(one.id).document["attempts"] == one.document["attempts"]
    counted = shop.runhook.redeliver_all(state="done", job=job, dry_run=True)
    assert (counted.redelivered, counted.dry_run) == (1, True)
    assert shop.runhook.redeliver_all(state="done", handler="book").redelivered == 1
    shop.until(lambda: len(shop.heard) == 2)


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ({"types": "foo"}, "types"),
        ({"types": ["job.queued", "job.succeded"]}, "types"),
        ({"after": "abc"}, "after"),
        ({"after": "evt_1-0", "since": "1h"}, "since"),
    ],
)
def test_events_that_there_cannot_be_are_refused_and_not_waited_for(
    shop: Shop, wanted: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        next(shop.runhook.events(**wanted))
    assert [fault.path for fault in refused.value.errors] == [path]


def test_events_are_heard_from_a_moment_on_and_as_they_happen(
    shop: Shop, elsewhere: ThreadPoolExecutor
) -> None:
    first = shop.runhook.submit(IMAGE, CAT)
    heard: list[str] = []

    def hear() -> None:
        events = itertools.islice(shop.runhook.events("job.queued", since="1h"), 2)
        heard.extend(event["subject"] for event in events)

    hearing = elsewhere.submit(hear)
    eventually(lambda: heard == [first.id])
    second = shop.runhook.submit(IMAGE, CAT)
    hearing.result(timeout=10)
    assert heard == [first.id, second.id]
    assert shop.runhook.listening_secret() == shop.runhook.listening_secret()


def test_a_sample_goes_the_way_of_every_event_and_pays_for_nothing(shop: Shop) -> None:
    sent = shop.runhook.trigger("job.succeeded")
    assert sent.receivers == ("book",)
    shop.until(lambda: shop.heard == [sent.subject])
    (delivery,) = shop.runhook.deliveries(handler="book")
    assert (delivery.state, delivery.job) == ("done", None)
    assert list(shop.runhook.jobs()) == []
    assert shop.runhook.trigger("job.failed").receivers == ()
    with pytest.raises(InvalidRequest):
        shop.runhook.trigger("job.succeded")
    with pytest.raises(NotFound):
        shop.runhook.trigger("job.succeeded", model="vidu/none")


def test_the_queue_is_stopped_and_let_go_on(shop: Shop) -> None:
    assert shop.runhook.pause().paused
    assert shop.runhook.queue().document["paused"]
    assert not shop.runhook.resume().paused


def test_jobs_come_in_pages_that_say_where_the_next_begins(shop: Shop) -> None:
    made = [shop.runhook.submit(IMAGE, CAT).id for _ in range(3)]
    first = shop.runhook.jobs_page(limit=2)
    rest = shop.runhook.jobs_page(limit=2, cursor=first.next)
    assert [job.id for job in (*first.items, *rest.items)] == made[::-1]
    assert (len(first.items), rest.next) == (2, None)


def test_workflows_apps_styles_and_loras_are_asked_of_runninghub(
    shop: Shop, tmp_path: Path
) -> None:
    assert shop.runhook.workflow("12")["6"]["class_type"] == "CLIPTextEncode"
    assert "6.text" in [one["key"] for one in shop.runhook.app("12")["fields"]]
    assert isinstance(shop.runhook.app("12")["fields"], list)
    (ink, *_) = shop.runhook.styles("12")
    assert (ink["key"], type(ink["loras"])) == ("ink-01", list)
    with pytest.raises(ProviderRefused):
        shop.runhook.app("1404")
    file = tmp_path / "ink.safetensors"
    file.write_bytes(b"weights" * 1000)
    assert shop.runhook.lora(file).endswith(".safetensors")


def test_a_job_says_what_each_attempt_may_cost_and_how_long_such_jobs_take(shop: Shop) -> None:
    job = shop.runhook.submit(IMAGE, CAT)
    assert job.document["price"] == {"money": "0.4", "currency": "CNY"}
    assert [bill["bill"] for bill in job.document["bills"]] == ["not sent"]
