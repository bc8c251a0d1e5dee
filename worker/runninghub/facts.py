"""RunningHub's answers about apps, workflows, prices, files and the account, read. Pure.

Facts: call example of AI apps (api-425761097), workflow JSON (api-276642706), upload (api-425749007
and api-276642711), LoRA upload (api-276642712), account (api-276642710), quick create
(doc-7314488); queue/status and price-preview as seen in clients.
"""

from decimal import Decimal
from typing import Any

from runhook.worker.domain.provider import Unreadable
from runhook.worker.domain.reports import (
    Account,
    App,
    AppField,
    Capacity,
    LivePrice,
    Style,
    Uploaded,
)
from runhook.worker.runninghub.parsing import Json, as_text, decimal, read_json, read_object, whole
from runhook.worker.runninghub.shapes import data_of, error_code, error_text, no_answer

LONGEST_COUNT = 9  # digits of how many tasks an account has


def read_queue_status(status: int, body: bytes) -> Capacity:
    """The answer of queue/status: counts are text, the limit a number.

    Raises:
        Unreadable: It does not say how many tasks there are.
    """
    data = _object(body, status)
    running, queued = _count(data.get("runningCount")), _count(data.get("queuedCount"))
    total = _count(data.get("totalCurrentTasks"))
    if total is None:
        if running is None or queued is None:
            raise Unreadable("queue/status names no counts")
        total = running + queued
    limit = _count(data.get("concurrentLimit"))  # no other call names it; 0 is as good as none
    return Capacity(
        limit=limit or None,
        total=total,
        running=running,
        queued=queued,
        type=whole(data.get("apiKeyType")),
    )


def read_account(status: int, body: bytes) -> Account:
    """The answer of Get Account Information: amounts are text, or null.

    Raises:
        Unreadable: It says nothing of the account.
    """
    data = _object(body, status)
    return Account(
        coins=_amount(data.get("remainCoins")),
        money=_amount(data.get("remainMoney")),
        currency=whole(data.get("currency")),
        tasks=_count(data.get("currentTaskCounts")),
        type=whole(data.get("apiType")),
    )


def read_price(status: int, body: bytes) -> LivePrice:
    """The answer of price-preview.

    Raises:
        Unreadable: It names no price.
    """
    said = read_object(body, status)
    code = error_code(said)
    money = decimal(said.get("estimatedPrice"))
    if code is not None or money is None:
        raise no_answer(code, error_text(said))
    return LivePrice(money, whole(said.get("currency")), said.get("isFreeThisCall") is True)


def read_app(status: int, body: bytes) -> App:
    """The answer of the call example: an app's name and fields.

    Raises:
        Unreadable: It names no fields.
    """
    data = _object(body, status)
    rows = data.get("nodeInfoList")
    if not isinstance(rows, list):
        raise Unreadable("the call example names no fields")
    fields = tuple(_field(row) for row in rows if isinstance(row, dict))
    # No source gives its type, so every spelling of yes counts.
    needs_password = data.get("accessEncrypted") in (True, 1, "true", "1")
    return App(str(data.get("webappName") or ""), fields, needs_password)


def read_workflow(status: int, body: bytes) -> dict[str, Any]:
    """The answer of Get Workflow JSON: the graph in ComfyUI's API format.

    Raises:
        Unreadable: It holds no graph.
    """
    graph = _object(body, status).get("prompt")
    try:
        if isinstance(graph, str):
            graph = read_json(graph, float)
    except Unreadable as error:
        raise Unreadable(f"the workflow cannot be read: {error}") from None
    if not isinstance(graph, dict):
        raise Unreadable("the answer holds no workflow")
    return graph


def read_styles(status: int, body: bytes) -> list[Style]:
    """The answer of the style library.

    Raises:
        Unreadable: It is no list.
    """
    rows = data_of(body, status)
    if not isinstance(rows, list):
        raise Unreadable("the style library is no list")
    return [_style(row) for row in rows if isinstance(row, dict)]


def read_upload(status: int, body: bytes) -> Uploaded:
    """The answer of either upload; pages differ in the spelling of the name.

    Raises:
        Unreadable: It names no file.
    """
    data = _object(body, status)
    # The English page shows `filename`, answers have `fileName` (seen).
    name = data.get("fileName") or data.get("filename")
    if not isinstance(name, str) or not name:
        raise Unreadable("the answer names no file")
    return Uploaded(name, as_text(data.get("download_url") or data.get("downloadUrl")))


def read_lora_url(status: int, body: bytes) -> tuple[str, str]:
    """The answer of getLoraUploadUrl: a name and a signed URL.

    Raises:
        Unreadable: One is missing.
    """
    data = _object(body, status)
    name, url = data.get("fileName"), data.get("url")
    if not isinstance(name, str) or not isinstance(url, str):
        raise Unreadable("the answer names no file or no URL")
    return name, url


def _object(body: bytes, status: int) -> Json:
    data = data_of(body, status)
    if not isinstance(data, dict):
        raise Unreadable("the answer holds no object")
    return data


def _field(row: Json) -> AppField:
    default = row.get("fieldValue")
    if default is not None:
        default = str(default)
    return AppField(
        key=f"{whole(row.get('nodeId')) or ''}.{row.get('fieldName') or ''}",
        node_name=str(row.get("nodeName") or ""),
        type=str(row.get("fieldType") or "STRING").upper(),
        default=default,
        choices=_choices(row),
        description=str(row.get("descriptionEn") or row.get("description") or ""),
    )


def _choices(row: Json) -> tuple[str, ...]:
    """What a list takes. Its shape is in no source, so what is not understood checks nothing."""
    if str(row.get("fieldType") or "").upper() not in ("LIST", "SWITCH"):
        return ()
    data = row.get("fieldData")
    try:
        if isinstance(data, str) and data:
            data = read_json(data)
    except Unreadable:
        return ()
    if isinstance(data, list) and data and isinstance(data[0], list):
        data = data[0]  # ComfyUI's own way: [["a", "b"], {"default": "a"}]
    if isinstance(data, list) and all(isinstance(item, str | int) for item in data):
        return tuple(str(item) for item in data)
    return ()


def _style(row: Json) -> Style:
    pairs = [
        (row.get(f"modelLoar{n}FileName"), row.get(f"modelLoar{n}Weight")) for n in (1, 2)
    ]  # "Loar" is the API's own spelling
    return Style(
        id=whole(row.get("id")) or "",
        category=str(row.get("modelCategory") or ""),
        name=str(row.get("modelName") or ""),
        key=str(row.get("modelKey") or ""),
        trigger=str(row.get("modelTrigger") or ""),
        preview_url=str(row.get("modelPreviewUrl") or ""),
        loras=tuple((str(name), str(weight or "")) for name, weight in pairs if name),
    )


def _count(value: Any) -> int | None:
    text = whole(value) or ""
    if text.isdecimal() and len(text) <= LONGEST_COUNT:
        return int(text)
    return None


def _amount(value: Any) -> str | None:
    amount: Decimal | None = decimal(value)
    if amount is None:
        return None
    return f"{amount:f}"
