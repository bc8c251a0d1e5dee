"""The shapes in RunningHub's JSON: envelopes, reports, outputs, amounts. Pure.

`wire` reads whole answers; this file knows what their parts look like, in both generations.
"""

import json
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from worker.reports import Cost, Error, Output, Report, TaskState
from worker.runninghub.codes import NO_SUCH_TASK, TASK_QUEUED, TASK_RUNNING, explain

Json = dict[str, Any]

STATES: dict[str, TaskState] = {
    "CREATE": "queued",
    "QUEUED": "queued",
    "RUNNING": "running",
    "SUCCESS": "succeeded",
    "FAILED": "failed",
    "CANCEL": "cancelled",
    "CANCELED": "cancelled",
    "CANCELLED": "cancelled",
}


class Unreadable(Exception):
    """What came is not what RunningHub's API says. The text says how."""


def read_event(event: Any, ref: str | None) -> Report:
    if isinstance(event, str):
        event = read_object(event.encode())
    if not isinstance(event, dict):
        raise Unreadable("it holds no event data")
    if "code" in event and isinstance(inner := event.get("data"), dict) and "status" in inner:
        event = inner  # {code, msg, data: {status, results}}: seen in one production service
    if "status" in event or "results" in event:
        report = v2_report(event, task_id(event) or ref or "")
    elif "code" in event:
        report = legacy_report(event, task_id(event) or ref or "")
    else:
        raise Unreadable("its event data has neither status nor code")
    if report.state not in ("succeeded", "failed", "cancelled"):
        raise Unreadable(f"it reports no end but {report.state}")
    return report


def v2_report(said: Json, ref: str) -> Report:
    word = str(said.get("status") or "").upper()
    outputs = _v2_outputs(said.get("results"))
    code = error_code(said)
    state = STATES.get(word)
    if state is None:
        if word or not outputs:
            raise Unreadable(f"status {word!r} is not one that the reference names")
        state = "succeeded"
    error = None
    if state in ("failed", "cancelled"):
        error = _failure(state, code, error_text(said), said.get("failedReason"))
        outputs = ()
    return Report(ref, state, outputs, error, _v2_cost(said.get("usage")))


def legacy_report(said: Json, ref: str) -> Report:
    code, data = error_code(said), said.get("data")
    if code is None:
        items = [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []
        return Report(ref, "succeeded", _legacy_outputs(items), None, _legacy_cost(items))
    if code == TASK_RUNNING:
        return Report(ref, "running")
    if code == TASK_QUEUED:
        return Report(ref, "queued")
    if code in NO_SUCH_TASK:
        return Report(ref, "unknown")
    reason = data.get("failedReason") if isinstance(data, dict) else None
    return Report(ref, "failed", (), _failure("failed", code, error_text(said), reason))


def _failure(state: str, code: str | None, text: str, reason: Any) -> Error:
    reason = reason if isinstance(reason, dict) else {}
    named = {
        "node_id": reason.get("node_id"),
        "node_name": reason.get("node_name"),
        "exception_type": reason.get("exception_type"),
        "exception_message": reason.get("exception_message"),
    }
    detail = {key: str(value) for key, value in named.items() if value}
    why = (
        detail.get("exception_message")
        or text
        or (explain(code).meaning if code else "no reason given")
    )
    where = f" in node {detail['node_name']}" if "node_name" in detail else ""
    ours = "cancelled" if state == "cancelled" else "failed"
    message = f"RunningHub {ours} it{where}: {why}. Run time up to here may be charged."
    return Error(ours, message, code, detail)


def plain_refusal(meaning: str, text: str) -> str:
    said = f" ({text})" if text and text.casefold() != meaning else ""
    return f"RunningHub refused it: {meaning}{said}. Nothing was paid."


def about_the_question(code: str | None, text: str) -> str:
    return f"error {code}: {text or explain(code).meaning}" if code else "an answer without content"


def _v2_outputs(results: Any) -> tuple[Output, ...]:
    items = (
        [item for item in results if isinstance(item, dict)] if isinstance(results, list) else []
    )
    outputs = []
    for item in items:
        url = item.get("url") or item.get("outputUrl")
        text = next((item[k] for k in ("text", "content", "output") if item.get(k)), None)
        if url or text:
            node, kind = whole(item.get("nodeId")), item.get("outputType")
            outputs.append(
                Output(_str(url), _str(kind), _str(text) if not url else None, node or None)
            )
    return tuple(outputs)


def _legacy_outputs(items: list[Json]) -> tuple[Output, ...]:
    return tuple(
        Output(_str(item["fileUrl"]), _str(item.get("fileType")), None, whole(item.get("nodeId")))
        for item in items
        if item.get("fileUrl")
    )


def _v2_cost(usage: Any) -> Cost | None:
    return _cost(usage) if isinstance(usage, dict) else None


def _legacy_cost(items: list[Json]) -> Cost | None:
    # Every item carries the task's own amounts, so the first that has any is the task's.
    return next((cost for item in items if (cost := _cost(item))), None)


def _cost(usage: Json) -> Cost | None:
    paid = [_decimal(usage.get(name)) for name in ("consumeMoney", "thirdPartyConsumeMoney")]
    amounts = [amount for amount in paid if amount is not None]
    money = format(sum(amounts, Decimal(0)), "f") if amounts else None
    coins, seconds = _decimal(usage.get("consumeCoins")), _decimal(usage.get("taskCostTime"))
    cost = Cost(
        money=money,
        coins=format(coins, "f") if coins is not None else None,
        seconds=format(seconds, "f") if seconds is not None else None,
    )
    return cost if cost != Cost() else None


def read_object(body: bytes, status: int = 200) -> Json:
    try:
        said = json.loads(body.decode("utf-8-sig"), parse_float=Decimal)
    except (ValueError, RecursionError):
        raise Unreadable(f"HTTP {status}, not JSON: {_head(body)}") from None
    if not isinstance(said, dict):
        raise Unreadable(f"HTTP {status}, not a JSON object: {_head(body)}")
    return cast(Json, said)


def _head(body: bytes) -> str:
    return body[:80].decode("utf-8", "replace").replace("\n", " ") or "an empty body"


def inner(said: Json) -> Json:
    data = said.get("data")
    return data if isinstance(data, dict) else {}


def error_code(said: Json) -> str | None:
    """The error code as text; None when all is well (absent, empty, 0, null)."""
    for name in ("code", "errorCode", "error_code"):
        code = whole(said.get(name))
        if code not in (None, "", "0"):
            return code
    return None


def error_text(said: Json) -> str:
    for name in ("msg", "message", "errorMessage", "error_message"):
        if isinstance(text := said.get(name), str) and text and text.casefold() != "success":
            return text[:500]
    return ""


def task_id(said: Json) -> str | None:
    """The task's id as text, also when it comes as a number beyond 2^53."""
    return whole(said.get("taskId")) or whole(said.get("task_id")) or None


def whole(value: Any) -> str | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return str(value)
    return value.strip()[:100] if isinstance(value, str) else None


def _str(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _decimal(value: Any) -> Decimal | None:
    if value is None or isinstance(value, bool) or value == "":
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None
