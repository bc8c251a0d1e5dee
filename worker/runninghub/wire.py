"""Our values as RunningHub's JSON and back: requests, and what answers and callbacks mean. Pure.

With `shapes` and `facts` it is the only place that knows their field names.

Facts from the documentation pages of RunningHub's API: submit and query V2 (api-425767306), create
(api-276642704), outputs (api-276642708), webhook detail (api-276642713), upload (api-425749007).
"""

import json
from contextlib import suppress
from dataclasses import replace

from runhook.worker.domain.provider import Submit, Unreadable
from runhook.worker.domain.reports import (
    Accepted,
    Busy,
    Error,
    Recorded,
    Refused,
    Report,
    SubmitAnswer,
    TaskState,
    Uncertain,
)
from runhook.worker.runninghub.codes import (
    BUSY_HTTP,
    NO_SUCH_TASK,
    SLOW_DOWN,
    TASK_FAILED,
    explain,
)
from runhook.worker.runninghub.parsing import (
    Json,
    as_text,
    odd_id,
    parsed,
    read_object,
    task_id,
    whole,
)
from runhook.worker.runninghub.shapes import (
    STATES,
    broken_graph,
    error_code,
    error_text,
    inner,
    legacy_report,
    no_answer,
    read_event,
    rejected,
    v2_report,
)

NO_WEBHOOK_EVENT = "1"  # "webhook event not exists", seen


# Out: requests.


def submit_request(wanted: Submit) -> tuple[str, Json]:
    """Path and body of a paid submit; the legacy ones get their apiKey from the client."""
    kind, _, rest = wanted.model.partition("/")
    hook: Json = {}
    if wanted.webhook_url:
        hook["webhookUrl"] = wanted.webhook_url
    match kind:
        case "workflow":
            return _workflow_request(rest, wanted, hook)
        case "app":
            body = {"nodeInfoList": _nodes(wanted), **wanted.options, **hook}
            if wanted.legacy:
                return "/task/openapi/ai-app/run", {"webappId": rest, **body}
            return f"/openapi/v2/run/ai-app/{rest}", body
        case "quick":
            app, _, code = rest.partition("/")
            # Its schema (doc-7314488) has neither webhookUrl nor options.
            body = {"webappId": app, "quickCreateCode": code, "nodeInfoList": _nodes(wanted)}
            return "/task/openapi/quick-ai-app/run", body
        case _:
            return f"/openapi/v2/{wanted.model}", {**wanted.given, **hook}


def _workflow_request(workflow_id: str, wanted: Submit, hook: Json) -> tuple[str, Json]:
    body: Json = {"workflowId": workflow_id, **hook, **wanted.options}
    if nodes := _nodes(wanted):
        body["nodeInfoList"] = nodes
    # A whole graph goes as text (api-425761093); users may write it as the object that it is.
    if "workflow" in body and not isinstance(body["workflow"], str):
        body["workflow"] = json.dumps(body["workflow"], ensure_ascii=False)
    return "/task/openapi/create", body


def _nodes(wanted: Submit) -> list[Json]:
    """About nodeInfoList (doc-8287336); a quick create wants each node's name and type as well."""
    nodes = []
    for name, value in wanted.given.items():
        node, _, attribute = name.partition(".")
        row: Json = {"nodeId": node, "fieldName": attribute, "fieldValue": value}
        if known := wanted.fields.get(name):
            row |= {
                "nodeName": known.node_name,
                "fieldType": known.type,
                "description": known.description,
            }
        nodes.append(row)
    return nodes


# In: answers to a submit.


def read_submit(status: int, body: bytes) -> SubmitAnswer:
    """Sort the answer to a paid submit by who pays; what cannot be read is uncertain.

    Args:
        status: The HTTP status; RunningHub says most errors under 200.
        body: In either generation's shape (api-425767306, api-276642704).
    """
    try:
        said = read_object(body, status)
    except Unreadable as error:
        return _unreadable(status, body, str(error))
    data, code = inner(said), error_code(said)
    ref = task_id(data) or task_id(said)
    if not ref and (odd := odd_id(data) or odd_id(said)):
        why = f"{odd!r} where a task id should be, error {code or 'none'}: {error_text(said)}"
        return Uncertain(why=why, code=code)
    if code is not None:
        return _with_code(code, error_text(said), ref)
    if ref:
        return _with_task(status, said, ref)
    return _by_http(status, f"HTTP {status}, no task id") or Uncertain(
        why="an answer with neither task id nor error"
    )


def _unreadable(status: int, body: bytes, why: str) -> SubmitAnswer:
    ref = _task_of_unreadable(body)
    if ref is None:
        return _by_http(status, why) or Uncertain(why=why, outage=status >= 500)
    why = f"only its task id can be read: {why}"
    if status >= 400:
        return Uncertain(why=why, code=str(status), ref=ref, outage=True)
    return Uncertain(why=why, ref=ref)


def _with_code(code: str, text: str, ref: str | None) -> SubmitAnswer:
    """What an error code means; a task id beside it makes it uncertain, whatever the code."""
    row = explain(code)
    if ref:
        # Sources disagree: some let the code decide and send again, some the id. Only asking tells.
        why = f"a task id together with error {code}: {text}"
        return Uncertain(why=why, code=code, ref=ref, busy=row.again == "later")
    if row.again == "later":
        return Busy(code=code, message=text or row.meaning, own_machines=row.own_machines)
    if row.again == "no":
        return Refused(rejected(code, text))
    return Uncertain(why=f"error {code}: {text or row.meaning}", code=code, outage=row.outage)


