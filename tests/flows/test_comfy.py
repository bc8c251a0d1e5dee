"""ComfyUI jobs: workflows, AI apps on either path, quick creates, graphs that will not run."""

from typing import Any

import pytest

from runhook.worker.domain.jobs import State
from runhook.worker.errors import InvalidRequest
from tests.conftest import Build, House, provider_at

APP = "app/1877265245566922800"
QUICK = "quick/1876205853438365698/001"
GRAPH = {"3": {"class_type": "KSampler", "inputs": {"seed": 1}}}


def _body(house: House) -> dict[str, Any]:
    body: dict[str, Any] = house.sandbox.books()["tasks"][-1]["body"]
    return body


def _faults(house: House, model: str, given: dict[str, Any], **options: Any) -> list[str]:
    with pytest.raises(InvalidRequest) as caught:
        house.ask(model, input=given, options=options)
    return [f"{fault.path} {fault.message}" for fault in caught.value.faults]


def test_a_workflow_takes_every_option_of_the_advanced_form(house: House) -> None:
    options = {
        "instanceType": "plus",
        "usePersonalQueue": True,
        "retainSeconds": 60,
        "addMetadata": False,
        "accessPassword": "open sesame",
    }
    job = house.ask("workflow/12", input={"6.text": "a cat", "3.seed": 7}, options=options)
    house.until(job, "succeeded")
    body = _body(house)
    assert {key: body[key] for key in options} == options
    assert body["nodeInfoList"][1] == {"nodeId": "3", "fieldName": "seed", "fieldValue": 7}
    assert body["webhookUrl"] == house.callback_url(job)


def test_an_access_password_is_nowhere_in_redis_and_shown_to_nobody(house: House) -> None:
    from runhook.worker.domain.views import job_view

    job = house.ask("workflow/12", input={}, options={"accessPassword": "open sesame"})
    house.until(job, "succeeded")
    assert _body(house)["accessPassword"] == "open sesame"
    kept = [house.raw.dump(key) for key in house.raw.scan_iter("*")]
    assert not any(b"open sesame" in (value or b"") for value in kept)
    assert job_view(house.job(job))["options"] == {"accessPassword": "***"}


@pytest.mark.parametrize("graph", [GRAPH, '{"3": {"class_type": "KSampler", "inputs": {}}}'])
def test_a_workflow_given_inline_goes_as_text(house: House, graph: Any) -> None:
    house.until(house.ask("workflow/12", input={}, options={"workflow": graph}), "succeeded")
    assert isinstance(_body(house)["workflow"], str)
    assert "nodeInfoList" not in _body(house)


@pytest.mark.parametrize(
    ("given", "options", "words"),
    [
        ({"6.text": "a"}, {"workflow": GRAPH}, "excludes input"),
        ({}, {"workflow": "not json"}, "API format"),
        ({}, {"workflow": {"nodes": []}}, "API format"),
        ({}, {"retainSeconds": 5}, "whole number from 10 to 180"),
        ({}, {"addMetadata": "yes"}, "true or false"),
        ({}, {"accessPassword": ""}, "must be a string"),
        ({}, {"expires_in": 0}, "from 1 to"),
        ({}, {"retries": 1.5}, "whole number"),
    ],
)
def test_a_workflows_wrong_options_are_named(
    house: House, given: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    assert any(words in fault for fault in _faults(house, "workflow/12", given, **options))


@pytest.mark.parametrize("model", ["workflow/0", "workflow/x", "app/", "quick/12"])
def test_an_id_that_cannot_be_is_no_model(house: House, model: str) -> None:
    assert "there is no model" in _faults(house, model, {})[0]


def test_the_proxy_is_refused_with_the_reason(house: House) -> None:
    assert "a queue cannot serve it" in _faults(house, "proxy/key", {})[0]


def test_a_graph_that_will_not_run_fails_at_once_with_its_node_named(house: House) -> None:
    house.sandbox.faults({"fault": "node_errors"}, {"fault": "callback_unrecorded"})
    for model, given in (("workflow/12", {"6.text": "a"}), (APP, {"6.text": "a"})):
        job = house.ask(model, input=given)
        house.settle()
        error = house.job(job).attempt.error
        assert error
        assert house.job(job).state is State.FAILED
        assert "node 6 (CLIPTextEncode): Required input is missing clip" in error.message
        assert error.detail["node_id"] == "6"
        assert house.job(job).attempt.ref


def test_an_app_goes_the_v2_path_and_comes_home_by_its_callback(house: House) -> None:
    job = house.ask(APP, input={"6.text": "a cat", "3.seed": 5}, options={"instanceType": "ultra"})
    ended = house.until(job, "succeeded")
    assert ended.attempt.settled_by == "callback"
    assert house.sandbox.calls("/openapi/v2/run/ai-app/<webapp_id>") == 1
    assert _body(house)["instanceType"] == "ultra"


def test_a_key_that_may_not_use_the_v2_path_goes_the_older_one(house: House) -> None:
    house.sandbox.faults({"fault": "not_shared"}, {"fault": "callback_unrecorded"})
    job = house.ask(APP, input={"6.text": "a cat"})
    house.until(job, "running")
    house.later(400)
    ended = house.until(job, "succeeded")
    assert len(ended.history.attempts) == 1
    assert house.sandbox.calls("/task/openapi/ai-app/run") == 1
    assert house.sandbox.calls("/task/openapi/outputs") == 1  # asked about the older way
    again = house.ask(APP, input={"6.text": "a dog"})
    house.until(again, "running")
    assert house.sandbox.calls("/openapi/v2/run/ai-app/<webapp_id>") == 1  # it is remembered
    assert house.sandbox.accepted() == 2


def test_an_app_with_a_password_goes_the_older_path_which_takes_one(house: House) -> None:
    job = house.ask(APP, input={"6.text": "a"}, options={"accessPassword": "x"})
    house.until(job, "succeeded")
    assert house.sandbox.calls("/task/openapi/ai-app/run") == 1
    assert _body(house)["accessPassword"] == "x"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"6.txt": "a"}, "input.6.txt the app has no such field; it has 6.text"),
        ({"3.seed": "many"}, "input.3.seed must be a whole number"),
        ({"3.denoise": "x"}, "input.3.denoise must be a number"),
        ({"8.enabled": "yes"}, "input.8.enabled must be true or false"),
        ({"7.style": "oil"}, "input.7.style must be one of photo, anime, ink"),
    ],
)
def test_an_apps_input_is_checked_against_its_own_fields(
    house: House, given: dict[str, Any], words: str
) -> None:
    assert words in _faults(house, APP, given)[0]
    assert words in _faults(house, QUICK, given)[0]


