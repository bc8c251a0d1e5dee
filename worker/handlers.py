"""Python handlers: registering them, and running one with an event.

A handler answers in few words: it returns (done), raises `Retry` (again), raises `Stop` (never
again), or raises anything else (again on the schedule).
"""

import fnmatch
import importlib
import inspect
import re
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Literal

TYPES = (
    "job.queued",
    "job.running",
    "job.unconfirmed",
    "job.succeeded",
    "job.failed",
    "job.cancelled",
    "runhook.alert",
)
NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


class Retry(Exception):
    """Tell me again, after so many seconds if given, else on the schedule."""

    def __init__(self, after: float | None = None) -> None:
        self.after = after
        super().__init__("the handler asked to be told again")


class Stop(Exception):
    """Do not tell me again: the delivery is dead at once."""


@dataclass(frozen=True)
class Event:
    """What a handler is told.

    Attributes:
        id: The same in every attempt: use it to act once.
        type: `job.succeeded`, …
        time: When it happened.
        job: The job as it was then, its fields as attributes: `event.job.outputs[0].url`.
        previous_state: `failed` when a success came late.
    """

    id: str
    type: str
    time: datetime
    job: Any
    previous_state: str | None = None


Function = Callable[[Event], object]


@dataclass(frozen=True)
class Handler:
    """A function and what it wants to hear."""

    name: str
    types: tuple[str, ...]
    model: str | None
    function: Function


@dataclass(frozen=True)
class Outcome:
    """How one run of a handler went."""

    word: Literal["done", "again", "dead", "failed"]
    took: float
    why: str | None = None
    after: float | None = None


class Registry:
    """The handlers of one process, by name."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}

    def add(self, handler: Handler) -> None:
        """Register one.

        Raises:
            ValueError: The name is taken or has other characters than letters, digits, `_.-`.
        """
        known = self._handlers.get(handler.name)
        if known and _place(known.function) != _place(handler.function):
            raise ValueError(f"two handlers are named {handler.name!r}; set name= on one of them")
        if not NAME.fullmatch(handler.name):
            raise ValueError(f"a handler's name is letters, digits and _.-, not {handler.name!r}")
        self._handlers[handler.name] = handler

    def get(self, name: str) -> Handler | None:
        """The handler of that name, if this process has it."""
        return self._handlers.get(name)

    def all(self) -> list[Handler]:
        """Every one."""
        return list(self._handlers.values())


registry = Registry()


def on(
    *types: str, model: str | None = None, name: str | None = None
) -> Callable[[Function], Function]:
    """Register a function to be told of events.

    Args:
        types: Event types, at least one.
        model: A glob over the job's model; left out: all.
        name: The handler's name; left out: the function's.

    Raises:
        ValueError: No type or an unknown one, a function that cannot be told, a name that is taken.
    """
    unknown = [kind for kind in types if kind not in TYPES]
    if unknown or not types:
        raise ValueError(f"on() needs event types of {', '.join(TYPES)}, not {list(types)}")

    def register(function: Function) -> Function:
        if inspect.iscoroutinefunction(function):
            raise ValueError(f"{function.__name__} is async; a handler is a plain function")
        registry.add(Handler(name or function.__name__, types, model, function))
        return function

    return register


def load(modules: Iterable[str]) -> Registry:
    """Import the modules that register handlers.

    Raises:
        ValueError: A module cannot be imported; the text names the setting.
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:
            raise ValueError(f"RUNHOOK_HANDLERS: cannot import {module}: {error}") from error
    return registry


def wants(types: Iterable[str], pattern: str | None, kind: str, model: str) -> bool:
    """Whether a handler of these types and this glob is told of such an event."""
    return kind in types and (pattern is None or fnmatch.fnmatchcase(model, pattern))


def attributes(document: dict[str, Any]) -> SimpleNamespace:
    """A job's document with its fields as attributes; what the user wrote stays as written."""
    raw = ("input", "options", "metadata", "detail")

    def dress(name: str, value: Any) -> Any:
        if isinstance(value, dict) and name not in raw:
            return SimpleNamespace(**{k: dress(k, v) for k, v in value.items()})
        if isinstance(value, list) and name not in raw:
            return [dress(name, item) for item in value]
        return value

    return SimpleNamespace(**{key: dress(key, value) for key, value in document.items()})


def run(handler: Handler, event: Event) -> Outcome:
    """Tell a handler, and hear how it went. Never raises what the handler raised."""
    start = time.monotonic()
    try:
        handler.function(event)
    except Retry as retry:
        return Outcome("again", time.monotonic() - start, str(retry), retry.after)
    except Stop as stop:
        return Outcome("dead", time.monotonic() - start, str(stop) or "the handler said stop")
    except Exception as error:  # noqa: BLE001 - whatever the user's code raises is an outcome
        where = traceback.extract_tb(error.__traceback__)[-1]
        why = f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
        return Outcome("failed", time.monotonic() - start, why[:500])
    return Outcome("done", time.monotonic() - start)


def _place(function: Function) -> tuple[str, str]:
    return function.__module__, function.__qualname__
