"""The sandbox's HTTP side: RunningHub's paths, and two of its own under /sandbox."""

import json
import time
from collections.abc import Callable
from functools import cache, partial
from importlib.resources import files as files_of
from typing import Any

from flask import Flask, Response, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from runhook.worker.runninghub.sandbox import apps
from runhook.worker.runninghub.sandbox.account import Account
from runhook.worker.runninghub.sandbox.answers import (
    BAD_GRAPH,
    GOOD_GRAPH,
    Json,
    asked,
    bearer,
    hang_up,
    key_of,
    legacy,
    own_url,
    prompt_of,
    v2,
    v2_error,
)
from runhook.worker.runninghub.sandbox.faults import OF_SUBMITS, Chosen, Faults
from runhook.worker.runninghub.sandbox.files import Files
from runhook.worker.runninghub.sandbox.garbling import DEEP, garbled, nested, page
from runhook.worker.runninghub.sandbox.keys import key_fault
from runhook.worker.runninghub.sandbox.prices import price
from runhook.worker.runninghub.sandbox.tasks import (
    Office,
    Task,
    Wanted,
    outputs_answer,
    query_answer,
    spoken_id,
)
from runhook.worker.runninghub.sandbox.webhooks import Sender

NO_STATUS, NO_CODE = "SUSPENDED", 899  # no source names them: whoever reads them must not guess
# Check Task Output and Cancel (api-276642709) say it so.
NOT_FOUND = {"code": 807, "msg": "APIKEY_TASK_NOT_FOUND", "data": None}
HEAD_START = 1.0  # seconds that an early callback is before the submit's answer
FULL = "TASK_QUEUE_MAXED"  # Start ComfyUI Task (api-276642704)
# As a client recorded it; users search for its words.
FULL_V2 = "api queue limit reached, please retry later | API 并发数已达上线，请降低并发或稍后重试"
OUTPUTS = ("image", "video", "audio", "3d", "string")  # the files of config/models


def create_app(
    faults: Faults,
    *,
    limit: int = 50,
    pace: float = 1.0,
    slot_lag: float = 0.0,
    retry_gap: float = 60.0,
) -> Flask:
    """A sandbox as a WSGI application.

    Args:
        faults: What goes wrong.
        limit: Most tasks at once.
        pace: What the tasks' seconds are multiplied with.
        slot_lag: Seconds until an ended task's slot is free.
        retry_gap: Seconds between the retries of a callback.
    """
    app = Flask(__name__, static_folder=None)
    sandbox = Sandbox(faults, Office(limit, pace, slot_lag), Sender(retry_gap))
    app.before_request(sandbox.count)
    app.before_request(partial(key_fault, faults))
    for method, path, view in _routes(sandbox, faults):
        app.add_url_rule(path, f"{method} {path}", view, methods=[method])
    return app


