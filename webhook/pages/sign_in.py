"""/login and /logout: a token is shown once, and a session that holds none of it takes its place.

The link that `runhook up` prints brings the token in its query; it leads to a clean address. On
another site's page it signs nobody in.
"""

from urllib.parse import parse_qs, urlencode

from flask import Blueprint, Response, g, request

from runhook.webhook.edge import sessions
from runhook.webhook.edge.access import FRONT, asker_of, holder_of, wrong_token
from runhook.webhook.edge.forgery import from_our_own_page
from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.scopes import open_to
from runhook.webhook.pages.shell import REFUSED, done, lead_to, page

TOKEN, NEXT = "token", "next"
BAD = 401  # the HTTP status of a wrong token

blueprint = Blueprint("sign_in", __name__, template_folder="templates")


@blueprint.before_app_request
def take_link() -> Response | None:
    """A link with a token signs in, and leads to the same page without it."""
    if request.path != FRONT or TOKEN not in request.args or not g.get("caller"):
        return None
    rest = [(name, value) for name, value in request.args.items(multi=True) if name != TOKEN]
    where = FRONT
    if rest:
        where = f"{FRONT}?{urlencode(rest)}"
    response = lead_to(where)
    response.headers["Referrer-Policy"] = "no-referrer"  # this address holds the token
    # Another site's link would have whoever follows it work, and keep files, under its own token.
    if g.caller.token and g.session is None and from_our_own_page(request):
        sessions.begin(wiring().settings, g.caller, request, response)
    return response


@blueprint.get("/login")
@open_to("anybody")
def ask() -> Response:
    """The form for a token."""
    where = _safe(request.args.get(NEXT, ""))
    if not wiring().settings.callers:
        return lead_to(where)
    caller, session = asker_of(wiring().settings, request)
    if caller and not (session and wiring().store.sessions.has_ended(session.id)):
        return lead_to(where)
    return page("login.html", where=where, fault=None)


@blueprint.post("/login")
@open_to("anybody")
def sign_in() -> Response:
    """Begin a session, if the token is one of ours."""
    where = _safe(request.form.get(NEXT, ""))
    token = request.form.get(TOKEN, "").strip()
    if not token:
        return page("login.html", REFUSED, where=where, fault="A token is needed here.")
    caller = holder_of(wiring().settings, token)
    if caller is None:
        refused = wrong_token(request)
        fault = "This is no token of RUNHOOK_API_TOKENS here."
        if refused.code != BAD:
            fault = str(refused.description)
        return page("login.html", refused.code or BAD, where=where, fault=fault)
    response = lead_to(where)
    sessions.begin(wiring().settings, caller, request, response)
    return response


@blueprint.post("/logout")
@open_to("read", "submit")
def sign_out() -> Response:
    """End the session, in all copies of its cookie."""
    if g.session is None:
        return done(FRONT, "Nobody is signed in here: without tokens this machine may do all.")
    wiring().store.sessions.end(g.session.id)
    response = done("/login", "You are signed out.")
    sessions.end(wiring().settings, request, response)
    return response


def _safe(where: str) -> str:
    """A path of our own; any other address would let a link here lead to a stranger's page."""
    if not where.startswith("/") or where.startswith(("//", "/\\")) or "\\" in where:
        return FRONT
    if any(ord(letter) < ord(" ") for letter in where):
        return FRONT
    # A link that says where to go on may be a stranger's, and so the token in it.
    if TOKEN in parse_qs(where.partition("?")[2], keep_blank_values=True):
        return FRONT
    return where
