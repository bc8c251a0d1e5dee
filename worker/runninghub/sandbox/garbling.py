"""Answers that are hard to read or to write down: bytes, amounts and sizes nobody expects."""

import json
from typing import Any

from flask import Response

from runhook.worker.runninghub.sandbox.answers import Json
from runhook.worker.runninghub.sandbox.faults import Chosen

# Half a surrogate pair, NUL and controls: JSON escapes them all, UTF-8 cannot hold the first.
UNWRITABLE = "\ud83d\x00\x07\x1b[2J\x7f"
ABSURD = ("1e999999999", "1e60000000")  # past what a Decimal may have, and 60 MB once written out
LONG = int("7" * 300)  # more digits than any amount has; JSON allows it
DEEP = 500  # past the 254 levels that orjson writes, within the 1,024 that it reads
MANY = 10_000  # fifty times what is kept of one task
HUGE = 3 * 1024 * 1024  # within the 4 MiB that a callback may have
# Members whose texts users or nodes write, so that anything may stand in them.
TEXTS = ("errorMessage", "msg", "exception_message", "text", "nodeId", "promptTips", "clientId")
SAID = ("errorMessage", "msg")  # the one text of an answer that says why
# Members that decide what a job is said to cost.
AMOUNTS = ("thirdPartyConsumeMoney", "consumeMoney", "consumeCoins", "taskCostTime")
PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"  # as nginx writes it


def page(status: int, title: str) -> Response:
    """What stands before RunningHub answers in its place."""
    return Response(PAGE.format(f"{status} {title}"), status, content_type="text/html")


def garbled(answer: Json, faults: Chosen) -> Json:
    """An answer, a callback's event or a refusal with the dirt that was asked for."""
    found: Json = _walked(answer, faults)
    if "many_results" in faults:
        many = int(faults.value("many_results", MANY))
        for name in ("results", "data"):
            if isinstance(rows := found.get(name), list) and rows:
                found[name] = (rows * many)[:many]
    if "nested" in faults:
        found["extra"] = nested(int(faults.value("nested", DEEP)))
        if isinstance(found.get("failedReason"), dict):
            found["failedReason"]["current_inputs"] = found["extra"]
    return found


def nested(deep: int) -> Any:
    """Lists in lists."""
    return json.loads("[" * deep + "]" * deep)


def _walked(value: Any, faults: Chosen) -> Any:
    if isinstance(value, dict):
        return {name: _garbled(name, _walked(item, faults), faults) for name, item in value.items()}
    if isinstance(value, list):
        return [_walked(item, faults) for item in value]
    return value


def _garbled(name: str, value: Any, faults: Chosen) -> Any:
    if name in AMOUNTS and "money_absurd" in faults:
        return ABSURD[AMOUNTS.index(name) % len(ABSURD)]
    if name in AMOUNTS and "numbers_long" in faults:
        return LONG
    if name not in TEXTS or not isinstance(value, str) or not value:
        return value
    if "text_unwritable" in faults:
        value += UNWRITABLE
    if "text_huge" in faults and name in SAID:
        value = value.ljust(int(faults.value("text_huge", HUGE)), "x")
    return value
