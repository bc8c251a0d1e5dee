"""A public client that knows nothing of runhook works against the sandbox, and the sandbox answers
as its own OpenAPI document says."""

import hashlib
import io
import json
import urllib.request
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate
from runninghub_sdk import RunningHubClient, modify_nodes
from runninghub_sdk.exceptions import RunningHubError

from runhook.worker.runninghub.sandbox.faults import Faults
from runhook.worker.runninghub.sandbox.server import create_app
from tests.conftest import IMAGE, Sandbox, eventually

DOCUMENT: Any = json.loads(
    files("runhook.worker.runninghub.sandbox").joinpath("openapi.json").read_text(encoding="utf-8")
)
NAMED = [
    "Get Workflow JSON Request",
    "TaskRunWebappByKeyRequest",
    "Generate task submission results",
    "Get Workflow JSON Response",
    "Start ComfyUI Task Request 1",
    "Start ComfyUI Task Request 2",
    "Start ComfyUI Task Request -webhook",
    "Start ComfyUI Task Response",
    "TaskCreateResponse",
    "Check Task Status Request",
    "Node Input Information",
    "Get Account Information Request",
    "Upload Resource Request",
    "Get Webhook Event Details Request",
    "Resend Specific Webhook Request",
    "R?",
    "RWorkflowDuplicateResponse",
    "RAccountStatusResponse",
    "WorkflowDuplicateResponse",
    "AccountStatusResponse",
    "WorkflowDuplicateRequest",
    "ApiUploadLoraRequest",
    "RString",
    "RTaskUploadResponse",
    "TaskUploadResponse",
]
CODE_WEBAPP_NOT_EXISTS = 901


@pytest.fixture
def sdk(sandbox: Sandbox) -> Iterator[Any]:
    """runninghub-sdk from the package index, pointed at a sandbox."""
    with RunningHubClient(api_key="anything", base_url=sandbox.url) as client:
        yield client


def _ended(sdk: Any, task_id: str) -> Any:
    return eventually(
        lambda: found if (found := sdk.query_v2(task_id)).status.value == "SUCCESS" else None
    )


def test_it_creates_a_comfyui_task_and_reads_its_outputs(sdk: Any) -> None:
    task = sdk.run_with_modifier("12", modify_nodes().text("6", "a cat").seed("3", 7))
    outputs = sdk.wait_for_completion(task.task_id, poll_interval=0.05, timeout=10)
    assert outputs[0].file_url.endswith(".png")
    with urllib.request.urlopen(outputs[0].file_url, timeout=10) as answer:
        assert answer.read(8) == b"\x89PNG\r\n\x1a\n"
    assert sdk.get_status(task.task_id).value == "SUCCESS"


def test_it_runs_a_model_and_queries_it(sdk: Any) -> None:
    price = sdk.preview_model_price(IMAGE, {"prompt": "a cat"})
    assert str(price.estimated_price) == "0.4"
    task = sdk.run_model_api(IMAGE, {"prompt": "a cat"})
    done = _ended(sdk, task.task_id)
    assert done.results[0]["url"].startswith("http")
    assert done.usage.third_party_consume_money == "0.4"


def test_it_runs_an_app_by_its_call_example(sdk: Any) -> None:
    demo = sdk.get_ai_app_api_demo("1877265245566922800")
    field = demo.node_info_list[0]
    nodes = [{"nodeId": field.node_id, "fieldName": field.field_name, "fieldValue": "a dog"}]
    task = sdk.run_ai_app("1877265245566922800", nodes)
    assert _ended(sdk, task.task_id).results
    with pytest.raises(RunningHubError) as refused:
        sdk.run_ai_app("1404", nodes)
    assert refused.value.code == CODE_WEBAPP_NOT_EXISTS


