"""The sandbox's HTTP side: RunningHub's paths, and two of its own under /sandbox."""

import json
import socket
import time
from importlib.resources import files
from typing import Any

from flask import Flask, Response, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from worker.runninghub.sandbox.faults import Chosen, Faults
from worker.runninghub.sandbox.tasks import Json, Office, Task, outputs_answer, query_answer
from worker.runninghub.sandbox.webhooks import Sender

PROMPT_TIPS = '{"result": true, "error": null, "outputs_to_execute": ["9"], "node_errors": {}}'
NOT_FOUND = {"code": 807, "msg": "APIKEY_TASK_NOT_FOUND", "data": None}
FULL_V2 = "api queue limit reached, please retry later | API 并发数已达上线，请降低并发或稍后重试"
OUTPUTS = ("image", "video", "audio", "3d", "string")


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
    for path, view in (
        ("/openapi/v2/query", sandbox.query),
        ("/task/openapi/create", sandbox.create),
        ("/task/openapi/outputs", sandbox.outputs),
        ("/task/openapi/status", sandbox.status),
        ("/task/openapi/cancel", sandbox.cancel),
        ("/task/openapi/getWebhookDetail", sandbox.webhook_detail),
        ("/task/openapi/retryWebhook", sandbox.retry_webhook),
        ("/uc/openapi/accountStatus", sandbox.account),
        ("/openapi/v2/media/upload/binary", sandbox.upload),
        ("/task/openapi/upload", sandbox.old_upload),
        ("/openapi/v2/<path:endpoint>", sandbox.submit),
    ):
        app.add_url_rule(path, view.__name__, view, methods=["POST"])
    app.add_url_rule("/openapi/v2/queue/status", "queue_status", sandbox.queue_status)
    app.add_url_rule("/view/<name>", "view", sandbox.view)
    app.add_url_rule("/sandbox/books", "books", sandbox.books)
    app.add_url_rule("/sandbox/faults", "faults", sandbox.set_faults, methods=["PUT"])
    return app


def serve(app: Flask, host: str, port: int) -> BaseWSGIServer:
    """A server for it, listening; call `serve_forever`."""

    class Quiet(WSGIRequestHandler):
        def log(self, *_: Any) -> None:
            return

    return make_server(host, port, app, threaded=True, request_handler=Quiet)


