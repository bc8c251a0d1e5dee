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

PROBLEM = "application/problem+json"
STRANGER = 401  # the HTTP status of who is not signed in


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
    shown = page("error.html", response.status_code, problem=problem)
    for name in ("Retry-After", "Allow"):
        if name in response.headers:
            shown.headers[name] = response.headers[name]
    return shown


def _to_sign_in() -> Response:
    # A link on another site's page: browsers keep back a strict cookie then, and send it again when
    # this page leads to itself.
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return page("onward.html", where=request.full_path.rstrip("?"))
    if not wiring().settings.callers:
        return page("only_here.html", STRANGER)
    where = quote(request.full_path.rstrip("?"), safe="/?&=")
    return lead_to(f"/login?next={where}")
