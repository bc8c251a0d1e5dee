"""What all pages have: the frame around them, who is signed in, and what was just done.

A page's module reads its query, calls one flow and answers with `page("its.html", …)`.
"""

import hashlib
import threading
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g, render_template, request
from heroicons.jinja import heroicon_mini, heroicon_outline
from itsdangerous import BadSignature, URLSafeTimedSerializer

from runhook.webhook.edge.forgery import FIELD, form_word
from runhook.webhook.edge.html import HEADERS, as_page
from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.scopes import OPEN_TO
from runhook.webhook.edge.sessions import cookie_name, is_https
from runhook.webhook.pages import plots, static_files, words
from runhook.worker.secrets.deriving import Kind, derived

FRAGMENT = "X-Fragment"  # a script's header: it wants what is in `main` alone
REFUSED = 422  # the HTTP status of a form that is not right
SEE_OTHER = 303  # the HTTP status that leads from a form to a page that can be loaded again
# Of every page, in the order in which they stand: endpoint, title, icon. One that is not open to
# whoever looks is not shown.
NAVIGATION = (
    ("overview.show", "Overview", "home"),
    ("job_list.show", "Jobs", "photo"),
    ("new_job.show", "New", "plus-circle"),
    ("delivery_list.show", "Deliveries", "paper-airplane"),
    ("cost_page.show", "Costs", "banknotes"),
    ("account_page.show", "Account", "user-circle"),
    ("system_page.show", "System", "cpu-chip"),
)
# Making HTML is all Python, so two at once are done no sooner, and a callback would wait for both.
ONE_AT_A_TIME = threading.Lock()
NOTICE_SECONDS = 60  # a notice that nobody looked at so long says nothing of now any more
LONGEST_NOTICE = 500  # characters: it lies in a cookie


def register(app: Flask) -> None:
    """Give the app's templates what every page needs."""
    app.jinja_env.globals |= {
        "icon": heroicon_mini,
        "large_icon": heroicon_outline,
        "static": static_files.url,
        "picture": plots.picture,
        "FIELD": FIELD,
        "csrf": form_word,
    }
    app.jinja_env.filters |= words.FILTERS
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def blueprint(name: str, module: str) -> Blueprint:
    """A page's blueprint; its templates lie beside this file."""
    return Blueprint(name, module, template_folder="templates")


def page(template: str, status: int = 200, **values: Any) -> Response:
    """A page, or what is in its `main` where a script asks for that."""
    notice, layout = None, "fragment.html"
    if FRAGMENT not in request.headers:
        notice, layout = _notice(), "layout.html"
    frame: dict[str, Any] = {"layout": layout, "navigation": _navigation(), "notice": notice}
    settings = wiring().settings
    frame |= {"live": settings.live, "charged_in": settings.budget_currency}
    with ONE_AT_A_TIME:
        html = render_template(template, me=g.get("caller"), **frame, **values)
    response = as_page(html, status)
    response.headers["Vary"] = FRAGMENT
    if notice is not None:
        _say(response, "", seconds=0)
    return response


def done(where: str, notice: str, kind: str = "good") -> Response:
    """Lead from a form to a page, which says once what was done.

    Args:
        where: The page's path.
        notice: What was done, in a sentence.
        kind: `good` or `bad`.
    """
    response, said = lead_to(where), _signer().dumps([kind, notice[:LONGEST_NOTICE]])
    _say(response, str(said), NOTICE_SECONDS)
    return response


def lead_to(where: str) -> Response:
    """Have the browser load another page."""
    return Response(status=SEE_OTHER, headers=HEADERS | {"Location": where})


def may(endpoint: str) -> bool:
    """Whether there is such a call, and it is open to whoever looks."""
    view = current_app.view_functions.get(endpoint)
    scopes = OPEN_TO.get(view, ())  # type: ignore[arg-type]  # None has none
    caller = g.get("caller")
    return view is not None and caller is not None and caller.may(scopes)


def _navigation() -> list[dict[str, Any]]:
    return [
        {"endpoint": endpoint, "title": title, "icon": name, "here": _is_here(endpoint)}
        for endpoint, title, name in NAVIGATION
        if may(endpoint)
    ]


def _is_here(endpoint: str) -> bool:
    """Whether a page, or one below it, is what is looked at."""
    return request.endpoint == endpoint or g.get("below") == endpoint


def _notice() -> list[str] | None:
    cookie = request.cookies.get(_notice_cookie())
    if not cookie:
        return None
    try:
        kind, text = _signer().loads(cookie, max_age=NOTICE_SECONDS)
    except (BadSignature, ValueError, TypeError):
        return None
    return [kind, text]


def _say(response: Response, said: str, seconds: int) -> None:
    """Have the browser bring a notice to the next page; for no seconds: forget it."""
    secure = is_https(wiring().settings, request)
    response.set_cookie(
        _notice_cookie(), said, max_age=seconds, httponly=True, samesite="Strict", secure=secure
    )


def _notice_cookie() -> str:
    settings = wiring().settings
    name = cookie_name(settings.secrets[0], secure=is_https(settings, request))
    return f"{name}-notice"


def _signer() -> URLSafeTimedSerializer:
    key = derived(wiring().settings.secrets[0], Kind.SESSION)
    return URLSafeTimedSerializer(
        key, salt="notice", signer_kwargs={"digest_method": hashlib.sha256}
    )
