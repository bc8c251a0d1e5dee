"""What lists are narrowed by has an end: a word longer than any name is refused, and named."""

import pytest

from tests.conftest import House, web_app

LONG = "v" * 301  # longer than any model's name, and than any receiver's


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/jobs", "model"),
        ("/v1/models", "q"),
        ("/v1/costs", "model"),
        ("/v1/deliveries", "handler"),
        ("/jobs", "model"),
        ("/new", "q"),
        ("/costs", "model"),
        ("/deliveries", "handler"),
    ],
)
def test_a_word_that_no_name_is_so_long_as_is_refused_by_name(
    house: House, path: str, name: str
) -> None:
    client = web_app(house.w).test_client()
    answer = client.get(path, query_string={name: LONG})
    assert answer.status_code == 422
    assert name in answer.text
    assert "must have at most" in answer.text.lower()
    assert client.get(path, query_string={name: "vidu/*"[:100]}).status_code == 200


@pytest.mark.parametrize("path", ["/v1/deliveries/redeliver", "/v1/recover"])
def test_a_body_names_no_receiver_so_long_as_that(house: House, path: str) -> None:
    client = web_app(house.w).test_client()
    answer = client.post(path, json={"handler": LONG, "since": "2h"})
    assert [one["path"] for one in answer.get_json()["errors"]] == ["handler"]
