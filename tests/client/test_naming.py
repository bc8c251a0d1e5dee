"""What is named on the command line by a part of its id: one or none, and several are named."""

from dataclasses import replace

import click
import pytest

from runhook.worker.cli.naming import whole_delivery, whole_id, whole_subscription
from runhook.worker.flows.pump import published
from tests.client.conftest import Shop
from tests.conftest import IMAGE

CAT = {"prompt": "a cat"}


def _delivered(shop: Shop, count: int) -> list[str]:
    for n in range(count):
        shop.ended(shop.runhook.submit(IMAGE, CAT).id)
        shop.until(lambda n=n: len(shop.heard) == n + 1)  # type: ignore[misc]
        shop.house.clock.advance(1)
    return [one.id for one in shop.runhook.deliveries()]


def test_a_delivery_is_named_by_as_much_as_no_other_begins_with(shop: Shop) -> None:
    last, first = _delivered(shop, 2)
    for whole in (first, last):
        moment = whole.removeprefix("dlv_").partition("-")[0]
        for short in (whole, f"dlv_{moment}", moment, f"{moment}-", whole[:-1], whole[:-4]):
            assert whole_delivery(shop.runhook, short) == whole, short
    with pytest.raises(click.UsageError, match=f"beginning of {last}, {first}; say more"):
        whole_delivery(shop.runhook, first[:12])


def test_too_little_of_a_jobs_id_is_refused_with_how_much_is_needed(shop: Shop) -> None:
    job = shop.runhook.submit(IMAGE, CAT)
    assert whole_id(shop.runhook, job.id[:12]) == job.id
    for text in (job.id[:9], "01a22"):
        with pytest.raises(click.UsageError, match=f"{text} is too short: say at least 6 digits"):
            whole_id(shop.runhook, text)
    assert whole_id(shop.runhook, "job_x") == "job_x"


def test_a_whole_id_is_meant_though_another_goes_on_behind_it(shop: Shop) -> None:
    (book,) = shop.house.w.handlers.all()
    shop.house.w.handlers.add(replace(book, name="bookkeeper"))
    shop.house.w.store.processes.publish_handlers(published(shop.house.w))
    shop.ended(shop.runhook.submit(IMAGE, CAT).id)
    shop.until(lambda: len(shop.heard) == 2)
    one, longer = sorted(delivery.id for delivery in shop.runhook.deliveries())
    assert longer == f"{one}keeper"
    assert whole_delivery(shop.runhook, one) == one
    assert whole_delivery(shop.runhook, longer[:-1]) == longer
    with pytest.raises(click.UsageError, match=f"{longer}"):
        whole_delivery(shop.runhook, one[:-1])


def test_what_begins_no_id_is_asked_for_as_it_stands(shop: Shop) -> None:
    _delivered(shop, 1)
    for text in ("dlv_", "12345", "dlv_999999", "book", "dlv_1700000000000-0_book", "000000", ""):
        assert whole_delivery(shop.runhook, text) == text


def test_very_many_that_begin_alike_are_not_all_read(shop: Shop) -> None:
    found = _delivered(shop, 12)
    with pytest.raises(click.UsageError, match="and others; say more of it") as refused:
        whole_delivery(shop.runhook, found[0][:10])
    assert sum(one in str(refused.value) for one in found) == 10


def test_a_subscription_is_named_by_its_beginning_and_a_handler_by_its_name(shop: Shop) -> None:
    first, second = (shop.runhook.subscribe("http://127.0.0.1:9/hook") for _ in range(2))
    assert whole_subscription(shop.runhook, second.id[:-1]) == second.id
    assert whole_subscription(shop.runhook, first.id) == first.id
    for text in ("book", "sub_", "sub_12345", "sub_ffffff", "sub_publish"):
        assert whole_subscription(shop.runhook, text) == text
    with pytest.raises(click.UsageError, match=f"beginning of {first.id}, {second.id}; say more"):
        whole_subscription(shop.runhook, first.id[:12])
