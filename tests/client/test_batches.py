"""Many jobs at once, each judged by itself."""

from decimal import Decimal

import pytest

from runhook import Conflict, InvalidRequest
from tests.client.conftest import Shop
from tests.conftest import IMAGE


def _ask(number: int) -> dict[str, object]:
    return {"model": IMAGE, "input": {"prompt": f"picture {number}"}, "metadata": {"n": number}}


def test_each_line_is_answered_with_its_job_or_its_error_in_order(shop: Shop) -> None:
    lines = list(shop.runhook.batch([_ask(0), {"model": "vidu/nope"}, _ask(2)]))
    assert [line.line for line in lines] == [1, 2, 3]
    first, wrong, last = lines
    assert first.job is not None
    assert last.job is not None
    assert (first.job.metadata, last.job.metadata) == ({"n": 0}, {"n": 2})
    assert wrong.job is None
    assert isinstance(wrong.error, InvalidRequest)
    assert wrong.error.errors[0].path == "model"
    assert [job.id for job in shop.runhook.jobs()] == [last.job.id, first.job.id]


def test_a_batch_under_the_same_key_makes_no_job_twice(shop: Shop) -> None:
    jobs = [_ask(0), _ask(1), _ask(1) | {"key": "own"}]
    first = [line.job for line in shop.runhook.batch(jobs, key="tuesday")]
    again = [line.job for line in shop.runhook.batch(jobs, key="tuesday")]
    assert [job and job.id for job in first] == [job and job.id for job in again]
    assert len(list(shop.runhook.jobs())) == 3
    assert len(list(shop.runhook.batch(jobs))) == 3
    assert len(list(shop.runhook.jobs())) == 5, "a batch without a key is another one"
    (line,) = shop.runhook.batch([_ask(7) | {"key": "own"}])
    assert isinstance(line.error, Conflict)


def test_a_line_that_no_json_can_say_leaves_nothing_behind(shop: Shop) -> None:
    with pytest.raises(TypeError, match="no object"):
        list(shop.runhook.batch([_ask(0), {"model": IMAGE, "input": {"prompt": object()}}]))
    assert list(shop.runhook.jobs()) == []


def test_a_dry_run_keeps_nothing_and_tells_each_price(shop: Shop) -> None:
    fine, wrong = shop.runhook.batch([_ask(0), {"model": IMAGE, "input": {}}], dry_run=True)
    assert fine.checked is not None
    assert fine.checked.input["prompt"] == "picture 0"
    assert isinstance(fine.checked.money, Decimal)
    assert isinstance(wrong.error, InvalidRequest)
    assert list(shop.runhook.jobs()) == []


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_line_has_the_name_that_it_calls_itself(shop: Shop, dry_run: bool) -> None:
    jobs: list[dict[str, object]] = [
        _ask(0) | {"as": "pic"},
        {"model": "vidu/nope", "as": "film"},
        _ask(2),
    ]
    lines = list(shop.runhook.batch(jobs, dry_run=dry_run))
    assert [line.name for line in lines] == ["pic", "film", None]


def test_a_batch_of_nothing_asks_for_nothing(shop: Shop) -> None:
    assert list(shop.runhook.batch([])) == []


@pytest.mark.parametrize("key", ["", "k" * 256, "two\nlines", "日本"])
def test_a_key_that_cannot_be_one_is_refused_before_anything_is_sent(shop: Shop, key: str) -> None:
    with pytest.raises(InvalidRequest, match="key: must be"):
        list(shop.runhook.batch([_ask(0)], key=key))
    with pytest.raises(InvalidRequest, match="key: must be"):
        shop.runhook.submit(IMAGE, {"prompt": "a cat"}, key=key)
