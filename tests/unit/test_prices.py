"""Prices by the catalogue's facts: exact decimals, and nothing said that the facts do not say."""

from decimal import Decimal
from typing import Any

import pytest

from runhook.worker import catalogue
from runhook.worker.catalogue import Quote
from runhook.worker.errors import InvalidRequest
from tests.bodies import valid


def _quote(endpoint: str, **changes: Any) -> Quote:
    body = valid(catalogue.find(endpoint)) | changes
    found = catalogue.check(endpoint, body, {}).quote
    assert found
    return found


@pytest.mark.parametrize(
    ("endpoint", "changes", "money"),
    [
        ("rhart-image-n-pro/text-to-image", {}, "0.4"),
        ("rhart-image-n-pro/text-to-image", {"resolution": "4k"}, "0.5"),
        ("alibaba/happyhorse-1.0/text-to-video", {"resolution": "720p", "duration": "10"}, "9.0"),
        ("alibaba/qwen-image-2.0-pro/text-to-image", {"imageNum": "3"}, "0.99"),
        ("seedream-v4.5/text-to-image", {"maxImages": 4}, "0.8"),
        ("kling-v3.0-pro/image-to-video", {"duration": "5", "sound": False}, "3.45"),
        ("rhart-audio/text-to-audio/speech-2.8-hd", {"text": "a" * 500}, None),
        ("kling-v3.0-pro/motion-control", {}, None),
        ("rhart-video/sparkvideo-2.0/text-to-video", {"duration": "-1"}, None),
    ],
)
def test_a_price_is_exact_or_not_told(
    endpoint: str, changes: dict[str, Any], money: str | None
) -> None:
    found = _quote(endpoint, **changes)
    if money is not None:
        assert (found.money, found.currency) == (Decimal(money), "CNY")
    elif found.money is not None:
        assert found.at_least  # how RunningHub rounds characters no source tells


def test_a_lowest_price_says_so() -> None:
    found = _quote("kling-v2.5-turbo-std/text-to-video")
    assert (found.money, found.at_least) == (Decimal("1.05"), True)
    assert found.text.startswith("from ")


def test_a_placeholder_is_no_price() -> None:
    assert catalogue.find("skyreels-v4/text-to-video").price is None
    assert catalogue.find("alibaba/wan-2.7/video-edit").price is None


def test_a_price_that_is_always_the_same_is_told_as_one() -> None:
    for model in catalogue.models():
        if model.price:
            low, to, rest = catalogue.price_words(model.price).partition(" to ")
            assert not to or low.split()[-1] != rest.split()[0], model.endpoint
    assert _quote("rhart-video-s/text-to-video").text == "1.0 CNY a call"


def test_every_price_has_words() -> None:
    for model in catalogue.models():
        if model.price:
            assert model.price.currency in catalogue.price_words(model.price)


def test_a_model_dearer_than_max_price_is_refused_with_its_price() -> None:
    body = valid(catalogue.find("vidu/text-to-video-q3-turbo"))
    with pytest.raises(InvalidRequest, match=r"costs .* CNY"):
        catalogue.check("vidu/text-to-video-q3-turbo", body, {"max_price": 0.01})
    catalogue.check("vidu/text-to-video-q3-turbo", body, {"max_price": "100"})


@pytest.mark.parametrize(
    "limit", ["1e400", "1e999999999", "1_0", " 100", "-1", "0", "nan", "\uff11"]
)
def test_a_max_price_is_a_plain_amount(limit: str) -> None:
    body = valid(catalogue.find("vidu/text-to-video-q3-turbo"))
    with pytest.raises(InvalidRequest, match="amount of money above 0"):
        catalogue.check("vidu/text-to-video-q3-turbo", body, {"max_price": limit})


def test_a_price_is_told_of_an_input_that_is_not_finished_yet() -> None:
    model = "vidu/text-to-video-q3-turbo"
    found = [catalogue.estimate(model, {"resolution": size}) for size in ("720p", "1080p")]
    assert [one and one.money for one in found] == [Decimal("1.35"), Decimal("1.75")]
    assert catalogue.estimate("workflow/1", {}) is None


def test_a_number_that_no_machine_holds_has_no_price() -> None:
    for model in catalogue.models():
        endless = {param.name: "9" * 5000 for param in model.params}
        catalogue.estimate(model.endpoint, endless)
    found = catalogue.estimate("vidu/text-to-video-q3-turbo", {"duration": "9" * 5000})
    assert found
    assert found.money is None
