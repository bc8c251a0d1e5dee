"""The shapes in RunningHub's JSON: envelopes, reports, outputs, amounts. Pure.

`wire` reads whole answers; this file knows what their parts look like, in both generations.
"""

from decimal import Decimal
from typing import Any

import orjson

from runhook.worker.domain.provider import Unreadable
from runhook.worker.domain.reports import Cost, Error, Output, Report, TaskState
from runhook.worker.runninghub.codes import (
    NO_SUCH_TASK,
    TASK_QUEUED,
    TASK_RUNNING,
    explain,
    heals_by_new_task,
)
from runhook.worker.runninghub.parsing import (
    LONGEST_NAME,
    Json,
    decimal,
    read_json,
    read_object,
    task_id,
    whole,
)

MOST_OUTPUTS = 200  # of one task; a record is read and written whole at each step of its job
AMOUNTS = ("consumeMoney", "thirdPartyConsumeMoney", "consumeCoins", "taskCostTime")
LONGEST_WHY = 2000  # characters of a failure's reason; a traceback's last lines fit
TEXTS = ("text", "content", "output")
Kept = tuple[tuple[Output, ...], tuple[str, ...]]  # outputs, and what was left out of them

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
        event = read_json(event)
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
    outputs, left_out = _v2_outputs(said.get("results"))
    code = error_code(said)
    state = STATES.get(word)
    if state is None:
        if word or not outputs:
            raise Unreadable(f"status {word[:40]!r} is not one that the reference names")
        state = "succeeded"
    error = None
    if state in ("failed", "cancelled"):
        error = _failure(state, code, error_text(said), said.get("failedReason"))
        outputs = ()
    cost, absurd = _cost(said.get("usage"))
    return Report(ref, state, outputs, error, cost, (*left_out, *absurd))


def legacy_report(said: Json, ref: str) -> Report:
    code, data = error_code(said), said.get("data")
    if code is None:
        items = data if isinstance(data, list) else []
        outputs, left_out = _outputs(items, ("fileUrl",), "fileType")
        cost, absurd = _legacy_cost(items)
        return Report(ref, "succeeded", outputs, None, cost, (*left_out, *absurd))
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
    detail: dict[str, Any] = {
        key: str(value)[:LONGEST_WHY] for key, value in named.items() if value
    }
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
    return Error("rejected", message, code, {"kind": row.matter})


def broken_graph(said: Json, ref: str) -> Report | None:
    """`promptTips` with node errors: a task id came, but the graph will not run (api-276642704)."""
    tips = said.get("promptTips")
    try:
        tips = read_json(tips) if isinstance(tips, str) else tips
    except Unreadable:
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


def _outputs(items: list[Any], url_names: tuple[str, ...], kind: str) -> Kept:
    """What a task made, a URL and a text beside it both, and what was left out."""
    outputs, left_out = [], []
    for item in items:
        found = _output(item, url_names, kind) if isinstance(item, dict) else None
        if found:
            outputs.append(found)
        elif not isinstance(item, dict) or any(item.get(name) for name in (*url_names, *TEXTS)):
            left_out.append("a result of which neither URL nor text can be read")
    if len(outputs) > MOST_OUTPUTS:
        left_out.append(f"{len(outputs) - MOST_OUTPUTS} results beyond the first {MOST_OUTPUTS}")
    return tuple(outputs[:MOST_OUTPUTS]), tuple(dict.fromkeys(left_out))


def _output(item: Json, url_names: tuple[str, ...], kind: str) -> Output | None:
    url = next((url for name in url_names if (url := _str(item.get(name)))), None)
    text = next((text for name in TEXTS if (text := _text(item.get(name)))), None)
    node = whole(item.get("nodeId")) or None
    return Output(url, _str(item.get(kind)), text, node) if url or text else None


def _str(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _text(value: Any) -> str | None:
    """A text that was made; a list or an object that was made stays JSON."""
    if isinstance(value, dict | list):
        return orjson.dumps(value, default=str).decode() if value else None
    return str(value) if value is not None and value is not False else None


def _v2_outputs(results: Any) -> Kept:
    items = results if isinstance(results, list) else []
    return _outputs(items, ("url", "outputUrl"), "outputType")


def _cost(usage: Any) -> tuple[Cost | None, tuple[str, ...]]:
    """What was charged, and the amounts that are none, which count as not told."""
    usage = usage if isinstance(usage, dict) else {}
    given = {name: decimal(usage.get(name)) for name in AMOUNTS}
    absurd = tuple(
        f"{name} {str(value)[:40]!r} is no amount"
        for name, amount in given.items()
        if amount is None and (value := usage.get(name)) not in (None, "", False)
    )
    paid = [given[name] for name in AMOUNTS[:2]]
    amounts = [amount for amount in paid if amount is not None]
    money = format(sum(amounts, Decimal(0)), "f") if amounts else None
    coins, seconds = given["consumeCoins"], given["taskCostTime"]
    cost = Cost(
        money=money,
        coins=format(coins, "f") if coins is not None else None,
        seconds=format(seconds, "f") if seconds is not None else None,
    )
    return cost if cost != Cost() else None, absurd


def _legacy_cost(items: list[Any]) -> tuple[Cost | None, tuple[str, ...]]:
    # Every item carries the task's own amounts, so the first that has any is the task's.
    found = [_cost(item) for item in items[:MOST_OUTPUTS]]
    absurd = tuple(dict.fromkeys(words for _, said in found for words in said))
    return next((cost for cost, _ in found if cost), None), absurd


def inner(said: Json) -> Json:
    data = said.get("data")
    return data if isinstance(data, dict) else {}


def error_code(said: Json) -> str | None:
    """The error code as text; None when all is well (absent, empty, 0, null, false).

    What stands there and is no code is one that nobody has explained: not all is well.
    """
    for name in ("code", "errorCode", "error_code"):
        value = said.get(name)
        code = whole(value) or (str(value)[:LONGEST_NAME] if value else None)
        if code not in (None, "", "0", "200"):  # the upload page shows 200 for success
            return code
    return None


def error_text(said: Json) -> str:
    for name in ("msg", "message", "errorMessage", "error_message"):
        if isinstance(text := said.get(name), str) and text and text.casefold() != "success":
            return text[:500]
    return ""
