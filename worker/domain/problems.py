"""An error as an RFC 9457 problem document: what happened, what it means for the money, what to do.

Pure. `/v1` answers with it, and in process the Python client raises what it says.
"""

from collections.abc import Mapping
from typing import Any, NotRequired

from typing_extensions import TypedDict

from runhook.worker.domain import problem_kinds as kinds
from runhook.worker.domain.answers import Amount, When
from runhook.worker.domain.jobs import iso
from runhook.worker.domain.problem_kinds import Kind
from runhook.worker.errors import (
    UNPAID,
    Behind,
    Conflict,
    Gone,
    InvalidRequest,
    NotFound,
    OverBudget,
    ProviderRefused,
    ProviderSilent,
    RunhookError,
    StorageUnavailable,
    StoreUnavailable,
    Trimmed,
    UnreadableRecord,
)

# Beside every 503: whether what was asked may have been done all the same.
SURELY_NOT, MAYBE = {"maybe_done": False}, {"maybe_done": True}
STORE_AWAY = "Redis does not answer now. With the same Idempotency-Key it is safe to ask again."
STORE_NOT_READ = "Redis does not answer now; ask again."
UNREADABLE = (
    "It is left as it is, nothing was changed. Where a newer version runs beside this one, ask "
    "again; else `runhook doctor` names what cannot be read."
)


class FaultView(TypedDict):
    """One thing wrong with a request.

    Attributes:
        path: Where, as `input.duration`; empty: the whole of it.
        message: What is wrong and what is allowed, as the rest of a sentence that path begins.
        allowed: The allowed values, where they can be listed.
        nearest: The name or value probably meant.
    """

    path: str
    message: str
    allowed: list[str]
    nearest: str | None


class ProblemView(TypedDict):
    """Why a call was not done, as RFC 9457 has it, and what it means for the money.

    Attributes:
        type: The kind of problem, the same each time; it leads to what it means.
        title: The kind in words.
        status: The HTTP status.
        detail: What happened this time.
        errors: Every fault of the request.
        nearest: Names probably meant.
        maybe_done: Whether what was asked may have been done all the same.
        oldest: The id of the oldest event that is kept.
        provider_code: RunningHub's own code.
        tenant: Whose budget; null: everybody's.
        limit: The budget.
        left: What it has room for.
        needs: What the job may cost.
        ends_at: When the budget's day ends.
    """

    type: str
    title: str
    status: int
    detail: str
    errors: NotRequired[list[FaultView]]
    nearest: NotRequired[list[str]]
    maybe_done: NotRequired[bool]
    oldest: NotRequired[str | None]
    provider_code: NotRequired[str]
    tenant: NotRequired[str | None]
    limit: NotRequired[Amount]
    left: NotRequired[Amount]
    needs: NotRequired[Amount]
    ends_at: NotRequired[When]


def problem_view(error: RunhookError, *, changes: bool = True) -> ProblemView:
    """An error of ours as a problem document.

    Args:
        error: Which.
        changes: What was asked would have changed something.
    """
    kind, detail, more = _told(error)
    if more is MAYBE and not changes:
        detail, more = STORE_NOT_READ, SURELY_NOT
    # What a kind says besides is optional, so mypy cannot know which it is.
    return {**_told_of(kind, detail), **more}  # type: ignore[typeddict-item]


def http_view(status: int, title: str, detail: str) -> ProblemView:
    """What HTTP itself refuses, as a problem document.

    Args:
        status: Its own.
        title: HTTP's name for it.
        detail: What happened this time.
    """
    if status in kinds.BY_STATUS:
        return _told_of(kinds.BY_STATUS[status], detail)
    return {"type": "about:blank", "title": title, "status": status, "detail": detail}


def _told_of(kind: Kind, detail: str) -> ProblemView:
    return {"type": kind.type, "title": kind.title, "status": kind.status, "detail": detail}


def _told(error: RunhookError) -> tuple[Kind, str, Mapping[str, Any]]:
    match error:
        case InvalidRequest():
            return kinds.INVALID, _faults_told(error), {"errors": _faults(error)}
        case NotFound(nearest=nearest):
            return kinds.NOT_FOUND, str(error), {"nearest": list(nearest)}
        case Trimmed(oldest=oldest):
            detail = f"{error}; read on from the oldest, or run `runhook recover --since`"
            return kinds.TRIMMED, detail, {"oldest": oldest}
        case Gone():
            return kinds.GONE, str(error), {}
        case Conflict():
            return kinds.CONFLICT, f"{error}. {UNPAID}", {}
        case Behind(name=name, trouble=trouble):
            kind, detail, more = _told(trouble)
            return kind, f"it needs @{name}, which was not taken: {detail}", more
        case OverBudget():
            return kinds.OVER_BUDGET, f"{error}. {UNPAID}", _room(error)
        case StoreUnavailable():
            return kinds.STORE, STORE_AWAY, MAYBE
        case UnreadableRecord():
            return kinds.UNREADABLE, f"{error}. {UNREADABLE}", SURELY_NOT
        case StorageUnavailable():
            return kinds.STORAGE, f"{error}. Nothing is paid; send it again.", SURELY_NOT
        case ProviderRefused(code=code):
            return kinds.REFUSED, str(error), {"provider_code": code}
        case ProviderSilent():
            detail = f"RunningHub gave no usable answer: {error}. Nothing was changed; ask again."
            return kinds.SILENT, detail, SURELY_NOT
    raise error


def _faults_told(error: InvalidRequest) -> str:
    count, some = len(error.faults), len(error.listed)
    which = "all listed"
    if some < count:
        which = f"the first {some} listed"
    return f"{_counted(count)}, {which}. Nothing was sent, nothing is paid."


def _faults(error: InvalidRequest) -> list[FaultView]:
    return [
        {
            "path": fault.path,
            "message": fault.message,
            "allowed": list(fault.allowed),
            "nearest": fault.nearest,
        }
        for fault in error.listed
    ]


def _room(error: OverBudget) -> Mapping[str, Any]:
    """What a budget has left for whom, and until when."""
    return {
        "tenant": error.tenant,
        "limit": f"{error.limit:f}",
        "left": f"{error.left:f}",
        "needs": f"{error.needs:f}",
        "ends_at": iso(error.ends_at),
    }


def _counted(count: int) -> str:
    if count == 1:
        return "1 fault"
    return f"{count} faults"
