"""The shapes in RunningHub's JSON: envelopes, reports, outputs, amounts. Pure.

`wire` reads whole answers; this file knows what their parts look like, in both generations.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal

import orjson

from runhook.worker.domain.provider import Code, Unreadable
from runhook.worker.domain.reports import Cost, Error, Output, Report, TaskState
from runhook.worker.runninghub.codes import (
    NO_SUCH_TASK,
    TASK_QUEUED,
    TASK_RUNNING,
    explain,
    heals_by_new_task,
    refuses_content,
)
from runhook.worker.runninghub.parsing import (
    LONGEST_NAME,
    Json,
    as_list,
    as_object,
    as_text,
    decimal,
    read_json,
    read_object,
    task_id,
    whole,
)

MOST_OUTPUTS = 200  # of one task; a record is read and written whole at each step of its job
MOST_NODES = 20  # of a graph that are named with their errors; nobody mends more at once
# Run time and third party are charged side by side (model pages), so what is paid is their sum.
MONEY = ("consumeMoney", "thirdPartyConsumeMoney")
# Typed String on the model pages, numbers in some callbacks, and null for whatever does not apply.
AMOUNTS = (*MONEY, "consumeCoins", "taskCostTime")
# Of failedReason (query V2, api-425767306); the rest are the inputs, which may hold anything.
REASONS = ("node_id", "node_name", "exception_type", "exception_message")
LONGEST_WHY = 2000  # characters of a failure's reason; a traceback's last lines fit
LONGEST_TEXT = 500  # characters of an error's text, which comes with every answer
LONGEST_NODE_ERROR = 300  # characters; there may be twenty of them
TEXTS = ("text", "content", "output")  # where the reference's own kit looks for a text
# A failure without a code says nothing of what to do next.
NO_REASON = Code(matter="unknown", meaning="no reason given", again="unknown", advice="")
Kept = tuple[tuple[Output, ...], tuple[str, ...]]  # outputs, and what was left out of them

# Both generations' words, and the spellings of CANCEL that clients tolerate.
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
    """What a callback's eventData says, an object or JSON in a text.

    Args:
        event: The member as it came, or the whole body where there is no envelope.
        ref: The task that the envelope names.

    Raises:
        Unreadable: It is no report of an end.
    """
    event = _unpacked(event)
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
    """What query V2, a V2 callback or a submit's answer with results says of a task.

    Raises:
        Unreadable: Its status is not one that the reference names.
    """
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
    return Report(
        ref=ref, state=state, outputs=outputs, error=error, cost=cost, left_out=(*left_out, *absurd)
    )


def legacy_report(said: Json, ref: str) -> Report:
    """What Check Task Output (api-276642708) or a legacy callback says, by its code."""
    code, data = error_code(said), said.get("data")
    if code is None:
        items = as_list(data)
        outputs, left_out = _outputs(items, ("fileUrl",), "fileType")
        cost, absurd = _legacy_cost(items)
        return Report(
            ref=ref,
            state="succeeded",
            outputs=outputs,
            error=None,
            cost=cost,
            left_out=(*left_out, *absurd),
        )
    if code == TASK_RUNNING:
        return Report(ref=ref, state="running")
    if code == TASK_QUEUED:
        return Report(ref=ref, state="queued")
    if code in NO_SUCH_TASK:
        return Report(ref=ref, state="unknown")
    reason = as_object(data).get("failedReason")
    return Report(
        ref=ref,
        state="failed",
        outputs=(),
        error=_failure("failed", code, error_text(said), reason),
    )


def _failure(
    state: Literal["failed", "cancelled"], code: str | None, text: str, reason: Any
) -> Error:
    """Why a task ended without success; what that means for the money only its job knows."""
    reason = as_object(reason)
    detail: dict[str, Any] = {
        key: str(value)[:LONGEST_WHY] for key in REASONS if (value := reason.get(key))
    }
    row = NO_REASON
    if code:
        row = explain(code)
    why = detail.get("exception_message") or text or row.meaning
    where, advice = "", ""
    if "node_name" in detail:
        where = f" in node {detail['node_name']}"
    if state == "failed":
        advice = f" {row.advice}"
        if heals_by_new_task(f"{why} {text}"):
            detail["infrastructure"] = True
        if refuses_content(f"{why} {text}"):
            detail["content"] = True
    message = f"RunningHub {state} it{where}: {why}.{advice}"
    return Error(code=state, message=message.rstrip(), provider_code=code, detail=detail)


def rejected(code: str, text: str) -> Error:
    """A surely refused submit, in plain words: what happened, what is paid, what to do."""
    row = explain(code)
    why = row.meaning
    if text and text.casefold() != row.meaning:
        why = f"{row.meaning} ({text})"
    message = f"RunningHub refused it: {why}. Nothing was paid. {row.advice}"
    return Error(code="rejected", message=message, provider_code=code, detail={"kind": row.matter})


def broken_graph(said: Json, ref: str) -> Report | None:
    """`promptTips` with node errors: a task id came, but the graph will not run (api-276642704)."""
    tips = said.get("promptTips")
    if not tips:  # as of most
        return None
    try:
        tips = _unpacked(tips)
    except Unreadable:
        return None
    if not isinstance(tips, dict) or not (tips.get("node_errors") or tips.get("result") is False):
        return None
    nodes = as_object(tips.get("node_errors"))
    named = [_node_error(node, as_object(nodes[node])) for node in list(nodes)[:MOST_NODES]]
    why = "; ".join(named) or str(tips.get("error") or "its graph is invalid")[:LONGEST_TEXT]
    message = (
        f"RunningHub took it, but its graph will not run: {why}. Mend the node, then ask again."
    )
    detail: dict[str, Any] = {"nodes": list(nodes)[:MOST_NODES]}
    if len(nodes) == 1:
        detail["node_id"] = next(iter(nodes))
    return Report(
        ref=ref,
        state="failed",
        outputs=(),
        error=Error(code="failed", message=message, provider_code="433", detail=detail),
    )


def _node_error(node: str, found: Json) -> str:
    name = f"node {node}"
    if found.get("class_type"):
        name = f"node {node} ({found['class_type']})"
    texts = [
        " ".join(str(error[k]) for k in ("message", "details") if error.get(k))
        for error in as_list(found.get("errors"))
        if isinstance(error, dict)
    ]
    return f"{name}: {'; '.join(texts)[:LONGEST_NODE_ERROR] or 'invalid'}"


def _unpacked(value: Any) -> Any:
    """A member that pages show as an object and answers hold as JSON in a text, or the other way.

    Raises:
        Unreadable: It is a text and not JSON.
    """
    if isinstance(value, str):
        return read_json(value)
    return value


def no_answer(code: str | None, text: str) -> Unreadable:
    """Why a free question has no usable answer: an error code, or nothing in it."""
    if code:
        return Refusal(code, text)
    return Unreadable("an answer without content")


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
        found = _output(as_object(item), url_names, kind)
        if found:
            outputs.append(found)
        elif not isinstance(item, dict) or any(item.get(name) for name in (*url_names, *TEXTS)):
            left_out.append("a result of which neither URL nor text can be read")
    if len(outputs) > MOST_OUTPUTS:
        left_out.append(f"{len(outputs) - MOST_OUTPUTS} results beyond the first {MOST_OUTPUTS}")
    return tuple(outputs[:MOST_OUTPUTS]), tuple(dict.fromkeys(left_out))


def _output(item: Json, url_names: tuple[str, ...], kind: str) -> Output | None:
    url = next((url for name in url_names if (url := as_text(item.get(name)))), None)
    text = next((text for name in TEXTS if (text := _text(item.get(name)))), None)
    if not url and not text:
        return None
    node = whole(item.get("nodeId")) or None
    return Output(url=url, type=as_text(item.get(kind)), text=text, node_id=node)


def _text(value: Any) -> str | None:
    """A text that was made; a list or an object that was made stays JSON."""
    if value is None or value is False or value in ([], {}):
        return None
    if isinstance(value, dict | list):
        return orjson.dumps(value, default=str).decode()
    return str(value)


def _v2_outputs(results: Any) -> Kept:
    return _outputs(as_list(results), ("url", "outputUrl"), "outputType")


def _cost(usage: Any) -> tuple[Cost | None, tuple[str, ...]]:
    """What was charged, and the amounts that are none, which count as not told."""
    usage = as_object(usage)
    given = {name: decimal(usage.get(name)) for name in AMOUNTS}
    absurd = tuple(
        f"{name} {str(value)[:40]!r} is no amount"
        for name, amount in given.items()
        if amount is None and (value := usage.get(name)) not in (None, "", False)
    )
    cost = Cost(
        money=_sum(given[name] for name in MONEY),
        coins=_sum([given["consumeCoins"]]),
        seconds=_sum([given["taskCostTime"]]),
    )
    if cost == Cost():
        return None, absurd
    return cost, absurd


def _sum(amounts: Iterable[Decimal | None]) -> str | None:
    """The exact sum of the amounts that were told; None where none was."""
    told = [amount for amount in amounts if amount is not None]
    if not told:
        return None
    # Begun with the first and not with 0, which would round one amount of over 28 digits.
    return format(sum(told[1:], told[0]), "f")


def _legacy_cost(items: list[Any]) -> tuple[Cost | None, tuple[str, ...]]:
    # Every item carries the task's own amounts, so the first that has any is the task's.
    found = [_cost(item) for item in items[:MOST_OUTPUTS]]
    absurd = tuple(dict.fromkeys(words for _, said in found for words in said))
    return next((cost for cost, _ in found if cost), None), absurd


def inner(said: Json) -> Json:
    """What an answer of the older generation holds under `data`."""
    return as_object(said.get("data"))


def error_code(said: Json) -> str | None:
    """The error code as text; None when all is well (absent, empty, 0, null, false).

    What stands there and is no code is one that nobody has explained: not all is well.
    """
    for name in ("code", "errorCode", "error_code"):
        value = said.get(name)
        code = whole(value) or str(value or "")[:LONGEST_NAME]
        if code not in ("", "0", "200"):  # the upload page shows 200 for success
            return code
    return None


def error_text(said: Json) -> str:
    """What an answer says of its error, in any generation's member; "" for success."""
    for name in ("msg", "message", "errorMessage", "error_message"):
        if isinstance(text := said.get(name), str) and text and text.casefold() != "success":
            return text[:LONGEST_TEXT]
    return ""
