"""Changes that another site's page could have a browser ask for: refused unless a page of ours did.

A browser sends its cookie by itself, so a change needs a word that only our own pages know: the
hidden field of a form, or the header of a script.
"""

import hmac
from urllib.parse import urlsplit

from flask import Request, g, request
from werkzeug.exceptions import Forbidden

from runhook.config.callers import Caller
from runhook.webhook.edge.current import noted, this_request
from runhook.webhook.edge.page_forms import is_page
from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.sessions import Session
from runhook.worker.secrets.deriving import Kind, derived

FIELD, HEADER = "csrf_token", "X-CSRF-Token"
SAFE = ("GET", "HEAD", "OPTIONS")  # methods that change nothing
NOBODY = "nobody"  # whose word it is where nobody need sign in: without tokens, on this machine
ELSEWHERE = "this was asked by a page of another site. Nothing was done."
STALE = (
    "the page that asked for this is of another sign-in. Nothing was done; go back, load it "
    "again and repeat it."
)


def form_word() -> str:
    """The word of this browser's session, for forms and scripts."""
    return _words()[0]


def refuse_forged() -> None:
    """Before every request: 403 where a browser may have been made to send it.

    A program shows its token in each request, which no other site's page can have a browser do.

    Raises:
        Forbidden: Nothing is done.
    """
    if this_request().method in SAFE or _by_token():
        return
    if _session() is None and not is_page():
        return  # callbacks, and /v1 without tokens, where access looks at where it comes from
    if not from_our_own_page(request):
        raise Forbidden(ELSEWHERE)
    if g.get("caller") is None:
        return  # whoever signs in shows a token in the form itself
    shown = (request.headers.get(HEADER) or _field()).encode()
    if not any(hmac.compare_digest(word.encode(), shown) for word in _words()):
        raise Forbidden(STALE)


def from_our_own_page(incoming: Request) -> bool:
    """Whether a browser says that a page of ours asks; programs say nothing of it."""
    site = incoming.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = incoming.headers.get("Origin")
    if origin is None:
        return True
    # That of a page that has none, as one in a frame of its own, is `null`.
    theirs = urlsplit(origin).netloc.lower()
    ours = (incoming.host, urlsplit(wiring().settings.public_url).netloc)
    return bool(theirs) and theirs in ours


def _by_token() -> bool:
    """Whether the request itself shows a token."""
    asks: Caller | None = noted().get("caller")
    return asks is not None and bool(asks.token) and _session() is None


def _session() -> Session | None:
    found: Session | None = noted().get("session")
    return found


def _field() -> str:
    """The word in a form; a body of /v1 is not read for it."""
    if not is_page():
        return ""
    return request.form.get(FIELD, "")


def _words() -> list[str]:
    """The words that are good now: one under each secret, the first is handed out."""
    whose = NOBODY
    if session := _session():
        whose = session.id
    return [derived(secret, Kind.FORM, whose).hex() for secret in wiring().settings.secrets]
