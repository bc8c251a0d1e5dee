"""The shapes the sandbox answers in, and reading what it is asked."""

import socket
from typing import Any

from flask import Response, request

Json = dict[str, Any]

# promptTips as Create ComfyUI Task (api-276642704) shows it: JSON in a text.
# A graph that will not run still gets a task id.
GOOD_GRAPH = '{"result": true, "error": null, "outputs_to_execute": ["9"], "node_errors": {}}'
BAD_GRAPH = (
    '{"result": false, "error": {"message": "Prompt outputs failed validation"}, '
    '"outputs_to_execute": [], "node_errors": {"6": {"class_type": "CLIPTextEncode", "errors": '
    '[{"message": "Required input is missing", "details": "clip"}]}}}'
)


def asked() -> Json:
    """The request's JSON body."""
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        return {}
    return body


def prompt_of(body: Json) -> str:
    """What is to be made, in words."""
    nodes = body.get("nodeInfoList") or []
    texts = [str(node.get("fieldValue", "")) for node in nodes if isinstance(node, dict)]
    return str(body.get("prompt") or body.get("text") or " ".join(texts))


def bearer() -> bool:
    """Whether a key came as the V2 paths want it."""
    kind, _, key = request.headers.get("Authorization", "").partition(" ")
    return kind == "Bearer" and bool(key.strip())


def key_of(body: Json) -> bool:
    """Whether a key came as the legacy paths take it: in the body, or as Bearer."""
    return bool(body.get("apiKey") or body.get("apikey")) or bearer()


def legacy(code: int, msg: str, data: Any = None) -> Json:
    """The legacy envelope."""
    return {"code": code, "msg": msg, "data": data}


def v2(task_id: str | int, status: str, tips: str = GOOD_GRAPH) -> Json:
    """A V2 submit's answer."""
    return {
        "taskId": task_id,
        "status": status,
        "errorCode": "",
        "errorMessage": "",
        "results": None,
        "clientId": "sandbox",
        "promptTips": tips,
    }


def v2_error(code: str | int, text: str) -> Json:
    """A V2 refusal."""
    return v2("", "", "") | {"errorCode": str(code), "errorMessage": text}


def own_url() -> str:
    """Where this sandbox is reached: clients may send RunningHub's own name as Host."""
    host = request.host
    if "runninghub" in host:
        environ = request.environ
        host = f"{environ.get('SERVER_NAME', '127.0.0.1')}:{environ.get('SERVER_PORT', '80')}"
    return f"http://{host}"


def hang_up() -> Response:
    """Close the connection without an answer; what is returned reaches nobody."""
    connection = request.environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)
    return Response()
