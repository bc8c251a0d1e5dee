"""What users' code puts into a request, as JSON has it: outputs and assets by their names. Pure."""

import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import PurePath
from typing import Any, TypedDict

import orjson

from runhook.worker.client.answers import Asset, Group, Model
from runhook.worker.client.errors import RunhookError, error_of
from runhook.worker.client.jobs import Job, Output
from runhook.worker.client.receivers import Delivery, Handler, Subscription
from runhook.worker.domain.bodies import TOO_LONG, key_fault
from runhook.worker.domain.jobs import iso
from runhook.worker.domain.nested import BEYOND, SMALLEST
from runhook.worker.domain.problems import problem_view
from runhook.worker.errors import Fault
from runhook.worker.errors import InvalidRequest as Faulty

# A text is as 2026-11-22T10:00:00Z, or 2h for two hours ago.
Moment = datetime | str


Input = Mapping[str, Any]
# What may stand for its own id or name wherever a call asks for that.
Named = Job | Delivery | Subscription | Handler | Group | Model


class JobParts(TypedDict, total=False):
    """What may be said of a job beside its model and input.

    Attributes:
        options: How it is to run: `expires_in`, `retries`, `max_price`, …
        metadata: The user's own, given back with the job.
        priority: 9 goes first, 5 is usual.
        handlers: The only handlers that are told.
        tenant: Whose job it is; left out: whoever asks.
        parent: The job that it grows from.
        group: The set of jobs that it belongs to.
        group_size: How many that set has.
    """

    options: Input
    metadata: Input
    priority: int
    handlers: Sequence[str | Handler]
    tenant: str
    parent: str | Job
    group: str | Group
    group_size: int


def body_of(model: str | Model, input: Input | None, parts: JobParts) -> dict[str, Any]:
    """A job as it is asked for. What nothing is said of has its usual value there."""
    return said(model=model, input=input, **parts)


def plain(value: Any, path: str = "") -> Any:
    """A value as JSON has it.

    Args:
        value: What users' code gave.
        path: Where it stands in the request.

    Raises:
        TypeError: It has no meaning there; the text says what to do.
        InvalidRequest: It is a number or text that JSON has not.
    """
    match value:
        case float() if not math.isfinite(value):
            raise _refused(path, f"is {value}, and JSON has no such number")
        case int() if not SMALLEST <= value < BEYOND:
            raise _refused(path, TOO_LONG)
        case str():
            return _writable(value, path)
        case None | bool() | int() | float():
            return value
        case Output() | Asset():
            return str(value)
        case Job() | Delivery() | Subscription() | Handler() | Group() | Model():
            return name_of(value)
        case Decimal():
            return format(value, "f")
        case datetime():
            return moment(value)
        case Mapping():
            return {
                _writable(str(name), path): plain(one, f"{path}.{name}".removeprefix("."))
                for name, one in value.items()
            }
        case list() | tuple():
            return [plain(one, f"{path}[{n}]") for n, one in enumerate(value)]
        case PurePath():
            raise TypeError(f"{value} is a path; say Runhook.upload({str(value)!r}) in its place")
    raise TypeError(f"a job takes what JSON has, outputs and assets, and no {type(value).__name__}")


def _writable(text: str, path: str) -> str:
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise _refused(path, "holds half of a character (a lone surrogate), which JSON has not")
    return text


def name_of(one: str | Named) -> str:
    """The id or name that a call asks for, of whatever may stand for it.

    Raises:
        InvalidRequest: It is none.
    """
    match one:
        case str():
            return one
        case Job() | Delivery() | Subscription():
            return one.id
        case Handler() | Group():
            return one.name
        case Model():
            return one.endpoint
    raise _refused("", f"a name or id is a string, or what has it, and no {type(one).__name__}")


def moment(value: datetime) -> str:
    """A moment as requests spell it; one without a zone is UTC."""
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return iso(value)


def key_of(key: str | None) -> str:
    """An idempotency key: the user's, else a new one, which no other call has.

    Raises:
        InvalidRequest: It is none, or no header can carry it.
    """
    if key is None:
        return f"auto-{uuid.uuid4().hex}"
    fault = key_fault(key, "key")
    if fault is None and not key.isascii():
        fault = Fault(path="key", message="must be ASCII: it travels as a header")
    if fault is not None:
        raise _refused(fault.path, fault.message)
    return key


def _refused(path: str, why: str) -> RunhookError:
    return error_of(problem_view(Faulty([Fault(path=path, message=why)])))


def said(**members: Any) -> dict[str, Any]:
    """The members of a request that say something; the others have their usual value."""
    return {name: plain(value, name) for name, value in members.items() if value is not None}


def text_of(value: Any) -> str:
    """A value of metadata as jobs are found by it: a text as it is, all else as JSON has it."""
    if isinstance(value, str):
        return value
    return orjson.dumps(plain(value), option=orjson.OPT_SORT_KEYS).decode()


def words(value: str | Iterable[str] | None) -> str | None:
    """One word or several, as a query has them; None where there are none."""
    if value is None or isinstance(value, str):
        return value or None
    return ",".join(value) or None  # none of several words is no narrowing
