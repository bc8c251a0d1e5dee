"""Files, models, prices, the account, and who was told."""

import io
import os
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from PIL import Image

from runhook import Conflict, InvalidRequest, NotFound
from tests.client.conftest import Shop
from tests.conftest import IMAGE

IMAGE_TO_VIDEO = "vidu/image-to-video-q2-pro"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A file of a user's."""
    path = tmp_path / "cat.png"
    Image.new("RGB", (640, 480), "red").save(path)
    return path


def test_a_file_is_kept_however_it_is_given_and_names_itself_in_a_job(
    shop: Shop, picture: Path
) -> None:
    asset = shop.runhook.upload(picture)
    assert (asset.name, asset.kind, asset.width) == ("cat.png", "image", 640)
    assert asset.size == picture.stat().st_size
    assert str(asset) == f"asset:{asset.id}"
    with picture.open("rb") as file:
        assert shop.runhook.upload(file).id == asset.id
        assert not file.closed, "who opened it closes it"
    content = io.BytesIO(b"junk" + picture.read_bytes())
    content.seek(4)
    assert shop.runhook.upload(content, name="other.png").id == asset.id
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(picture.read_bytes())
    with os.fdopen(reading, "rb") as pipe:
        assert shop.runhook.upload(pipe).id == asset.id
    given = {"prompt": "the tide", "imageUrl": asset, "duration": "5"}
    job = shop.runhook.submit(IMAGE_TO_VIDEO, given)
    assert job.input["imageUrl"] == str(asset)


def test_an_empty_file_is_refused_and_a_missing_one_is_pythons_own_error(shop: Shop) -> None:
    with pytest.raises(InvalidRequest, match="is empty"):
        shop.runhook.upload(io.BytesIO())
    with pytest.raises(FileNotFoundError):
        shop.runhook.upload("nowhere.png")


def test_a_path_in_a_job_is_no_file_and_says_what_to_do(shop: Shop, picture: Path) -> None:
    with pytest.raises(TypeError, match="upload"):
        shop.runhook.submit(IMAGE_TO_VIDEO, {"imageUrl": picture})
    with pytest.raises(TypeError, match="no object"):
        shop.runhook.submit(IMAGE, {"prompt": object()})
    with pytest.raises(InvalidRequest, match=r"input\.prompt: is nan"):
        shop.runhook.submit(IMAGE, {"prompt": float("nan")})


def test_a_price_is_told_before_and_nothing_is_kept(shop: Shop) -> None:
    shop.house.sandbox.faults({"fault": "price", "value": 0.31})
    checked = shop.runhook.price(IMAGE, {"prompt": "a cat"}, options={"max_price": Decimal("9.5")})
    assert checked.model == IMAGE
    assert checked.live_price is not None
    assert checked.money == checked.live_price.money == Decimal("0.31")
    assert checked.price is not None
    assert checked.price.text
    with pytest.raises(InvalidRequest, match="prompt: is required"):
        shop.runhook.price(IMAGE, {})
    assert list(shop.runhook.jobs()) == []


def test_what_a_job_may_cost_with_its_fallback_is_told_before(shop: Shop) -> None:
    (sibling,) = shop.runhook.model(IMAGE).siblings
    options = {"fallback": [sibling["endpoint"]]}
    checked = shop.runhook.price(IMAGE, {"prompt": "a cat"}, options=options)
    (other,) = checked.fallback
    assert other.model == sibling["endpoint"]
    assert checked.price_range is not None
    assert checked.price is not None
    assert other.price is not None
    prices = {checked.price.money, other.price.money}
    assert checked.price_range.low == min(price for price in prices if price)
    assert checked.price_range.high == sum(price for price in prices if price)


