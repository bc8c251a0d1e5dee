"""Running users' handlers: their modules are imported, a function is called, its outcome read."""

import inspect
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import SimpleNamespace
from typing import Any

from runhook.worker import catalogue
from runhook.worker.domain import policy
from runhook.worker.domain.events import Outcome
from runhook.worker.domain.handlers import (
    Function,
    Handler,
    HandlerEvent,
    Registry,
    Retry,
    Stop,
    registry,
)
from runhook.worker.errors import Conflict, InvalidRequest, NotFound, OverBudget
from runhook.worker.net.untrusted import clean
from runhook.worker.telemetry import report

AS_WRITTEN = ("input", "options", "metadata", "detail")  # members of a job's view
ENTRY_POINTS = "runhook.handlers"  # the group by which installed packages are found


def load(modules: Iterable[str]) -> Registry:
    """Import what registers handlers: the modules, and the entry points of installed packages.

    Modules are found in the folder that the process was started in, too.

    Raises:
        ValueError: One cannot be imported; the text names it, and where it is named.
    """
    here = os.getcwd()
    if here not in sys.path:  # `python -m` puts the folder there, a console script does not
        sys.path.insert(0, here)
    for module in modules:
        _import(f"RUNHOOK_HANDLERS: cannot import {module}", partial(import_module, module))
    for point in entry_points(group=ENTRY_POINTS):
        where = f"entry point {point.name!r} of {_package(point)}: cannot import {point.value}"
        _import(where, point.load)
    for handler in registry.all():
        _know_model(handler)
    return registry


def _know_model(handler: Handler) -> None:
    """Have it hear of a model by whichever of its names it was written.

    One that is not in the catalogue any more stops no process: the others want to be told.
    """
    try:
        registry.change(replace(handler, model=catalogue.listed_as(handler.model)))
    except NotFound as missing:
        report("handler.no_model", handler=handler.name, why=str(missing))


def _import(what: str, load_it: Callable[[], object]) -> None:
    try:
        load_it()
    except (Exception, SystemExit) as error:
        # SystemExit too: a module that ends the interpreter on import would end the process without
        # a word of which it was.
        raise ValueError(f"{what}: {_not_imported(error)}") from error


def _not_imported(error: BaseException) -> str:
    match error:
        case ImportError() | SyntaxError():
            return str(error)
        case SystemExit():
            return f"it ends the process, with {error.code!r}"
    # Its author knows Python's names, and many of these say nothing without theirs.
    return f"it raised {type(error).__name__}: {error}"


def _package(point: EntryPoint) -> str:
    if point.dist is None:
        return "an installed package"
    return point.dist.name


def attributes(document: Mapping[str, Any]) -> SimpleNamespace:
    """A job's view with its fields as attributes; what the user wrote stays as written."""
    found = SimpleNamespace(**document)
    for name, value in document.items():
        if name not in AS_WRITTEN and isinstance(value, dict | list):
            setattr(found, name, _dressed(value))
    return found


def _dressed(value: Any) -> Any:
    match value:
        case dict():
            return attributes(value)
        case list():
            return [_dressed(item) for item in value]
    return value


def run(function: Function, event: HandlerEvent, now: Callable[[], datetime]) -> Outcome:
    """Call a handler's function with an event.

    Args:
        function: The handler's.
        event: What it is told.
        now: Tells the time.

    Returns:
        `done`; `again` where it raised Retry, and when the next day begins where it let through
        that the budget has no room for a job that it submitted; `dead` where it raised Stop or let
        a refusal of such a job through; `failed` where it raised anything else, none of which is
        let through, or returned a coroutine.
    """
    start = time.monotonic()
    try:
        answered = _called(function, event)
    except Retry as retry:
        return _again(retry, time.monotonic() - start)
    except Stop as stop:
        return Outcome(
            word="dead", took=time.monotonic() - start, why=_why(stop) or "the handler said stop"
        )
    except OverBudget as broke:
        return _next_day(broke, now(), time.monotonic() - start)
    except (InvalidRequest, Conflict) as refused:
        # It would be refused again: told again, the handler submits the same.
        why = f"the job that it submitted was refused: {_why(refused)}"
        return Outcome(word="dead", took=time.monotonic() - start, why=why)
    except BaseException as error:  # noqa: BLE001 - what users' code raises is an outcome
        where = traceback.extract_tb(error.__traceback__)[-1]
        why = f"{type(error).__name__}: {_why(error)} ({where.name}, line {where.lineno})"
        return Outcome(word="failed", took=time.monotonic() - start, why=why)
    took = time.monotonic() - start
    if inspect.iscoroutine(answered):
        # Closed, or Python would complain of it somewhere else, long after.
        answered.close()
        return Outcome(word="failed", took=took, why="it returned a coroutine, which nobody runs")
    return Outcome(word="done", took=took)


def _called(function: Function, event: HandlerEvent) -> object:
    """What it returns or raises; a child that it forked ends here, or it would be a second worker
    that records the same delivery.
    """
    here, status = os.getpid(), 1
    try:
        answered = function(event)
        status = 0
        return answered
    finally:
        if os.getpid() != here:
            os._exit(status)


def _next_day(broke: OverBudget, now: datetime, took: float) -> Outcome:
    # Told again by the schedule it would be dead before there is room.
    after = max(0.0, (broke.ends_at - now).total_seconds())
    why = f"the job that it submitted has to wait: {_why(broke)}"
    return Outcome(word="again", took=took, why=why, after=after)


def _again(retry: Retry, took: float) -> Outcome:
    after = retry.after
    # Users write `after`; a wait that is no number or without end would leave the delivery in
    # nobody's hand.
    fine = isinstance(after, int | float) and 0 <= after <= policy.LONGEST_RETRY
    if after is None or fine:
        return Outcome(word="again", took=took, why=_why(retry), after=after)
    why = f"Retry(after=...) takes seconds, 0 to {policy.LONGEST_RETRY:.0f}, not {after!r}"
    return Outcome(word="failed", took=took, why=clean(why, policy.LONGEST_DELIVERY_WHY))


def _why(error: BaseException) -> str:
    """What an exception says, fit to be written down; it may fail to say anything."""
    try:
        return clean(str(error), policy.LONGEST_DELIVERY_WHY)
    except Exception as unsaid:  # noqa: BLE001 - users' code runs in __str__ too
        return f"its text cannot be read ({type(unsaid).__name__})"