class Sandbox:
    """The views over one office."""

    def __init__(self, faults: Faults, office: Office, sender: Sender) -> None:
        self.faults = faults
        self.office = office
        self.sender = sender
        self._models = _models()

    def count(self) -> None:
        """Every call is in the books."""
        path = request.path
        known = path.startswith(("/openapi/v2/query", "/openapi/v2/queue", "/openapi/v2/media"))
        name = "/openapi/v2/{endpoint}" if path.startswith("/openapi/v2/") and not known else path
        if not path.startswith(("/sandbox", "/view")):
            self.office.calls[name] += 1

    def books(self) -> Any:
        """What was accepted, asked, and called back."""
        return self.office.books() | {"recorded": self.sender.recorded(), "sent": self.sender.sent}

    def submit(self, endpoint: str) -> Any:
        """A standard model."""
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            return _v2_error("1002", "Invalid API key")
        model = self._models.get(endpoint)
        if model is None:
            return _v2_error("1001", "Invalid URL")
        body = _body()
        wrong = _wrong_parameter(model, body)
        if wrong:
            return _v2_error("1007", f"Invalid parameters: {wrong}")
        return self._take(endpoint, model["output"], body)

    def create(self) -> Any:
        """A ComfyUI task."""
        body = _body()
        if not body.get("apiKey"):
            return {"code": 802, "msg": "APIKEY_UNAUTHORIZED", "data": None}
        if not str(body.get("workflowId", "")).isdecimal():
            return {"code": 301, "msg": "PARAMS_INVALID", "data": None}
        return self._take(f"workflow/{body['workflowId']}", "workflow", body)

    def _take(self, model: str, kind: str, body: Json) -> Any:
        prompt = _prompt(body)
        chosen = self.faults.choose(json.dumps(body, ensure_ascii=False))
        refusal = self._refusal(chosen, kind)
        if refusal is not None:
            return refusal
        task = self.office.accept(
            model, kind, prompt, body.get("webhookUrl"), chosen, request.host_url.rstrip("/")
        )
        if task is None:
            return _error(kind, "421", FULL_V2 if kind != "workflow" else "TASK_QUEUE_MAXED")
        self.sender.watch(task)
        return self._acceptance(task)

    def _refusal(self, chosen: Chosen, kind: str) -> Any:
        if "answer_lost_unaccepted" in chosen:
            return _hang_up()
        if "outage" in chosen:
            return Response("<html>503 Service Unavailable</html>", 503)
        if "refused" in chosen:
            code = f"{chosen.value('refused', 1007):.0f}"
            return _error(kind, code, "the sandbox was asked to refuse")
        if "busy" in chosen:
            return _error(kind, "421", "TASK_QUEUE_MAXED")
        if "answer_both_refused" in chosen:
            said = _v2_answer("2999999999999999999", "RUNNING")
            return said | {"errorCode": "421", "errorMessage": FULL_V2}
        return None

    def _acceptance(self, task: Task) -> Any:
        faults = task.faults
        if "answer_lost" in faults:
            return _hang_up()
        if "answer_html" in faults:
            return Response("<html>gateway</html>", 200)
        if "answer_slow" in faults or "callback_early" in faults:
            time.sleep(faults.value("answer_slow", 5 if "answer_slow" in faults else 1))
        if "answer_both" in faults:
            return _v2_answer(task.id, "RUNNING") | {"errorCode": "421", "errorMessage": FULL_V2}
        if task.legacy:
            return {
                "code": 0,
                "msg": "success",
                "data": {
                    "netWssUrl": None,
                    "taskId": task.id,
                    "clientId": "sandbox",
                    "taskStatus": "QUEUED",
                    "promptTips": PROMPT_TIPS,
                },
            }
        if "results_at_once" in faults:
            return query_answer(task)
        return _v2_answer(task.id, "RUNNING")

    def query(self) -> Any:
        """Query V2."""
        task = self.office.get(_body().get("taskId"))
        if task is None:
            return _v2_error("1004", "Task not found, please check the task ID") | {
                "taskId": str(_body().get("taskId", "")),
                "failedReason": {},
                "usage": None,
            }
        return query_answer(task)

    def outputs(self) -> Any:
        """Check Task Output."""
        task = self.office.get(_body().get("taskId"))
        return outputs_answer(task) if task else NOT_FOUND

    def status(self) -> Any:
        """Check Task Status."""
        task = self.office.get(_body().get("taskId"))
        if task is None:
            return NOT_FOUND
        word = task.status()
        return {"code": 0, "msg": "", "data": "FAILED" if word == "CANCEL" else word}

    def cancel(self) -> Any:
        """Cancel a task."""
        task = self.office.get(_body().get("taskId"))
        if task is None or not self.office.stop(task):
            return NOT_FOUND
        return {"code": 0, "msg": "success", "data": None}

    def webhook_detail(self) -> Any:
        """The record of a callback."""
        record = self.sender.record(_body().get("taskId"))
        if record is None:
            return {"code": 1, "msg": "webhook event not exists", "data": None}
        return {"code": 0, "msg": "success", "data": record.tell()}

    def retry_webhook(self) -> Any:
        """Send a recorded callback again."""
        body = _body()
        record = self.sender.by_id(body.get("webhookId"))
        if record is None:
            return {"code": 1, "msg": "webhook event not exists", "data": None}
        self.sender.resend(record, body.get("webhookUrl"))
        return {"code": 0, "msg": "", "data": None}

    def queue_status(self) -> Any:
        """The key's limit and what is in flight."""
        running, queued = self.office.counts()
        return {
            "code": 0,
            "msg": "success",
            "data": {
                "apiKeyType": "SHARED",
                "concurrentLimit": self.office.limit,
                "runningCount": str(running),
                "queuedCount": str(queued),
                "totalCurrentTasks": str(running + queued),
            },
        }

    def account(self) -> Any:
        """The balance."""
        if not _body().get("apikey"):
            return {"code": 802, "msg": "APIKEY_UNAUTHORIZED", "data": None}
        running, queued = self.office.counts()
        return {
            "code": 0,
            "msg": "success",
            "data": {
                "remainCoins": "99999",
                "currentTaskCounts": str(running + queued),
                "remainMoney": "999",
                "currency": "CNY",
                "apiType": "SHARED",
            },
        }

    def upload(self) -> Any:
        """File upload (new)."""
        file = request.files.get("file")
        if not request.headers.get("Authorization", "").startswith("Bearer ") or file is None:
            return {"code": 401, "message": "ApiKey verification failed", "data": None}
        data = file.read()
        name = self.office.keep(file.filename, data)
        return {
            "code": 0,
            "message": "success",
            "data": {
                "type": (file.mimetype or "image/png").partition("/")[0],
                "download_url": f"{request.host_url}view/{name}",
                "fileName": f"openapi/{name}",
                "size": str(len(data)),
            },
        }

    def old_upload(self) -> Any:
        """Upload Resource (old)."""
        file = request.files.get("file")
        if file is None or not request.form.get("apiKey"):
            return {"code": 301, "msg": "PARAMS_INVALID", "data": None}
        data = file.read()
        if len(data) > 30 * 1024 * 1024:
            return {"code": 809, "msg": "APIKEY_FILE_SIZE_EXCEEDED", "data": None}
        name = self.office.keep(file.filename, data)
        return {
            "code": 0,
            "msg": "success",
            "data": {"fileName": f"api/{name}", "fileType": "input"},
        }

    def view(self, name: str) -> Any:
        """A result or an uploaded file."""
        task = self.office.get(name.rpartition(".")[0])
        data = task.files.get(name) if task else self.office.uploads.get(name)
        kinds = {
            "png": "image/png",
            "mp4": "video/mp4",
            "wav": "audio/wav",
            "glb": "model/gltf-binary",
            "txt": "text/plain",
        }
        if data is None:
            return Response("no such file", 404)
        return Response(
            data, content_type=kinds.get(name.rpartition(".")[2], "application/octet-stream")
        )

    def set_faults(self) -> Any:
        """New rules from now on."""
        try:
            self.faults.set(_body())
        except ValueError as error:
            return {"error": str(error)}, 400
        return {"ok": True}