def test_models_are_found_by_words_and_by_name(shop: Shop) -> None:
    found = shop.runhook.models("vidu text")
    assert {model.output for model in found} == {"video"}
    model = shop.runhook.model(IMAGE_TO_VIDEO)
    assert model.endpoint == IMAGE_TO_VIDEO
    prompt = next(param for param in model.params if param.name == "prompt")
    assert prompt.type == "string"
    assert model.price is not None
    assert shop.runhook.model(model.name).endpoint == IMAGE_TO_VIDEO
    assert {"prompt", "imageUrl"} <= set(shop.runhook.input_schema(model.name)["properties"])
    with pytest.raises(NotFound) as caught:
        shop.runhook.model("vidu/image-to-video-q2-prp")
    assert IMAGE_TO_VIDEO in caught.value.nearest
    for name in ("../account", "", "a//b"):
        with pytest.raises(NotFound):
            shop.runhook.model(name)


def test_the_account_is_told_as_runninghub_has_it(shop: Shop) -> None:
    account = shop.runhook.account()
    assert account.in_flight == 0
    assert account.limit == 50
    assert isinstance(account.coins, Decimal)
    assert account.budgets == (), "none is set here"


def test_what_days_cost_is_told_by_what_is_asked_for(shop: Shop) -> None:
    job = shop.runhook.submit(IMAGE, {"prompt": "a cat"}, tenant="shop-7")
    shop.ended(job.id)
    costs = shop.runhook.costs(["model", "tenant"], since="2d")
    (found,) = costs.items
    assert dict(found.group) == {"model": IMAGE, "tenant": "shop-7"}
    cost = shop.runhook.get(job.id).cost
    assert cost is not None
    assert (found.money or Decimal(0), found.jobs, found.attempts) == (cost.money or 0, 1, 1)
    assert costs.totals[0].money == found.money
    assert shop.runhook.costs(tenant="another").items == ()
    with pytest.raises(InvalidRequest, match="by: must be some of"):
        shop.runhook.costs("colour")


def test_who_was_told_is_listed_and_told_again(shop: Shop) -> None:
    shop.closed = True
    job = shop.runhook.submit(IMAGE, {"prompt": "a cat"})
    shop.ended(job.id)
    shop.until(lambda: list(shop.runhook.deliveries(state="dead")))
    (dead,) = shop.runhook.deliveries(job=job, handler="book")
    assert (dead.state, dead.type, dead.job) == ("dead", "job.succeeded", job.id)
    assert "closed" in str(dead.why)
    assert [attempt["outcome"] for attempt in dead.attempts] == ["failed"]
    shop.closed = False
    assert shop.runhook.redeliver(dead).state == "pending"
    shop.until(lambda: shop.heard == [job.id])
    with pytest.raises(NotFound):
        shop.runhook.redeliver("dlv_1-0_book")
    with pytest.raises(InvalidRequest):
        list(shop.runhook.deliveries(state="deaf"))


def test_what_is_missing_of_a_period_is_counted_and_made_good(shop: Shop) -> None:
    shop.closed = True
    job = shop.runhook.submit(IMAGE, {"prompt": "a cat"})
    shop.ended(job.id)
    shop.until(lambda: list(shop.runhook.deliveries(state="dead")))
    shop.closed = False
    shop.house.clock.advance(60)
    since = shop.house.clock.now() - timedelta(hours=1)
    counted = shop.runhook.recover(since, dry_run=True)
    assert (counted.redelivered, counted.dry_run) == (1, True)
    assert counted.handlers["book"]["redelivered"] == 1
    assert shop.heard == []
    assert shop.runhook.recover("2h").redelivered == 1
    shop.until(lambda: shop.heard == [job.id])
    with pytest.raises(InvalidRequest, match="since"):
        shop.runhook.recover("whenever")


def test_a_conflict_is_told_in_the_same_words_on_each_way(shop: Shop) -> None:
    job = shop.runhook.submit(IMAGE, {"prompt": "a cat"})
    with pytest.raises(Conflict) as caught:
        shop.runhook.retry(job)
    assert caught.value.detail == (
        f"{job.id} is queued; only failed and cancelled jobs are retried. "
        "This request changed nothing and cost nothing."
    )
