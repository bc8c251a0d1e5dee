"""What can go wrong for whoever calls runhook, by what it means for the money.

    RunhookError            it has what the answer's problem document says (RFC 9457)
    ├── InvalidRequest      the request is wrong: every fault named, nothing sent, nothing paid
    ├── BudgetExceeded      a budget would be passed: nothing sent, nothing paid
    ├── Unauthorized        no token, or a wrong one: nothing was done
    ├── Forbidden           the token may not do this: nothing was done
    ├── NotFound            there is no such job, model, file or delivery: nothing was done
    ├── Conflict            it contradicts the present state, which stays: this call cost nothing
    ├── Gone                what was asked for is no longer kept
    ├── RateLimited         too many calls: nothing was done, `retry_after` says when to come again
    ├── ProviderRefused     RunningHub said no to a free question
    ├── Unavailable         no usable answer. `maybe_done` is false where it surely was not done;
    │   │                   else look before a call that pays is made again. A submit is safe to
    │   │                   make again with the `key` that the error gives back
    │   └── InternalError   runhook made a mistake, which it would most likely make again
    ├── WaitTimeout         the job has not ended in time; it goes on, and is paid for
    ├── DownloadFailed      an output did not come whole: the job is as it was, ask again
    └── SettingsError       a setting of this process is missing or wrong: nothing was done

The same are raised in process and over HTTP. None of them is caught and forgotten by runhook.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from runhook.worker.errors import Fault

if TYPE_CHECKING:
    from pydantic import ValidationError  # which --help does without

FAULT = {field.name for field in fields(Fault)}
TO_LOOK = "It may have been done all the same: look before you call again"


class RunhookError(Exception):
    """The root of all of them; its text says what happened, and what that means for the money."""

    def __init_subclass__(cls) -> None:
        # As users know them, in tracebacks and in what an earlier release stored.
        cls.__module__ = "runhook"

    def __init__(self, problem: Mapping[str, Any]) -> None:
        """Args:
        problem: The problem document, as /v1 answers it.
        """
        self.problem = problem
        super().__init__(problem)

    @property
    def type(self) -> str:
        """A URI that names the kind of problem; `about:blank` where the title says all."""
        return str(self.problem.get("type", "about:blank"))

    @property
    def title(self) -> str:
        """The kind of problem in words, the same each time."""
        return str(self.problem.get("title", ""))

    @property
    def status(self) -> int | None:
        """The HTTP status; None where there is none, as for a time that ran out here."""
        return self.problem.get("status")

    @property
    def detail(self) -> str:
        """What happened this time."""
        return str(self.problem.get("detail", ""))

    @property
    def errors(self) -> tuple[Fault, ...]:
        """Every fault of an invalid request: its `path`, `message`, `allowed` and `nearest`."""
        return tuple(_fault(one) for one in self.problem.get("errors", ()))

    def __str__(self) -> str:
        said, faults = self.detail or self.title, "; ".join(map(_sentence, self.errors))
        if not faults:
            return said
        return f"{said.rstrip('.')}. {faults}"


class InvalidRequest(RunhookError):
    """The request is wrong in one or more places, all in `errors`. Nothing was sent or paid."""


class BudgetExceeded(RunhookError):
    """A budget would be passed. Nothing was sent, nothing is paid."""


class Unauthorized(RunhookError):
    """No token, or a wrong one. Nothing was done."""


class Forbidden(RunhookError):
    """The token's scopes do not open this call. Nothing was done."""


class NotFound(RunhookError):
    """There is no such thing, or it is another tenant's. Nothing was done."""

    @property
    def nearest(self) -> tuple[str, ...]:
        """Names that were probably meant."""
        return tuple(self.problem.get("nearest", ()))


class Conflict(RunhookError):
    """It contradicts the present state, which stays as it is. This call cost nothing."""


class Gone(RunhookError):
    """What was asked for is no longer kept."""