def test_an_apps_fields_are_asked_for_once_in_a_while(house: House) -> None:
    for number in range(3):
        house.ask(APP, input={"6.text": str(number)})
    assert house.sandbox.calls("/api/webapp/apiCallDemo") == 1


def test_an_app_that_is_not_there_is_refused_before_it_is_sent(house: House) -> None:
    assert "901" in _faults(house, "app/1404", {"6.text": "a"})[0]


def test_an_app_whose_fields_nobody_tells_is_checked_by_runninghub(build: Build) -> None:
    house = build()
    provider_at(house.w, "http://127.0.0.1:9")
    job = house.ask(APP, input={"no.such": "a"})
    provider_at(house.w, house.sandbox.url)
    house.settle()
    error = house.job(job).attempt.error
    assert error
    assert (error.code, error.provider_code) == ("rejected", "803")
    assert house.sandbox.accepted() == 0


def test_a_quick_create_names_its_nodes_and_ends_by_asking(house: House) -> None:
    job = house.ask(QUICK, input={"6.text": "a cat"})
    house.until(job, "running")
    body = _body(house)
    assert (body["webappId"], body["quickCreateCode"]) == ("1876205853438365698", "001")
    assert "webhookUrl" not in body
    assert body["nodeInfoList"] == [
        {
            "nodeId": "6",
            "nodeName": "CLIPTextEncode",
            "fieldName": "text",
            "fieldType": "STRING",
            "fieldValue": "a cat",
            "description": "what to see",
        }
    ]
    house.later(6)
    ended = house.until(job, "succeeded")
    assert ended.attempt.settled_by == "query"
    assert house.sandbox.calls("/task/openapi/getWebhookDetail") == 0


def test_several_outputs_keep_their_nodes(house: House) -> None:
    house.sandbox.faults({"fault": "many_outputs", "value": 3})
    for model in ("workflow/12", "vidu/text-to-video-q3-turbo"):
        given = {"6.text": "a"} if model.startswith("w") else {"prompt": "a"}
        ended = house.until(house.ask(model, input=given), "succeeded")
        assert len({out.url for out in ended.attempt.outputs}) == 3
        assert all(out.node_id and out.expires_at for out in ended.attempt.outputs)


def test_a_task_id_beyond_what_floats_hold_stays_exact(house: House) -> None:
    house.sandbox.faults({"fault": "numeric_id"})
    for model, given in (
        ("workflow/12", {"6.text": "a"}),
        ("vidu/text-to-video-q3-turbo", {"prompt": "a"}),
    ):
        ended = house.until(house.ask(model, input=given), "succeeded")
        ids = {task["taskId"] for task in house.sandbox.books()["tasks"]}
        assert ended.attempt.ref in {str(found) for found in ids}
        assert len(str(ended.attempt.ref)) == 19
