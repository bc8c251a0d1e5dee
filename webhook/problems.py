"""Errors as RFC 9457 problem documents: what happened, what it means, what to do."""

from dataclasses import asdict

import orjson
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from worker.errors import Conflict, InvalidRequest, NotFound, StoreUnavailable
from worker.telemetry import report


def problem(status: int, title: str, detail: str, **more: object) -> Response:
    """One problem document."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return Response(orjson.dumps(body), status, content_type="application/problem+json")


def register(app: Flask) -> None:
    """Answer every error of the app with a problem document."""

    @app.errorhandler(InvalidRequest)
    def _invalid(error: InvalidRequest) -> Response:
        count = len(error.faults)
        faults = "1 fault" if count == 1 else f"{count} faults"
        detail = f"{faults}, all listed. Nothing was sent, nothing is paid."
        rows = [asdict(fault) for fault in error.faults]
        return problem(422, "Invalid request", detail, errors=rows)

    @app.errorhandler(NotFound)
    def _not_found(error: NotFound) -> Response:
        return problem(404, "Not found", str(error), nearest=list(error.nearest))

    @app.errorhandler(Conflict)
    def _conflict(error: Conflict) -> Response:
        return problem(409, "Conflict", f"{error}. Nothing new was made, nothing is paid.")

    @app.errorhandler(StoreUnavailable)
    def _away(error: StoreUnavailable) -> Response:
        report("redis.away", why=str(error))
        detail = "Redis does not answer now. With the same Idempotency-Key it is safe to ask again."
        response = problem(503, "Store unavailable", detail)
        response.headers["Retry-After"] = "5"
        return response

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        response = problem(error.code or 500, error.name, error.description or error.name)
        for name, value in error.get_headers():
            if name.lower() in ("allow", "retry-after", "www-authenticate"):
                response.headers[name] = value
        return response

    @app.errorhandler(Exception)
    def _unforeseen(_: Exception) -> Response:
        report("task.failed", lane="web", exc_info=True)
        return problem(500, "Internal error", "runhook made a mistake; the log has the particulars")