class RateLimited(RunhookError):
    """Too many calls. Nothing was done.

    Attributes:
        retry_after: Seconds after which to come again, where that was said.
    """

    retry_after: float | None = None

    def __str__(self) -> str:
        if self.retry_after is None:
            return super().__str__()
        return f"{super().__str__().rstrip('.')}. Come again in {self.retry_after:g} s."


class ProviderRefused(RunhookError):
    """RunningHub answered a free question, and the answer is no."""

    @property
    def provider_code(self) -> str:
        """RunningHub's code."""
        return str(self.problem.get("provider_code", ""))


class Unavailable(RunhookError):
    """Web, Redis or RunningHub gave no usable answer.

    Attributes:
        maybe_done: Whether what was asked may have been done; False: it surely was not.
        key: Of a submit, the idempotency key under which it may have been accepted. Submit again
            with it, and nothing is paid twice.
        retry_after: Seconds after which to come again, where that was said.
    """

    maybe_done: bool = True
    key: str | None = None
    retry_after: float | None = None

    def __str__(self) -> str:
        said = super().__str__().rstrip(".")
        if not self.maybe_done:
            return said
        if self.key is None:
            return f"{said}. {TO_LOOK}"
        return f"{said}. It may have been accepted: submit it again with key={self.key!r}"


class InternalError(Unavailable):
    """runhook made a mistake. It is not asked again: the same would most likely follow."""


class DownloadFailed(RunhookError):
    """An output did not come whole. Nothing is left of it, and the job is as it was."""


class SettingsError(RunhookError):
    """A setting of this process is missing or wrong; the text is one line that names it."""


# By HTTP status; of the others those below 500 are the request's fault, and the rest runhook's.
CLASSES: Mapping[int, type[RunhookError]] = {
    401: Unauthorized,
    402: BudgetExceeded,
    403: Forbidden,
    404: NotFound,
    405: NotFound,
    408: Unavailable,
    409: Conflict,
    410: Gone,
    429: RateLimited,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def error_of(problem: Mapping[str, Any], retry_after: float | None = None) -> RunhookError:
    """The error that a problem document means.

    Args:
        problem: As /v1 answers it.
        retry_after: Seconds that the answer asks to be left alone for.
    """
    if "provider_code" in problem:
        return ProviderRefused(problem)
    error = _class_of(problem.get("status", 0))(problem)
    if isinstance(error, Unavailable):
        error.maybe_done = problem.get("maybe_done", True)
    if isinstance(error, Unavailable | RateLimited):
        error.retry_after = retry_after
    return error


def _class_of(status: int) -> type[RunhookError]:
    if status in CLASSES:
        return CLASSES[status]
    if 400 <= status < 500:
        return InvalidRequest
    return InternalError


def unavailable(detail: str, *, maybe_done: bool) -> Unavailable:
    """No answer came at all."""
    error = Unavailable({"title": "No answer", "detail": detail})
    error.maybe_done = maybe_done
    return error


def stranger(who: str, why: str) -> SettingsError:
    """What answers is not runhook: RUNHOOK_URL leads elsewhere.

    Args:
        who: What answers, as its URL.
        why: What shows it.
    """
    detail = f"{who} answers, and it is not runhook: {why}"
    return SettingsError({"title": "Not runhook", "detail": detail})


def not_runhook(kind: type, wrong: "ValidationError") -> SettingsError:
    """What came is JSON, and no answer of that kind."""
    lacks = ".".join(str(part) for part in wrong.errors()[0]["loc"])
    return stranger("the server", f"its {kind.__name__.lower()} has no good {lacks!r}")


def _fault(given: Mapping[str, Any]) -> Fault:
    """A fault; what a newer version says besides is left out."""
    known = {name: value for name, value in given.items() if name in FAULT}
    return Fault(**known | {"allowed": tuple(given.get("allowed", ()))})


def _sentence(fault: Fault) -> str:
    return f"{fault.path}: {fault.said}".removeprefix(": ")