def _routes(sandbox: "Sandbox", faults: Faults) -> tuple[tuple[str, str, Callable[..., Any]], ...]:
    files, account = Files(faults, sandbox.office), Account(faults, sandbox.office, sandbox.models)
    return (
        ("POST", "/openapi/v2/query", sandbox.query),
        ("POST", "/openapi/v2/run/ai-app/<webapp_id>", sandbox.run_app),
        ("POST", "/openapi/v2/run/workflow/<workflow_id>", sandbox.run_workflow),
        ("POST", "/openapi/v2/price-preview/<path:endpoint>", account.preview),
        ("POST", "/openapi/v2/resource/list", account.resources),
        ("GET", "/openapi/v2/queue/status", account.queue_status),
        ("GET", "/openapi/v2/api-key/list", account.keys),
        ("POST", "/openapi/v2/media/upload/binary", files.upload),
        ("POST", "/openapi/v2/<path:endpoint>", sandbox.submit),
        ("POST", "/task/openapi/create", sandbox.create),
        ("POST", "/task/openapi/ai-app/run", sandbox.create_app_task),
        ("POST", "/task/openapi/quick-ai-app/run", sandbox.create_quick_task),
        ("POST", "/task/openapi/outputs", sandbox.outputs),
        ("POST", "/task/openapi/status", sandbox.status),
        ("POST", "/task/openapi/cancel", sandbox.cancel),
        ("POST", "/task/openapi/getWebhookDetail", sandbox.webhook_detail),
        ("POST", "/task/openapi/retryWebhook", sandbox.retry_webhook),
        ("POST", "/task/openapi/upload", files.old_upload),
        ("POST", "/api/openapi/getJsonApiFormat", apps.workflow_json),
        ("POST", "/api/openapi/getLoraUploadUrl", files.lora_url),
        ("PUT", "/lora/<name>", files.put_lora),
        ("GET", "/api/webapp/apiCallDemo", apps.call_example),
        ("POST", "/api/fast/creation/model/params", apps.style_library),
        ("POST", "/uc/openapi/accountStatus", account.status),
        ("GET", "/view/<name>", files.view),
        ("GET", "/openapi.json", openapi),
        ("GET", "/sandbox/books", sandbox.books),
        ("GET", "/sandbox/faults", faults.told),
        ("PUT", "/sandbox/faults", sandbox.set_faults),
    )


def openapi() -> Response:
    """This sandbox's own description, with the schemas that the reference names."""
    text = files_of("runhook.worker.runninghub.sandbox").joinpath("openapi.json").read_bytes()
    return Response(text, content_type="application/json")


def serve(app: Flask, host: str, port: int, held: int | None = None) -> BaseWSGIServer:
    """A server for it, listening, on a held socket if there is one; call `serve_forever`."""

    class Quiet(WSGIRequestHandler):
        def log(self, *_: Any) -> None:
            return

    return make_server(host, port, app, threaded=True, request_handler=Quiet, fd=held)


