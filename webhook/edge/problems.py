"""Errors as RFC 9457 problem documents: what happened, what it means for the money, what to do."""

from dataclasses import asdict

import orjson
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

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
from runhook.worker.telemetry import report

SOON = "5"  # seconds, for Retry-After: what is away or full seldom is so for longer


def problem_view(error: RunhookError) -> View:
    """An error of ours as a problem document."""
    status, title, detail, more = _told(error)
    return _view(status, title, detail) | more


def _view(status: int, title: str, detail: str) -> View:
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
            return 503, "Store unavailable", detail, {}
        case UnreadableRecord():
            detail = (
                f"{error}. It is left as it is, nothing was changed. Where a newer version runs "
                "beside this one, ask again; else `runhook doctor` names what cannot be read."
            )
            return 503, "Not for this version", detail, {}
        case StorageUnavailable():
            return 503, "Storage unavailable", f"{error}. Nothing is paid; send it again.", {}
        case ProviderRefused(code=code):
            return 502, "Refused by RunningHub", str(error), {"provider_code": code}
        case ProviderSilent():
            detail = f"RunningHub gave no usable answer: {error}. Nothing was changed; ask again."
            return 503, "RunningHub does not answer", detail, {}
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


def refusal(error: HTTPException) -> Response:
    """An error of HTTP itself as a problem document."""
    response = _response(_view(error.code or 500, error.name, error.description or error.name))
    for name, value in error.get_headers():
        if name.lower() in ("allow", "content-range", "retry-after", "www-authenticate"):
            response.headers[name] = value
    return response


def careful(response: Response) -> Response:
    """No answer is guessed to be of another kind; an error of now is kept in no cache."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    if response.status_code >= 400:
        response.headers["Cache-Control"] = "no-store"
    return response


def _response(body: View) -> Response:
    found = Response(orjson.dumps(body), body["status"], content_type="application/problem+json")
    if body["status"] == 503:
        found.headers["Retry-After"] = SOON
    return found


def register(app: Flask) -> None:
    """Answer every error of the app with a problem document."""

    @app.errorhandler(RunhookError)
    def _ours(error: RunhookError) -> Response:
        if isinstance(error, StoreUnavailable):
            report("redis.away", why=str(error))
        return _response(problem_view(error))

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        return refusal(error)

    @app.errorhandler(Exception)
    def _unforeseen(_: Exception) -> Response:
        report("task.failed", lane="web", exc_info=True)
        detail = "runhook made a mistake; the log has the particulars"
        return _response(_view(500, "Internal error", detail))