def _models() -> dict[str, Json]:
    folder = files("config").joinpath("models")
    texts = [folder.joinpath(f"{kind}.json").read_text() for kind in OUTPUTS]
    return {model["endpoint"]: model for text in texts for model in json.loads(text)}


def _wrong_parameter(model: Json, body: Json) -> str | None:
    for param in model["params"]:
        value = body.get(param["name"])
        if value is None:
            if param["required"] and param.get("default") is None:
                return f"{param['name']} is required"
        elif param["type"] == "enum" and not param.get("list"):
            values = param["values"]
            folded = [v.lower() for v in values] if param.get("ignore_case") else values
            if (str(value).lower() if param.get("ignore_case") else value) not in folded:
                return f"{param['name']} must be one of {values}"
    return None


def _prompt(body: Json) -> str:
    nodes = body.get("nodeInfoList") or []
    texts = [str(node.get("fieldValue", "")) for node in nodes if isinstance(node, dict)]
    return str(body.get("prompt") or body.get("text") or " ".join(texts))


def _body() -> Json:
    body = request.get_json(force=True, silent=True)
    return body if isinstance(body, dict) else {}


def _v2_answer(task_id: str, status: str) -> Json:
    return {
        "taskId": task_id,
        "status": status,
        "errorCode": "",
        "errorMessage": "",
        "results": None,
        "clientId": "sandbox",
        "promptTips": PROMPT_TIPS,
    }


def _v2_error(code: str, text: str) -> Json:
    return _v2_answer("", "") | {"errorCode": code, "errorMessage": text, "promptTips": ""}


def _error(kind: str, code: str, text: str) -> Json:
    if kind == "workflow":
        return {"code": int(code), "msg": text, "data": None}
    return _v2_error(code, text)


def _hang_up() -> Response:
    """Close the connection without an answer; what is returned reaches nobody."""
    connection = request.environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)
    return Response()