class Sandbox:
    """The views over one office."""

    def __init__(self, faults: Faults, office: Office, sender: Sender) -> None:
        self.faults = faults
        self.office = office
        self.sender = sender
        self.models = _models()

    def count(self) -> None:
        """Every call is in the books."""
        path = request.path
        named = str(request.url_rule or path)
        name = named.replace("<path:endpoint>", "{endpoint}")
        if not path.startswith(("/sandbox", "/view")):
            self.office.calls[name] += 1

    def books(self) -> Any:
        """What was accepted, asked, and called back."""
        return self.office.books() | {"recorded": self.sender.recorded(), "sent": self.sender.sent}

    def submit(self, endpoint: str) -> Any:
        """A standard model."""
        if not bearer():
            return v2_error("1002", "Invalid API key")
        model = self.models.get(endpoint)
        if model is None:
            return v2_error("1001", "Invalid URL")
        body = asked()
        wrong = _wrong_parameter(model, body)
        if wrong:
            return v2_error("1007", f"Invalid parameters: {wrong}")
        return self._take(endpoint, model["output"], body, legacy_shape=False)

    def run_app(self, webapp_id: str) -> Any:
        """An AI app on the V2 path."""
        return self._run(f"app/{webapp_id}", apps.app_fault(asked(), webapp_id))

    def run_workflow(self, workflow_id: str) -> Any:
        """A workflow on the V2 path."""
        return self._run(f"workflow/{workflow_id}", apps.workflow_fault(asked(), workflow_id))

    def _run(self, model: str, wrong: Json | None) -> Any:
        if not bearer():
            return v2_error("1002", "Invalid API key")
        if wrong:
            return v2_error(wrong["code"], wrong["msg"])
        return self._take(model, "comfy", asked(), legacy_shape=False)

    def create(self) -> Any:
        """A ComfyUI task."""
        body = asked()
        wrong = apps.workflow_fault(body, body.get("workflowId", ""))
        return self._create(body, wrong, f"workflow/{body.get('workflowId')}")

    def create_app_task(self) -> Any:
        """An AI app on the older path."""
        body = asked()
        wrong = apps.app_fault(body, body.get("webappId", ""))
        return self._create(body, wrong, f"app/{body.get('webappId')}")

    def create_quick_task(self) -> Any:
        """A quick create. It calls nobody back: its schema has no webhookUrl."""
        body = asked()
        wrong = apps.app_fault(body, body.get("webappId", ""), named=True)
        code = body.get("quickCreateCode")
        if not wrong and not code:
            wrong = legacy(301, "PARAMS_INVALID")
        model = f"quick/{body.get('webappId')}/{code}"
        return self._create({k: v for k, v in body.items() if k != "webhookUrl"}, wrong, model)

    def _create(self, body: Json, wrong: Json | None, model: str) -> Any:
        if not key_of(body):
            return legacy(802, "APIKEY_UNAUTHORIZED")
        return wrong or self._take(model, "comfy", body, legacy_shape=True)

    def _take(self, model: str, kind: str, body: Json, *, legacy_shape: bool) -> Any:
        shown = {key: value for key, value in body.items() if key != "apiKey"}
        prompt = prompt_of(body)
        wanted = Wanted(
            model=model,
            kind=kind,
            prompt=prompt,
            webhook_url=body.get("webhookUrl"),
            legacy=legacy_shape,
            body=shown,
            money=price(self.models.get(model), body),
        )
        # A rule may match anything that is sent, a file's name or an option as well as the prompt.
        text = json.dumps(body, ensure_ascii=False)
        chosen = self.faults.choose(text, prompt, OF_SUBMITS, model)
        refusal = self._refusal(chosen, legacy_shape)
        if refusal is not None:
            return refusal
        task = self.office.accept(wanted, chosen, own_url())
        if task is None:
            return _full(legacy_shape)
        self.sender.watch(task)
        return self._acceptance(task)

    def _refusal(self, chosen: Chosen, legacy_shape: bool) -> Any:
        if "answer_lost_unaccepted" in chosen:
            return hang_up()
        if "outage" in chosen:
            return page(503, "Service Unavailable")
        if "not_shared" in chosen and not legacy_shape:
            return v2_error("1014", "Access denied: enterprise-shared API keys only")
        if "refused" in chosen:
            code = f"{chosen.value('refused', 1007):.0f}"
            return garbled(_error(legacy_shape, code, "the sandbox was asked to refuse"), chosen)
        if "busy" in chosen:
            return _error(legacy_shape, "421", FULL)
        if "answer_both_refused" in chosen:
            said = v2("2999999999999999999", "RUNNING")
            return said | {"errorCode": "421", "errorMessage": FULL_V2}
        return None

    def _acceptance(self, task: Task) -> Any:
        faults = task.faults
        if "answer_lost" in faults:
            return hang_up()
        if "answer_html" in faults:
            return page(200, "gateway")
        if "answer_slow" in faults:
            time.sleep(faults.value("answer_slow", 5))
        elif "callback_early" in faults:
            time.sleep(HEAD_START)
        if "answer_nested" in faults:
            deep = nested(int(faults.value("answer_nested", DEEP)))
            return v2(spoken_id(task), "RUNNING") | {"extra": deep}
        if "answer_both" in faults:
            return v2(task.id, "RUNNING") | {"errorCode": "421", "errorMessage": FULL_V2}
        tips = GOOD_GRAPH
        if "node_errors" in faults:
            tips = BAD_GRAPH
        if task.legacy:
            data = {
                "netWssUrl": None,
                "taskId": spoken_id(task),
                "clientId": "sandbox",
                "taskStatus": "QUEUED",
                "promptTips": tips,
            }
            return legacy(0, "success", garbled(data, faults))
        if "results_at_once" in faults:
            return garbled(query_answer(task), faults)
        return garbled(v2(spoken_id(task), "RUNNING", tips), faults)

    def query(self) -> Any:
        """Query V2."""
        named = str(asked().get("taskId") or "0")
        if not named.strip("0"):
            return v2_error("1007", "taskId must be greater than 0")
        task = self.office.get(named)
        if task is None:
            return v2_error("1004", "Task not found, please check the task ID") | {
                "taskId": named,
                "failedReason": {},
                "usage": None,
            }
        if "query_html" in task.faults:
            return page(200, "gateway")
        said = garbled(query_answer(task), task.faults)
        if "status_unknown" in task.faults:
            said["status"] = NO_STATUS
        return said

    def outputs(self) -> Any:
        """Check Task Output."""
        task = self.office.get(asked().get("taskId"))
        if task is None:
            return NOT_FOUND
        if "query_html" in task.faults:
            return page(200, "gateway")
        if "status_unknown" in task.faults:
            return legacy(NO_CODE, f"APIKEY_TASK_IS_{NO_STATUS}")
        return garbled(outputs_answer(task), task.faults)

    def status(self) -> Any:
        """Check Task Status."""
        task = self.office.get(asked().get("taskId"))
        if task is None:
            return NOT_FOUND
        if "query_html" in task.faults:
            return page(200, "gateway")
        status = task.status()
        if "status_unknown" in task.faults:
            status = NO_STATUS
        elif status == "CANCEL":  # Check Task Status has no word for it
            status = "FAILED"
        return {"code": 0, "msg": "", "data": status}

    def cancel(self) -> Any:
        """Cancel a task."""
        task = self.office.get(asked().get("taskId"))
        if task is None or not self.office.stop(task):
            return NOT_FOUND
        return {"code": 0, "msg": "success", "data": None}

    def webhook_detail(self) -> Any:
        """The record of a callback."""
        record = self.sender.record(asked().get("taskId"))
        if record is None:
            return {"code": 1, "msg": "webhook event not exists", "data": None}
        if "query_html" in record.task.faults:
            return page(200, "gateway")
        return {"code": 0, "msg": "success", "data": record.tell()}

    def retry_webhook(self) -> Any:
        """Send a recorded callback again."""
        body = asked()
        record = self.sender.by_id(body.get("webhookId"))
        if record is None:
            return {"code": 1, "msg": "webhook event not exists", "data": None}
        self.sender.resend(record, body.get("webhookUrl"))
        return {"code": 0, "msg": "", "data": None}

    def set_faults(self) -> Any:
        """New rules from now on."""
        try:
            self.faults.set(asked())
        except ValueError as error:
            return {"error": str(error)}, 400
        return {"ok": True}


@cache
def _models() -> dict[str, Json]:
    folder = files_of("runhook.config").joinpath("models")
    texts = [folder.joinpath(f"{kind}.json").read_text() for kind in OUTPUTS]
    return {model["endpoint"]: model for text in texts for model in json.loads(text)}


def _wrong_parameter(model: Json, body: Json) -> str | None:
    for param in model["params"]:
        value = body.get(param["name"])
        if value is None:
            if param["required"] and param.get("default") is None:
                return f"{param['name']} is required"
        elif param["type"] == "enum" and not param.get("list") and not _is_one_of(param, value):
            return f"{param['name']} must be one of {param['values']}"
    return None


def _is_one_of(param: Json, value: Any) -> bool:
    if param.get("ignore_case"):
        return str(value).lower() in [one.lower() for one in param["values"]]
    return value in param["values"]


def _error(legacy_shape: bool, code: str, text: str) -> Json:
    if legacy_shape:
        return legacy(int(code), text)
    return v2_error(code, text)


def _full(legacy_shape: bool) -> Json:
    """The concurrency limit is reached; the two generations say it in their own words."""
    if legacy_shape:
        return legacy(421, FULL)
    return v2_error("421", FULL_V2)
