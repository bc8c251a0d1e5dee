"""Places: so many of a kind, so many of a caller."""

import pytest
from werkzeug.exceptions import ServiceUnavailable

from webhook.limits import Each


def test_who_takes_all_of_his_places_keeps_nobody_else_out() -> None:
    places = Each(2, "bodies of yours are being read here")
    with places.of("shop"), places.of("shop"):
        with pytest.raises(ServiceUnavailable, match=r"2 bodies of yours .* Nothing"):
            places.of("shop").__enter__()
        with places.of("lab"):
            pass
    with places.of("shop"):
        pass


def test_whoever_has_left_is_not_remembered() -> None:
    places = Each(2, "bodies")
    for number in range(1000):
        with places.of(f"/callbacks/{number}"):
            pass
    assert not places._taken
