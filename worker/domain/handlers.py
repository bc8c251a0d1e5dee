"""What users register to be told of events: Python functions, and Celery tasks of other apps.

A function answers in few words: it returns (done), raises `Retry` (again), raises `Stop` (never
again), or raises anything else (again on the schedule).
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from runhook.worker.domain.events import TYPES, unknown_types
from runhook.worker.errors import Fault, InvalidRequest

NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
SUBSCRIPTION_ID = re.compile(r"sub_[0-9a-f]{28}")  # deliveries go by it, as by a handler's name


class Retry(Exception):
    """Tell me again, after so many seconds, a year's at most, if given; else on the schedule."""

    def __init__(self, after: float | None = None) -> None:
        self.after = after
        super().__init__("the handler asked to be told again")


class Stop(Exception):
    """Do not tell me again: the delivery is dead at once."""


@dataclass(frozen=True, kw_only=True)
class HandlerEvent:
    """What a handler is told.

    Attributes:
        id: The same in every attempt: use it to act once.
        type: `job.succeeded`, …
        time: When it happened.
        job: The job as it was then, its fields as attributes: `event.job.outputs[0].url`. None
            where an alert is about no job.
        previous_state: `failed` when a success came late.
        data: The CloudEvent's data; `alert` says what an alert is about, and of the end of a group
            `group`, `tenant`, `states` and `succeeded` say what ended.
        submitter: What `submit` asks a worker with.
    """

    id: str
    type: str
    time: datetime
    job: Any
    previous_state: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    submitter: Callable[[dict[str, Any]], Any] | None = field(
        default=None, repr=False, compare=False
    )

    def submit(self, model: str, input: Mapping[str, Any], **more: Any) -> Any:
        """Submit the next job, once: told of the event again, the same call makes none.

        Its parent is the event's job, and it is of the same tenant.

        Args:
            model: What to run.
            input: Its parameters. A value may be an output of the event's job, as
                `event.job.outputs[0]`, or name one, as `output:<job id>/<n>`.
            more: `options`, `metadata`, `priority`, `handlers`, `group` and `group_size`, as
                POST /v1/jobs takes them.

        Returns:
            The job, its fields as attributes.

        Raises:
            InvalidRequest: With every fault; let through, it ends the delivery as dead.
            Conflict: An earlier delivery of this event asked for something else here; likewise.
        """
        if self.submitter is None:
            raise RuntimeError("only an event that a worker tells a handler can submit")
        return self.submitter({"model": model, "input": self._named(input), **more})

    def _named(self, value: Any) -> Any:
        """A value in which outputs of the event's job stand as their names."""
        n = self._place(value)
        if n is not None:
            return f"output:{self.job.id}/{n}"
        if isinstance(value, Mapping):
            return {name: self._named(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._named(item) for item in value]
        if isinstance(value, SimpleNamespace):
            text = "holds an object that is no output of the event's job; write output:<job id>/<n>"
            raise InvalidRequest([Fault(path="input", message=text)])
        return value

    def _place(self, value: Any) -> int | None:
        """Which output of the event's job a value is; None: it is none."""
        for outputs in (getattr(self.job, "outputs", ()), self.data.get("outputs", ())):
            for n, output in enumerate(outputs):
                if output is value:
                    return n
        return None


Function = Callable[[HandlerEvent], object]


@dataclass(frozen=True)
class CeleryTask:
    """A task of another app, which gets the CloudEvent as its only argument."""

    name: str
    queue: str


@dataclass(frozen=True, kw_only=True)
class Handler:
    """Who is told, and what he wants to hear."""

    name: str
    types: tuple[str, ...]
    model: str | None
    target: Function | CeleryTask


class Registry:
    """The handlers of one process, by name."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self._missed: set[str] = set()

    def add(self, handler: Handler) -> None:
        """Register one.

        Raises:
            ValueError: The name is taken, is a subscription's id, or has other characters than
                letters, digits, `_.-`.
        """
        if handler.name in self._handlers:
            raise ValueError(
                f"two handlers are named {handler.name!r}; set name= on one of them, or give one "
                "on() all its event types"
            )
        if not NAME.fullmatch(handler.name):
            raise ValueError(f"a handler's name is letters, digits and _.-, not {handler.name!r}")
        if SUBSCRIPTION_ID.fullmatch(handler.name):
            raise ValueError(f"{handler.name!r} is the id of a subscription, and no handler's name")
        self._handlers[handler.name] = handler

    def change(self, handler: Handler) -> None:
        """Put one in the place of that of its name."""
        self._handlers[handler.name] = handler

    def get(self, name: str) -> Handler | None:
        """The handler of that name, if this process has it."""
        return self._handlers.get(name)

    def is_missed_first(self, name: str) -> bool:
        """Whether nobody has said before that this handler is nowhere; said once, it was."""
        first = name not in self._missed
        self._missed.add(name)
        return first

    def names(self) -> list[str]:
        """Those of all."""
        return list(self._handlers)

    def all(self) -> list[Handler]:
        """Every one."""
        return list(self._handlers.values())


registry = Registry()


@dataclass(frozen=True)
class Registration:
    """What is to be heard; decorating a function, or naming a Celery task, says by whom."""

    types: tuple[str, ...]
    model: str | None
    name: str | None

    def __call__(self, function: Function) -> Function:
        """Register a function.

        Raises:
            ValueError: It cannot be told, or its name is taken.
        """
        name = str(self.name or getattr(function, "__name__", ""))
        if wrong := _cannot_be_told(function):
            raise ValueError(f"{name or function} {wrong}")
        registry.add(Handler(name=name, types=self.types, model=self.model, target=function))
        return function

    def to_celery(self, task: str, queue: str = "celery") -> None:
        """Register a Celery task of another app, on CELERY_HANDLER_BROKER_URL or else our broker.

        Its only argument is the CloudEvent. It is told when its broker has it.

        Args:
            task: Its name, as `myapp.tasks.done`; also the handler's, unless `on` names it.
            queue: Which its workers read.

        Raises:
            ValueError: The name is taken.
        """
        target = CeleryTask(task, queue)
        registry.add(
            Handler(name=self.name or task, types=self.types, model=self.model, target=target)
        )


def on(*types: str, model: str | None = None, name: str | None = None) -> Registration:
    """Register a handler: `@on("job.succeeded")`, or `on("job.succeeded").to_celery("app.task")`.

    Args:
        types: Event types, at least one.
        model: The jobs' model, by any of its names, or a glob over endpoints; left out: all.
        name: The handler's name; left out: the function's.

    Raises:
        ValueError: No type or an unknown one.
    """
    if unknown_types(types) or not types:
        raise ValueError(f"on() needs event types of {', '.join(TYPES)}, not {list(types)}")
    return Registration(types, model, name)


def _cannot_be_told(function: Function) -> str | None:
    """Why calling it with an event would tell nobody; None when it may be called."""
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return "is async; a handler is a plain function"
    if inspect.isgeneratorfunction(function):
        return "yields, so calling it runs nothing; a handler is a plain function"
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return "does not take one argument, the event"
    except ValueError:  # written in C, which tells nothing of its arguments
        return None
    return None