def _with_task(status: int, said: Json, ref: str) -> SubmitAnswer:
    """A task id and no error: accepted, unless the HTTP status says otherwise."""
    if status >= 400:
        return Uncertain(
            why=f"HTTP {status} together with a task id", code=str(status), ref=ref, outage=True
        )
    report = broken_graph(inner(said) or said, ref) or broken_graph(said, ref)
    if report is None and "code" not in said:  # the older envelope never holds results
        report = _first_report(said, ref)
    return Accepted(ref, report)


def _task_of_unreadable(body: bytes) -> str | None:
    """The task's id at its known place, in an answer that is JSON and refused for its depth."""
    with suppress(Unreadable, UnicodeDecodeError):
        said = parsed(body.decode("utf-8-sig"))
        if isinstance(said, dict):
            return task_id(inner(said)) or task_id(said)
    return None


def _by_http(status: int, why: str) -> SubmitAnswer | None:
    """What the HTTP status alone decides; None: nothing.

    Args:
        status: The HTTP status.
        why: What is wrong with the answer, beginning with that.
    """
    if str(status) == BUSY_HTTP:
        return Busy(code=BUSY_HTTP, message="HTTP 429")
    if status == 408 or status >= 500:
        return Uncertain(why=why, code=str(status), outage=True)
    if status >= 300:
        return Refused(
            Error(
                code="rejected",
                message=f"RunningHub answered {why}; nothing was paid",
                provider_code=str(status),
            )
        )
    return None


def _first_report(said: Json, ref: str) -> Report | None:
    """What a submit's answer says beyond its acceptance: some models answer with their results."""
    try:
        report = v2_report(said, ref)
    except Unreadable:
        return None
    if report.state in ("failed", "cancelled") or (report.state == "succeeded" and report.outputs):
        return report
    return None


# In: what is known of a task.


def read_query(status: int, body: bytes) -> Report:
    """The answer of query V2.

    Raises:
        Unreadable: It says nothing of the task: not JSON, or an error about the question itself.
    """
    said = read_object(body, status)
    code = error_code(said)
    # A task that is not known has an empty status and 1004 (seen): neither failed nor an outage.
    state = STATES.get(str(said.get("status") or "").upper())
    if state is None:
        if code in NO_SUCH_TASK:
            return Report(ref=task_id(said) or "", state="unknown")
        raise no_answer(code, error_text(said))
    return v2_report(said, task_id(said) or "")


def read_outputs(status: int, body: bytes, ref: str) -> Report:
    """The answer of Check Task Output, for ComfyUI tasks.

    Raises:
        Unreadable: It says nothing of the task.
    """
    said = read_object(body, status)
    report = legacy_report(said, ref)
    if report.state == "failed" and error_code(said) != TASK_FAILED:
        raise no_answer(error_code(said), error_text(said))
    return report


def read_status(status: int, body: bytes) -> TaskState:
    """The answer of Check Task Status.

    Raises:
        Unreadable: It says nothing of the task.
    """
    said = read_object(body, status)
    state = STATES.get(str(said.get("data") or "").upper())
    if state is None:
        code = error_code(said)
        if code in NO_SUCH_TASK:
            return "unknown"
        raise no_answer(code, error_text(said))
    return state


def read_callback(body: bytes) -> Report:
    """The body of a callback, in any shape seen: `eventData` as object or text, or no envelope.

    Raises:
        Unreadable: It says nothing of a task's end.
    """
    said = read_object(body)
    event = said.get("eventData", said)
    ref = task_id(said)
    report = read_event(event, ref)
    inner = report.ref
    if ref and inner and ref != inner:
        raise Unreadable(f"it names two tasks, {ref} and {inner}")
    if not (ref or inner):
        raise Unreadable("it names no task")
    return replace(report, ref=ref or inner)


def read_webhook_detail(status: int, body: bytes) -> Recorded | None:
    """RunningHub's own record of a callback; None when there is none.

    Raises:
        Unreadable: It says neither.
    """
    said = read_object(body, status)
    code = error_code(said)
    data = said.get("data")
    if code in (NO_WEBHOOK_EVENT, *NO_SUCH_TASK) or (code is None and data is None):
        return None
    if code is not None or not isinstance(data, dict):
        raise no_answer(code, error_text(said))
    ref = task_id(data)
    # A record whose event cannot be read is still a record: a resend brings the event anew.
    try:
        report = read_event(data.get("eventData"), ref)
    except Unreadable:
        report = None
    if report and ref and report.ref and report.ref != ref:
        report = None
    if report:
        report = replace(report, ref=ref or report.ref)
    url = as_text(data.get("webhookUrl")) or ""
    return Recorded(webhook_id=whole(data.get("id")) or "", webhook_url=url, report=report)


def read_done(status: int, body: bytes) -> None:
    """The answer of a resend or a cancel.

    Raises:
        Unreadable: It was not done; the text says why.
    """
    said = read_object(body, status)
    code = error_code(said)
    if code is not None or "code" not in said:
        raise no_answer(code, error_text(said))


def asks_to_slow_down(status: int, body: bytes) -> bool:
    """Whether an answer is 1003 or HTTP 429."""
    try:
        return status == int(BUSY_HTTP) or error_code(read_object(body)) in SLOW_DOWN
    except Unreadable:
        return False
