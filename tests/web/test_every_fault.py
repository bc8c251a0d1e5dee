"""Query, headers and body are judged together: who mends what is named has mended all of it."""

from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from tests.conftest import IMAGE, SHOP, Build, House

KEY = {"Idempotency-Key": "k" * 1000}
FORM: Any = {"content_type": "multipart/form-data"}


@pytest.mark.parametrize(
    ("call", "more", "paths"),
    [
        ("POST /v1/jobs?dryrun=1", {"json": {"modl": IMAGE}}, {"dryrun", "modl", "model"}),
        (
            "POST /v1/jobs?x=1",
            {"json": {"model": IMAGE, "input": {"promt": "a"}}, "headers": KEY},
            {"x", "Idempotency-Key", "input.prompt", "input.promt"},
        ),
        ("POST /v1/jobs?x=1", {"data": b"no JSON", "headers": KEY}, {"x", "Idempotency-Key"}),
        ("GET /v1/costs?by=dya&x=1", {}, {"x", "by"}),
        ("POST /v1/jobs/batch?x=1", {"data": b"{}", "headers": KEY}, {"x", "Idempotency-Key"}),
        ("POST /v1/jobs/job_1/retry?x=1", {"json": {"dry_run": True}}, {"x", "dry_run"}),
        ("POST /v1/jobs/job_1/cancel?x=1", {"json": {"tree": 1}}, {"x", "tree"}),
        ("POST /v1/subscriptions?x=1", {"json": {"event": []}}, {"x", "event", "url"}),
        ("PATCH /v1/subscriptions/sub_1?x=1", {"json": {"event": []}}, {"x", "event"}),
        (
            "GET /v1/events/stream?since=zz&types=x",
            {"headers": {"Last-Event-ID": "bad"}},
            {"since", "types", "Last-Event-ID"},
        ),
        ("POST /v1/assets?x=1", FORM, {"x", "file"}),
    ],
)
def test_the_faults_of_query_headers_and_body_are_named_all_at_once(
    house: House, call: str, more: dict[str, Any], paths: set[str]
) -> None:
    method, _, path = call.partition(" ")
    refused = house.app.test_client().open(path, method=method, **more)
    assert refused.status_code == 422
    assert sorted(fault["path"] for fault in refused.get_json()["errors"]) == sorted(paths)
    assert house.raw.keys("*job_*") == [], "and nothing was kept"


def test_nothing_of_a_request_is_judged_for_a_stranger(build: Build) -> None:
    client: FlaskClient = build(RUNHOOK_API_TOKENS=f"shop:{SHOP}:read").app.test_client()
    for token, status in (("wrong", 401), (SHOP, 403)):
        headers = KEY | {"Authorization": f"Bearer {token}"}
        refused = client.post("/v1/jobs?x=1", json={"modl": IMAGE}, headers=headers)
        assert (refused.status_code, "errors" in refused.get_json()) == (status, False)


def test_a_bad_key_and_a_bad_name_of_a_line_hide_nothing_else_of_it(house: House) -> None:
    line = {"bogus": 1, "key": "k\n", "as": "no name"}
    told = house.app.test_client().post(
        "/v1/jobs/batch", data=orjson.dumps(line), content_type="application/x-ndjson"
    )
    faults = orjson.loads(told.data)["error"]["errors"]
    assert sorted(fault["path"] for fault in faults) == ["as", "bogus", "key", "model"]
