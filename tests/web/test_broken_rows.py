"""Whatever a row in Redis was changed into, no call that reads it falls over."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Build

READING = (
    "/v1/jobs",
    "/v1/jobs/{job}",
    "/v1/jobs/{job}/timeline",
    "/v1/handlers",
    "/v1/subscriptions",
    "/v1/deliveries",
    "/v1/events",
)


@pytest.mark.parametrize(
    "row",
    [b"[" * 3000 + b"]" * 3000, b'{"v":' + b"9" * 6000 + b"}", b"9" * 21, b"nan", b"\xff\xfe"],
    ids=["deep", "a number without end", "a far moment", "no number", "no text"],
)
def test_no_broken_row_makes_a_reading_call_fall_over(build: Build, row: bytes) -> None:
    house = build(RUNHOOK_ALLOW_PRIVATE_URLS="true")
    client = house.app.test_client()
    client.post("/v1/subscriptions", json={"url": "http://127.0.0.1:9/hook"})
    job = house.ask(prompt="a cat")
    house.settle()
    fallen = []
    for key in sorted(house.raw.scan_iter("*")):
        saved, lives = house.raw.dump(key), max(0, house.raw.pttl(key))
        if saved is None:
            continue  # it has ended meanwhile
        for field in _broken(house.raw, key, row):
            paths = [path.format(job=job.id) for path in READING]
            fallen += [(key, field, p) for p in paths if client.get(p).status_code == 500]
        house.raw.restore(key, lives, saved, replace=True)
    assert fallen == []


def _broken(raw: Any, key: bytes, row: bytes) -> Iterator[bytes | None]:
    """A key broken in one place after another, the others as they were."""
    kind = raw.type(key)
    if kind == b"hash":
        for field, value in raw.hgetall(key).items():
            raw.hset(key, field, row)
            yield field
            raw.hset(key, field, value)
    elif kind == b"string":
        raw.set(key, row)
        yield None
    elif kind == b"stream":
        last, fields = raw.xrevrange(key, count=1)[0]
        for field in fields:
            raw.delete(key)
            raw.xadd(key, fields | {field: row}, id=last)
            yield field
