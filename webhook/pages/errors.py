"""Errors where a person asked with a browser: a page that says the same, or the way to sign in."""

from typing import Any
from urllib.parse import quote

import orjson
from flask import Response, g, request

from runhook.webhook.edge.access import asker_of
from runhook.webhook.edge.forgery import SAFE
from runhook.webhook.edge.html import wants_page
from runhook.webhook.edge.responses import wiring
from runhook.webhook.pages.shell import FRAGMENT, lead_to, page
from runhook.worker.domain.problem_kinds import STORE

PROBLEM = "application/problem+json"
STRANGER = 401  # the HTTP status of who is not signed in
# In place of what programs are told: nobody at a page knows of its key.
AWAY = "Redis does not answer now. Load this page again in a moment."
AWAY_SENT = (
    "Redis does not answer now, so this was done or it was not. Load this page again in a moment, "
    "which sends the same once more: nothing is paid twice by that."
)


def answer_people(response: Response) -> Response:
    """After every request: the same answer for people, if it is an error and they asked."""
    if response.mimetype != PROBLEM or not wants_page(request) or request.path.startswith("/v1/"):
        return response
    looks = request.method in SAFE and FRAGMENT not in request.headers
    if looks and response.status_code == STRANGER:
        return _to_sign_in()
    if "caller" not in g:  # where there is no such page, nobody has looked yet
        g.caller, g.session = asker_of(wiring().settings, request)
    problem: dict[str, Any] = orjson.loads(response.get_data())
    if problem["type"] == STORE.type:
        problem["detail"] = _away()
    shown = page("error.html", response.status_code, problem=problem)
    for name in ("Retry-After", "Allow"):
        if name in response.headers:
            shown.headers[name] = response.headers[name]
    return shown


def _away() -> str:
    if request.method in SAFE:
        return AWAY
    return AWAY_SENT


def _to_sign_in() -> Response:
    # A link on another site's page: browsers keep back a strict cookie then, and send it again when
    # this page leads to itself.
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return page("onward.html", where=request.full_path.rstrip("?"))
    if not wiring().settings.callers:
        return page("only_here.html", STRANGER)
    where = quote(request.full_path.rstrip("?"), safe="/?&=")
    return lead_to(f"/login?next={where}")
