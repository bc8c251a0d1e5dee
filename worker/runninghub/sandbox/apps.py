"""The sandbox's ComfyUI side: workflows, AI apps, quick creates and their descriptions.

Every id is good but one that ends with 404. All apps are one app.
"""

import json
from typing import Any

from flask import request

from runhook.worker.runninghub.sandbox.answers import Json, asked, key_of, legacy

MISSING = "404"  # what an id ends with that there is not
# Rows of the call example (api-425761097), one of each type that it names.
FIELDS: list[Json] = [
    {
        "nodeId": node,
        "nodeName": name,
        "fieldName": field,
        "fieldValue": value,
        "fieldData": data,
        "fieldType": kind,
        "description": words,
        "descriptionEn": words,
    }
    for node, name, field, value, data, kind, words in (
        ("6", "CLIPTextEncode", "text", "a cat", "", "STRING", "what to see"),
        ("52", "LoadImage", "image", "0123.png", "", "IMAGE", "a picture to begin with"),
        ("3", "KSampler", "seed", "1", "", "INT", "the seed"),
        ("3", "KSampler", "denoise", "0.6", "", "FLOAT", "how far from the picture"),
        ("7", "StylePicker", "style", "photo", '["photo", "anime", "ink"]', "LIST", "the style"),
        ("8", "Upscale", "enabled", "false", "", "BOOLEAN", "twice the size"),
    )
]
# ComfyUI's API format: links are [node, output], all else can be set.
GRAPH: Json = {
    "3": {
        "inputs": {"seed": 1, "steps": 20, "denoise": 1, "model": ["4", 0], "positive": ["6", 0]},
        "class_type": "KSampler",
        "_meta": {"title": "KSampler"},
    },
    "4": {
        "inputs": {"ckpt_name": "sandbox.safetensors"},
        "class_type": "CheckpointLoaderSimple",
        "_meta": {"title": "Load Checkpoint"},
    },
    "6": {
        "inputs": {"text": "a cat", "clip": ["4", 1]},
        "class_type": "CLIPTextEncode",
        "_meta": {"title": "Prompt"},
    },
    "9": {
        "inputs": {"filename_prefix": "ComfyUI", "images": ["3", 0]},
        "class_type": "SaveImage",
        "_meta": {"title": "Save Image"},
    },
}
# A row of the style library (doc-7314488); "Loar" is the API's own spelling.
STYLE: Json = {
    "id": "1",
    "type": 1,
    "modelCategory": "style",
    "modelName": "ink",
    "modelKey": "ink-01",
    "modelPreviewUrl": "https://files.example.com/ink.png",
    "content": "",
    "modelTrigger": "ink drawing",
    "modelLoar1FileName": "ink.safetensors",
    "modelLoar1Weight": "0.8",
    "modelLoar2FileName": "",
    "modelLoar2Weight": "",
}


def workflow_fault(body: Json, workflow_id: Any) -> Json | None:
    """Why a workflow is not taken, in the legacy shape."""
    if not str(workflow_id).isdecimal() or str(workflow_id) == "0":
        return legacy(301, "PARAMS_INVALID")
    if str(workflow_id).endswith(MISSING):
        return legacy(380, "WORKFLOW_NOT_EXISTS")
    if "workflow" in body:
        if body.get("nodeInfoList"):
            return legacy(803, "APIKEY_INVALID_NODE_INFO")
        if not isinstance(body["workflow"], str):
            return legacy(301, "PARAMS_INVALID")
    return None


def app_fault(body: Json, webapp_id: Any, *, named: bool = False) -> Json | None:
    """Why an app is not taken; a quick create must name every node's name and type as well."""
    if not str(webapp_id).isdecimal():
        return legacy(301, "PARAMS_INVALID")
    if str(webapp_id).endswith(MISSING):
        return legacy(901, "WEBAPP_NOT_EXISTS")
    nodes = body.get("nodeInfoList")
    if not isinstance(nodes, list):
        return legacy(301, "PARAMS_INVALID")
    known = {(row["nodeId"], row["fieldName"]) for row in FIELDS}
    for node in nodes:
        if (node.get("nodeId"), node.get("fieldName")) not in known:
            return legacy(803, "APIKEY_INVALID_NODE_INFO")
        if named and not (node.get("nodeName") and node.get("fieldType")):
            return legacy(803, "APIKEY_INVALID_NODE_INFO")
    return None


def workflow_json() -> Json:
    """Get Workflow JSON."""
    body = asked()
    if not key_of(body):
        return legacy(802, "APIKEY_UNAUTHORIZED")
    wrong = workflow_fault({}, body.get("workflowId", ""))
    return wrong or legacy(0, "success", {"prompt": json.dumps(GRAPH)})


def call_example() -> Json:
    """The call example of an app."""
    webapp_id = request.args.get("webappId", "")
    if not request.args.get("apiKey"):
        return legacy(802, "APIKEY_UNAUTHORIZED")
    wrong = app_fault({"nodeInfoList": []}, webapp_id)
    if wrong:
        return wrong
    counts = ("likeCount", "downloadCount", "useCount", "pv", "collectCount")
    data = {
        "curl": f"curl --request POST '{request.host_url}task/openapi/ai-app/run' ...",
        "webappName": f"sandbox app {webapp_id}",
        "statisticsInfo": dict.fromkeys(counts, "1"),
        "nodeInfoList": FIELDS,
        "covers": [],
        "tags": [],
    }
    return legacy(0, "success", data)


def style_library() -> Json:
    """The style library of a quick create."""
    body = asked()
    wrong = app_fault({"nodeInfoList": []}, body.get("webappId", ""))
    if wrong or not isinstance(body.get("type"), int):
        return wrong or legacy(301, "PARAMS_INVALID")
    return legacy(0, "success", [STYLE | {"webappId": str(body["webappId"])}])
