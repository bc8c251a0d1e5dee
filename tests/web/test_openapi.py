"""The document of /v1 is made of what routes declare, and is whole."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from runhook.config.catalogue import Model, models
from runhook.webhook.app import routed
from runhook.webhook.edge.bodies import FORM, READS
from runhook.webhook.edge.responses import Answer, Done, Events, File, Lines
from runhook.webhook.edge.scopes import OPEN_TO
from runhook.webhook.openapi.document import TOLD, calls
from runhook.webhook.openapi.events_document import events_document
from runhook.webhook.openapi.operations import Call
from runhook.worker.domain.events import TYPES, cloud_event, sample
from runhook.worker.domain.problem_kinds import KINDS
from tests import bodies
from tests.conftest import IMAGE, House

app = routed()
CALLS = calls(app)


@pytest.fixture
def client(house: House) -> FlaskClient:
    return house.app.test_client()


@pytest.fixture
def told(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").get_json()
    return found


def test_the_document_is_openapi_3_1(told: dict[str, Any]) -> None:
    validate(told)
    assert told["openapi"].startswith("3.1")


def test_every_call_of_programs_is_in_the_document(told: dict[str, Any]) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if TOLD.fullmatch(rule.rule)]
    asked = {
        (rule.rule.replace("<int:", "<").replace("<path:", "<"), method.lower())
        for rule in rules
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    documented = {
        (path.replace("{", "<").replace("}", ">"), method)
        for path, methods in told["paths"].items()
        for method in methods
    }
    assert documented == asked
    names = [one["operationId"] for one in _operations(told)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.path}")
def test_a_route_says_what_it_reads_and_answers(call: Call) -> None:
    for kind, view in call.answers:
        assert kind in (Answer, Lines, Events, File, Done), "annotate it with what it answers"
        assert view is not None or kind in (File, Done)
    assert call.route in OPEN_TO
    assert call.route.__doc__
    if call.method in ("POST", "PATCH"):
        takes_none = "no_body" in call.route.__code__.co_names
        assert (call.route in READS) != takes_none, "declare its body, or refuse one"
    if call.reads and call.reads.media != FORM:
        assert call.reads.example is not None, "docs/http.md shows it"


def test_everything_in_the_document_says_what_it_means(told: dict[str, Any]) -> None:
    silent = [
        f"{one['operationId']} {parameter['name']}"
        for one in _operations(told)
        for parameter in one.get("parameters", ())
        if not parameter.get("description")
    ]
    for name, schema in told["components"]["schemas"].items():
        silent += [
            f"{name}.{member}"
            for member, one in schema.get("properties", {}).items()
            if not one.get("description")
        ]
        silent += [name] * ("description" not in schema)
    # Of these two the members have the names of what they hold.
    assert [
        one for one in silent if one.partition(".")[0] not in ("Span", "SendMissed", "Line")
    ] == []


def test_a_call_names_the_scopes_of_which_one_opens_it(told: dict[str, Any]) -> None:
    assert told["paths"]["/v1/jobs"]["post"]["security"] == [
        {"token": ["submit"]},
        {"token": ["admin"]},
    ]
    assert told["paths"]["/v1/recover"]["post"]["security"] == [{"token": ["admin"]}]
    assert told["paths"]["/healthz"]["get"]["security"] == []
    listing = told["paths"]["/v1/deliveries"]["get"]
    assert "submit with `?job=` of its own tenant" in listing["description"]


def test_the_document_takes_the_keys_that_a_submit_takes(
    client: FlaskClient, told: dict[str, Any]
) -> None:
    (key,) = (
        one["schema"]
        for one in told["paths"]["/v1/jobs"]["post"]["parameters"]
        if one["name"] == "Idempotency-Key"
    )
    # Without the two that no header can hold, and in the middle, for the ends are trimmed.
    for written in (f"k{char}1" for char in map(chr, range(256)) if char not in "\r\n"):
        headers = {"Idempotency-Key": written}
        answered = client.post("/v1/jobs", json={"model": "no-such"}, headers=headers)
        refused = [one["path"] for one in answered.get_json().get("errors", ())]
        taken = "Idempotency-Key" not in refused
        assert bool(re.search(key["pattern"], written)) == taken, written


def test_indexed_metadata_are_parameters_of_this_installation(build: Any) -> None:
    web = build(RUNHOOK_INDEX_METADATA="order").app.test_client()
    found = web.get("/openapi.json").get_json()["paths"]["/v1/jobs"]["get"]["parameters"]
    assert "metadata.order" in [one["name"] for one in found]


def test_a_problems_type_leads_to_what_it_means_and_what_to_do(client: FlaskClient) -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        page = client.get(kind.type)
        assert page.status_code == 200
        assert kind.then in page.get_data(as_text=True)
    refused = client.post("/v1/jobs", json={})
    assert refused.get_json()["type"] == "/docs/problems/invalid-request"
    assert client.get("/v1/jobs/none").get_json()["type"] == "/docs/problems/not-found"
    assert client.put("/v1/jobs").get_json()["type"] == "/docs/problems/method-not-allowed"
    assert client.get("/docs/problems/nonsense").status_code == 404


def test_a_request_has_a_name_in_the_answer_and_in_every_line_about_it(
    client: FlaskClient, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    named = client.get("/v1/jobs", headers={"X-Request-Id": "shop-42"})
    assert named.headers["X-Request-Id"] == "shop-42"
    first, second = (client.get("/v1/nothing").headers["X-Request-Id"] for _ in range(2))
    assert first != second
    odd = client.get("/v1/jobs", headers={"X-Request-Id": "a b\u2028{}"}).headers["X-Request-Id"]
    assert odd != "a b\u2028{}"
    assert len(odd) == 32
    store = client.application.extensions["runhook"].store.listing
    monkeypatch.setattr(type(store), "page", _break)
    assert client.get("/v1/jobs", headers={"X-Request-Id": "shop-43"}).status_code == 500
    (line,) = [one for one in capfd.readouterr().err.splitlines() if "task.failed" in one]
    assert '"request": "shop-43"' in line


def _break(*_: Any) -> None:
    raise ZeroDivisionError


def test_the_page_loads_nothing_from_elsewhere(client: FlaskClient) -> None:
    page = client.get("/docs")
    policy = page.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    text = page.get_data(as_text=True)
    assert "http" not in text.replace("https:", "http:").replace("HTTP", "")
    for name in ("start.js", "contrast.css", "swagger-ui.css", "swagger-ui-bundle.js"):
        assert f"/docs/files/{name}" in text
        assert client.get(f"/docs/files/{name}").status_code == 200
    assert client.get("/docs/files/index.html").status_code == 404
    assert client.get("/docs/files/..%2Findex.html").status_code == 404


@pytest.mark.parametrize("model", models(), ids=lambda model: model.endpoint)
def test_a_models_schema_takes_what_a_job_takes_and_nothing_that_it_refuses(model: Model) -> None:
    from runhook.worker.catalogue.input_schema import input_schema

    schema = input_schema(model)
    Draft202012Validator.check_schema(schema)
    judge = Draft202012Validator(schema)
    assert [error.message for error in judge.iter_errors(bodies.valid(model))] == []
    wrong, path = bodies.invalid(model)
    param = next((one for one in model.params if path == f"input.{one.name}"), None)
    # That an address is a good one JSON Schema cannot say.
    if param is None or (param.type not in ("image", "video", "audio") and not param.ignore_case):
        assert not judge.is_valid(wrong)


def test_a_models_schema_is_asked_for_by_its_name_slashes_and_all(client: FlaskClient) -> None:
    schema = client.get(f"/v1/models/{IMAGE}/schema").get_json()
    assert schema["title"] == IMAGE
    assert "prompt" in schema["required"]
    assert client.get("/v1/models/no/such/schema").status_code == 404


@pytest.mark.parametrize("kind", TYPES)
def test_the_asyncapi_document_tells_of_every_event(kind: str, house: House) -> None:
    told = events_document("https://runhook.example.com")
    event = cloud_event(sample(kind, house.clock.now()), "")
    message = told["components"]["messages"][kind]
    schema = {**message["payload"], "components": told["components"]}
    Draft202012Validator(schema).validate(event)
    assert not Draft202012Validator(schema).is_valid(event | {"type": "another"})
    assert not Draft202012Validator(schema).is_valid(event | {"data": {"alert": 7}})
    for channel in told["channels"].values():
        assert kind in channel["messages"]


def _operations(told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in told["paths"].values():
        yield from methods.values()