def test_it_uploads_files_and_loras(sdk: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    found = sdk.upload_file(b"GIF89a", filename="x.gif")
    assert found.file_name.startswith("openapi/")
    lora = tmp_path / "style.safetensors"
    lora.write_bytes(b"weights" * 1000)
    name = sdk.upload_lora("style", str(lora))
    assert name == f"api-lora-cn/{hashlib.md5(lora.read_bytes()).hexdigest()}.safetensors"
    assert sorted(sandbox.books()["uploads"].values()) == [6, 7000]


def test_it_reads_a_webhooks_record_and_has_it_sent_again(sdk: Any, sandbox: Sandbox) -> None:
    task = sdk.run("12", [], webhook_url="http://127.0.0.1:9/hook")
    detail = eventually(lambda: _detail(sdk, task.task_id))
    assert detail.callback_status == "FAILED"
    before = sandbox.books()["sent"]
    sdk.retry_webhook(detail.id, "http://127.0.0.1:9/again")
    eventually(lambda: sandbox.books()["sent"] > before)


def _detail(sdk: Any, task_id: str) -> Any:
    try:
        return sdk.get_webhook_detail(task_id)
    except RunningHubError:
        return None


def test_it_cancels_a_task(sdk: Any, sandbox: Sandbox) -> None:
    sandbox.faults({"fault": "slow", "value": 60})
    task = sdk.run("12")
    sdk.cancel(task.task_id)
    assert sandbox.books()["tasks"][0]["status"] == "CANCEL"


def test_it_reads_workflow_account_queue_keys_and_models(sdk: Any) -> None:
    assert "6" in sdk.get_workflow_json_parsed("12")
    assert sdk.get_account_status().remain_money == "999"
    assert sdk.get_queue_status().concurrent_limit == 50
    assert sdk.validate_api_key()
    assert sdk.list_api_keys()
    assert sdk.list_public_models("LORA").records


def test_the_sandboxs_document_is_openapi_and_holds_the_25_named_schemas(sandbox: Sandbox) -> None:
    served = sandbox.call("GET", "/openapi.json")
    assert served == DOCUMENT
    validate(served)
    titles = [schema["title"] for schema in served["components"]["schemas"].values()]
    assert sorted(titles) == sorted(NAMED)
    assert len(titles) == 25


def test_every_path_of_the_sandbox_is_in_its_document() -> None:
    ours = ("/sandbox", "/view", "/openapi.json", "/lora")  # files, and what only a sandbox has
    served = {
        (method.lower(), _plain(rule.rule))
        for rule in create_app(Faults()).url_map.iter_rules()
        if not rule.rule.startswith(ours)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    documented = {
        (method, _plain(path)) for path, methods in DOCUMENT["paths"].items() for method in methods
    }
    assert served == documented


def _plain(path: str) -> str:
    return "/".join("*" if part[:1] in "<{" else part for part in path.split("/"))


@pytest.mark.parametrize(
    ("path", "body", "call"),
    [
        (f"/openapi/v2/{IMAGE}", {"prompt": "a"}, "/openapi/v2/{endpoint}"),
        (f"/openapi/v2/{IMAGE}", {}, "/openapi/v2/{endpoint}"),
        ("/openapi/v2/query", {"taskId": "1"}, "/openapi/v2/query"),
        (
            "/openapi/v2/run/ai-app/12",
            {"nodeInfoList": []},
            "/openapi/v2/run/ai-app/{webappId}",
        ),
        ("/openapi/v2/run/workflow/12", {}, "/openapi/v2/run/workflow/{workflowId}"),
        ("/task/openapi/create", {"workflowId": "12"}, "/task/openapi/create"),
        ("/task/openapi/create", {"workflowId": "0"}, "/task/openapi/create"),
        (
            "/task/openapi/quick-ai-app/run",
            {"webappId": "12", "quickCreateCode": "1", "nodeInfoList": []},
            "/task/openapi/quick-ai-app/run",
        ),
        ("/task/openapi/cancel", {"taskId": "1"}, "/task/openapi/cancel"),
        ("/task/openapi/outputs", {"taskId": "1"}, "/task/openapi/outputs"),
        ("/uc/openapi/accountStatus", {}, "/uc/openapi/accountStatus"),
        ("/api/openapi/getJsonApiFormat", {"workflowId": "1"}, "/api/openapi/getJsonApiFormat"),
        (
            "/api/openapi/getLoraUploadUrl",
            {"loraName": "a", "md5Hex": "0" * 32},
            "/api/openapi/getLoraUploadUrl",
        ),
        (
            "/api/fast/creation/model/params",
            {"type": 1, "webappId": "12"},
            "/api/fast/creation/model/params",
        ),
        (f"/openapi/v2/price-preview/{IMAGE}", {}, "/openapi/v2/price-preview/{endpoint}"),
    ],
)
def test_the_sandbox_answers_as_its_document_says(
    sandbox: Sandbox, path: str, body: Any, call: str
) -> None:
    headers = {"Authorization": "Bearer anything", "Content-Type": "application/json"}
    request = urllib.request.Request(sandbox.url + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        said = json.load(io.BytesIO(answer.read()))
    operation = DOCUMENT["paths"][call]["post"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(said, {**schema, "components": DOCUMENT["components"]})
