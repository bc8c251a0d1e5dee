"""The shapes in RunningHub's JSON: envelopes, reports, outputs, amounts. Pure.

`wire` reads whole answers; this file knows what their parts look like, in both generations.
"""

import json
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from worker.reports import Cost, Error, Output, Report, TaskState
from worker.runninghub.codes import (
    NO_SUCH_TASK,
    TASK_QUEUED,
    TASK_RUNNING,
    explain,
    heals_by_new_task,
)

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


class Refusal(Unreadable):
    """An error code in place of an answer to a free question.

    Attributes:
        code: Which.
    """

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        row = explain(code)
        super().__init__(f"error {code}: {text or row.meaning}. {row.advice}")


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
    detail: dict[str, Any] = {key: str(value) for key, value in named.items() if value}
    why = (
        detail.get("exception_message")
        or text
        or (explain(code).meaning if code else "no reason given")
    )
    where = f" in node {detail['node_name']}" if "node_name" in detail else ""
    if state == "failed" and heals_by_new_task(f"{why} {text}"):
        detail["infrastructure"] = True
    ours = "cancelled" if state == "cancelled" else "failed"
    advice = f" {explain(code).advice}" if code and state == "failed" else ""
    message = f"RunningHub {ours} it{where}: {why}. Run time up to here may be charged.{advice}"
    return Error(ours, message, code, detail)


def rejected(code: str, text: str) -> Error:
    """A surely refused submit, in plain words: what happened, what is paid, what to do."""
    row = explain(code)
    said = f" ({text})" if text and text.casefold() != row.meaning else ""
    message = f"RunningHub refused it: {row.meaning}{said}. Nothing was paid. {row.advice}"
    return Error("rejected", message, code, {"kind": row.kind})


def broken_graph(said: Json, ref: str) -> Report | None:
    """`promptTips` with node errors: a task id came, but the graph will not run (api-276642704)."""
    tips = said.get("promptTips")
    try:
        tips = json.loads(tips) if isinstance(tips, str) else tips
    except ValueError:
        return None
    if not isinstance(tips, dict) or not (tips.get("node_errors") or tips.get("result") is False):
        return None
    errors = tips.get("node_errors")
    nodes = errors if isinstance(errors, dict) else {}
    named = [_node_error(node, found) for node, found in list(nodes.items())[:20]]
    why = "; ".join(named) or str(tips.get("error") or "its graph is invalid")[:500]
    message = (
        f"RunningHub took it, but its graph will not run: {why}. Whether anything is charged it "
        "does not say. Mend the node, then ask again."
    )
    detail: dict[str, Any] = {"nodes": list(nodes)[:20]}
    if len(nodes) == 1:
        detail["node_id"] = next(iter(nodes))
    return Report(ref, "failed", (), Error("failed", message, "433", detail))


def _node_error(node: str, found: Any) -> str:
    found = found if isinstance(found, dict) else {}
    name = f" ({found['class_type']})" if found.get("class_type") else ""
    errors = found.get("errors")
    texts = [
        " ".join(str(error[k]) for k in ("message", "details") if error.get(k))
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, dict)
    ]
    return f"node {node}{name}: {'; '.join(texts)[:300] or 'invalid'}"


def no_answer(code: str | None, text: str) -> Unreadable:
    """Why a free question has no usable answer: an error code, or nothing in it."""
    return Refusal(code, text) if code else Unreadable("an answer without content")


def data_of(body: bytes, status: int) -> Any:
    """What an answer to a free question holds under `data`.

    Raises:
        Unreadable: It is not JSON, holds nothing, or an error code (Refusal).
    """
    said = read_object(body, status)
    code = error_code(said)
    data = said.get("data")
    if code is not None or data is None:
        raise no_answer(code, error_text(said))
    return data


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
    paid = [decimal(usage.get(name)) for name in ("consumeMoney", "thirdPartyConsumeMoney")]
    amounts = [amount for amount in paid if amount is not None]
    money = format(sum(amounts, Decimal(0)), "f") if amounts else None
    coins, seconds = decimal(usage.get("consumeCoins")), decimal(usage.get("taskCostTime"))
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
        if code not in (None, "", "0", "200"):  # the upload page shows 200 for success
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


def decimal(value: Any) -> Decimal | None:
    """An amount, exactly; None when it is none."""
    if value is None or isinstance(value, bool) or value == "":
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None
