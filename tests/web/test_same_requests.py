"""When two bodies under one idempotency key are the same request: where their JSON is."""

import pytest
from flask.testing import FlaskClient

from tests.conftest import IMAGE, House


@pytest.fixture
def client(house: House) -> FlaskClient:
    """A client on this machine."""
    return house.app.test_client()


def _is_same(client: FlaskClient, key: str, first: bytes, second: bytes) -> bool:
    """Whether a second body means the first one's job under a key."""
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    made = client.post("/v1/jobs", data=first, headers=headers)
    again = client.post("/v1/jobs", data=second, headers=headers)
    assert (made.status_code, again.status_code) in ((202, 200), (202, 409))
    return again.status_code == 200


def _body(metadata: str) -> bytes:
    return (
        f'{{"model": "{IMAGE}", "input": {{"prompt": "a cat"}}, "metadata": {metadata}}}'.encode()
    )


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ('{"a": 1, "b": 2}', '{ "b":2,"a" :1 }', True),
        ('{"a": 1}', '{"a": 1.0}', True),
        ('{"a": [1, {"b": 0}]}', '{"a": [1e0, {"b": -0.0}]}', True),
        ('{"a": 9007199254740992}', '{"a": 9007199254740992.0}', True),
        ('{"a": 9007199254740992}', '{"a": 9007199254740993}', False),
        ('{"a": 0.5}', '{"a": 5e-1}', True),
        ('{"a": 1.5}', '{"a": 1.25}', False),
        ('{"a": 1e300}', '{"a": 10e299}', True),
        ('{"a": "\\u00e4\\/"}', '{"a": "ä/"}', True),
        ('{"a": "e\\u0301"}', '{"a": "\\u00e9"}', False),
        ('{"a": 1}', '{"a": "1"}', False),
        ('{"a": 1}', '{"a": true}', False),
        ('{"a": 0}', '{"a": false}', False),
        ('{"a": null}', "{}", False),
        ('{"a": [1, 2]}', '{"a": [2, 1]}', False),
    ],
)
def test_two_bodies_are_the_same_where_their_json_is(
    client: FlaskClient, first: str, second: str, same: bool
) -> None:
    assert _is_same(client, "k", _body(first), _body(second)) is same
    assert _is_same(client, "l", _body(second), _body(first)) is same
