"""An error as an RFC 9457 problem document: what happened, what it means for the money, what to do.

Pure. `/v1` answers with it, and in process the Python client raises what it says.
"""

from dataclasses import asdict

from runhook.worker.domain.jobs import iso
from runhook.worker.domain.views import View
from runhook.worker.errors import (
    UNPAID,
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


def problem_view(error: RunhookError) -> View:
    """An error of ours as a problem document."""
    status, title, detail, more = _told(error)
    return plain_view(status, title, detail) | more


def plain_view(status: int, title: str, detail: str) -> View:
    """A problem that its status, a title and a sentence say all of."""
    return {"type": "about:blank", "title": title, "status": status, "detail": detail}


def _told(error: RunhookError) -> tuple[int, str, str, View]:
    match error:
        case InvalidRequest(faults=faults, listed=listed):
            count, some = len(faults), len(listed)
            which = "all listed"
            if some < count:
                which = f"the first {some} listed"
            detail = f"{_counted(count)}, {which}. Nothing was sent, nothing is paid."
            return 422, "Invalid request", detail, {"errors": [asdict(fault) for fault in listed]}
        case NotFound(nearest=nearest):
            return 404, "Not found", str(error), {"nearest": list(nearest)}
        case Trimmed(oldest=oldest):
            detail = f"{error}; read on from the oldest, or run `runhook recover --since`"
            return 410, "Gone", detail, {"oldest": oldest}
        case Gone():
            return 410, "Gone", str(error), {}
        case Conflict():
            return 409, "Conflict", f"{error}. {UNPAID}", {}
        case OverBudget():
            return 402, "Payment Required", f"{error}. {UNPAID}", _room(error)
        case StoreUnavailable():
            detail = (
                "Redis does not answer now. With the same Idempotency-Key it is safe to ask again."
            )
            return 503, "Store unavailable", detail, MAYBE
        case UnreadableRecord():
            detail = (
                f"{error}. It is left as it is, nothing was changed. Where a newer version runs "
                "beside this one, ask again; else `runhook doctor` names what cannot be read."
            )
            return 503, "Not for this version", detail, SURELY_NOT
        case StorageUnavailable():
            detail = f"{error}. Nothing is paid; send it again."
            return 503, "Storage unavailable", detail, SURELY_NOT
        case ProviderRefused(code=code):
            return 502, "Refused by RunningHub", str(error), {"provider_code": code}
        case ProviderSilent():
            detail = f"RunningHub gave no usable answer: {error}. Nothing was changed; ask again."
            return 503, "RunningHub does not answer", detail, SURELY_NOT
    raise error


def _room(error: OverBudget) -> View:
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
