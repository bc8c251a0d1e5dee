"""Errors as RFC 9457 problem documents: what happened, what it means for the money, what to do."""

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from runhook.webhook.edge.refusals import Refusals
from runhook.worker.domain.problems import ProblemView, http_view, problem_view
from runhook.worker.errors import RunhookError, StoreUnavailable
from runhook.worker.telemetry import report

SOON = "5"  # seconds, for Retry-After: what is away or full seldom is so for longer
READING = ("GET", "HEAD")  # the methods of calls that change nothing
# One count for all who ask Redis here: an outage refuses hundreds of requests a second.
away = Refusals("redis.away", "Redis does not answer")

# In place of what werkzeug says for browsers, where nobody said more.
PLAIN = {
    404: "nothing is at this address; /openapi.json lists every call",
    405: "this address is not called so; `Allow` says how",
    412: "it is not as If-Match or If-Unmodified-Since wants it",
}


def refusal(error: HTTPException) -> Response:
    """An error of HTTP itself as a problem document."""
    said = error.description or error.name
    if said == type(error).description:
        said = PLAIN.get(error.code or 0, said)
    response = _response(http_view(error.code or 500, error.name, said))
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


def _response(body: ProblemView) -> Response:
    found = Response(orjson.dumps(body), body["status"], content_type="application/problem+json")
    if body["status"] == 503:
        found.headers["Retry-After"] = SOON
    return found


def register(app: Flask) -> None:
    """Answer every error of the app with a problem document."""

    @app.errorhandler(RunhookError)
    def _ours(error: RunhookError) -> Response:
        if isinstance(error, StoreUnavailable):
            away.add(why=str(error))
        return _response(problem_view(error, changes=request.method not in READING))

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        return refusal(error)

    @app.errorhandler(Exception)
    def _unforeseen(_: Exception) -> Response:
        report("task.failed", lane="web", exc_info=True)
        detail = "runhook made a mistake; the log has the particulars"
        return _response(http_view(500, "Internal error", detail))
