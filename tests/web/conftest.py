"""Every answer of every test here is held against the OpenAPI document."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson
import pytest
from flask import Flask, Response, request, request_finished
from jsonschema import Draft202012Validator

from runhook.webhook.openapi.document import TOLD, document

# What these have besides depends on what they are about.
OPEN = ("Timeline", "Rule", "Sum")
BARE = (204, 302, 304)


@pytest.fixture(autouse=True)
def as_documented() -> Iterator[None]:
    """An answer that the document does not tell of fails the test that got it."""
    wrong: list[str] = []

    def look(sender: Flask, response: Response, **_: Any) -> None:
        wrong.extend(_faults(sender, response))

    with request_finished.connected_to(look):
        yield
    assert not wrong


def _faults(app: Flask, response: Response) -> Iterator[str]:
    # The sandbox is a Flask application too, and a test may add a route of its own.
    if "runhook.hub" not in app.extensions or request.blueprint is None:
        return
    if request.method in ("HEAD", "OPTIONS"):
        return
    assert request.url_rule
    if not TOLD.fullmatch(request.url_rule.rule):
        return
    path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", request.url_rule.rule)
    asked = f"{request.method} {path}"
    told = _told()["paths"][path][request.method.lower()]["responses"]
    found = told.get(str(response.status_code))
    if found is None:
        yield f"{asked} answered {response.status_code}, the document has {', '.join(told)}"
        return
    if response.status_code in BARE or response.direct_passthrough or response.is_streamed:
        return
    yield from _body_faults(asked, found, response)


def _body_faults(asked: str, found: dict[str, Any], response: Response) -> Iterator[str]:
    if "$ref" in found:
        found = _told()["components"]["responses"][found["$ref"].rpartition("/")[2]]
    if response.mimetype not in found["content"]:
        if "*/*" not in found["content"]:
            yield f"{asked} answered {response.status_code} as {response.mimetype}"
        return
    if "json" not in str(response.mimetype):
        return
    schema = found["content"][response.mimetype]["schema"]
    for error in _validator(orjson.dumps(schema)).iter_errors(orjson.loads(response.get_data())):
        yield f"{asked} answered {response.status_code}: {error.json_path}: {error.message[:300]}"


@cache
def _told() -> dict[str, Any]:
    from runhook.webhook.app import routed

    told = document(routed(), "", ("order", "shop"))
    closed: dict[str, Any] = _closed(told)
    return closed


@cache
def _validator(schema: bytes) -> Draft202012Validator:
    told = {**orjson.loads(schema), "components": _told()["components"]}
    return Draft202012Validator(told)


def _closed(schema: Any) -> Any:
    """The same, where a member that it does not name is a fault."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _closed(one) for name, one in schema.items()}
    if isinstance(found.get("properties"), dict) and found.get("title") not in OPEN:
        found.setdefault("additionalProperties", False)
    return found
