"""Who asks: holders of a token; without any tokens, this machine alone."""

import hmac
import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from flask import Request, current_app
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import HTTPException, TooManyRequests, Unauthorized

from runhook.config.callers import Caller
from runhook.config.settings import LOOPBACK_HOSTS, Settings
from runhook.webhook.edge.refusals import Refusals
from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.sessions import Session, session_of
from runhook.worker.domain.jobs import LOCAL

PORT = re.compile(r":\d*$")  # behind a host; the last part of an IPv6 address stands in brackets
FRONT = "/"  # where a link may bring the token
# Who calls where there are no tokens: whoever can reach this machine from itself owns it.
OWNER = Caller(name=LOCAL, token="")
ASKER = "runhook.asker"  # in WSGI's environ, where no header of a request can put it

# What proxies, load balancers and content networks add, as WSGI names it.
PROXIES = {
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_REAL_IP",
    "HTTP_X_CLIENT_IP",
    "HTTP_X_CLUSTER_CLIENT_IP",
    "HTTP_X_REMOTE_ADDR",
    "HTTP_X_REMOTE_IP",
    "HTTP_TRUE_CLIENT_IP",
    "HTTP_CLIENT_IP",
    "HTTP_CF_CONNECTING_IP",
    "HTTP_CF_CONNECTING_IPV6",
    "HTTP_CDN_LOOP",
    "HTTP_FASTLY_CLIENT_IP",
    "HTTP_FLY_CLIENT_IP",
    "HTTP_X_AZURE_CLIENTIP",
    "HTTP_X_APPENGINE_USER_IP",
}
PROXIES_OWN = ("HTTP_X_FORWARDED", "HTTP_X_ORIGINAL_", "HTTP_X_ENVOY_")  # begin others of theirs
# Wrong tokens a minute that are told so. Who guesses needs more than the universe's age at any
# rate, so this only spares the log; a right token never waits.
MOST_WRONG = 60
WANTED = "a valid token is needed, in the header Authorization behind the word Bearer"


def wrong_tokens() -> Refusals:
    """A count of wrong tokens, one for each application."""
    return Refusals("token.refused", "wrong token", limit=MOST_WRONG)


def refusal_of(incoming: Request) -> HTTPException:
    """What a stranger is told: 401, or 429 after many wrong tokens."""
    if not wiring().settings.callers:
        return _stranger("without RUNHOOK_API_TOKENS only this machine may ask, and no proxy")
    if "Authorization" in incoming.headers or _shown(incoming):
        return wrong_token(incoming)
    return _stranger(WANTED)


def wrong_token(incoming: Request) -> HTTPException:
    """What is told to who shows a token that is none; counted."""
    refused: Refusals = current_app.extensions["runhook.wrong_tokens"]
    if wait := refused.add(peer=incoming.remote_addr):
        return TooManyRequests(
            "this token is wrong, as were many in the last minute; wait before the next try. "
            "A valid token is always let in at once.",
            retry_after=wait,
        )
    return _stranger(WANTED)


def _stranger(why: str) -> Unauthorized:
    return Unauthorized(why, www_authenticate=WWWAuthenticate("bearer"))


def caller_of(settings: Settings, incoming: Request) -> Caller | None:
    """Whoever asks, the owner of this machine without tokens; None: a stranger."""
    return asker_of(settings, incoming)[0]


def asker_of(settings: Settings, incoming: Request) -> tuple[Caller | None, Session | None]:
    """Whoever asks, and the session by which a browser does; who signed out is not told apart.

    The door asks before it reads a body, and Flask again: it is found out once for a request.
    """
    found: tuple[Caller | None, Session | None] | None = incoming.environ.get(ASKER)
    if found is None:
        found = incoming.environ[ASKER] = _found_out(settings, incoming)
    return found


def _found_out(settings: Settings, incoming: Request) -> tuple[Caller | None, Session | None]:
    """A token that is shown counts alone, so that a wrong one is never overlooked."""
    if not settings.callers and _from_this_machine(incoming):
        return OWNER, None
    shown = _shown(incoming)
    if shown or "Authorization" in incoming.headers:
        return holder_of(settings, shown), None
    session = session_of(settings, incoming)
    if session is None:
        return None, None
    return session.caller, session


def holder_of(settings: Settings, token: str) -> Caller | None:
    """Who holds a token; takes the same time for every wrong one."""
    shown, found = token.encode("utf-8", "replace"), None
    for caller in settings.callers:
        if hmac.compare_digest(caller.token.encode(), shown):
            found = caller
    return found


def _shown(incoming: Request) -> str:
    """The token in a request; empty where there is none."""
    kind, _, given = incoming.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return given.strip()
    if incoming.path != FRONT:
        return ""  # calls of programs have it in no address, for those are written down
    return incoming.args.get("token", "")


def _from_this_machine(request: Request) -> bool:
    """Loopback peer, Host and Origin, and no proxy in between that could hide the real peer."""
    if _came_by_a_proxy(request.environ):
        return False
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return False
    if PORT.sub("", request.host).strip("[]").lower() not in LOOPBACK_HOSTS:
        return False
    # A page of another site may have a browser on this machine post forms here.
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc.lower() != request.host.lower():
        return False
    return _is_loopback(request.remote_addr or "")


@lru_cache(maxsize=64)  # reading one takes longer than all else here, and it is nearly always one
def _is_loopback(address: str) -> bool:
    try:
        peer = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(peer, "ipv4_mapped", None)
    return (mapped or peer).is_loopback


def _came_by_a_proxy(environ: Mapping[str, Any]) -> bool:
    """Whether there is a header that proxies add: then the peer is not who asks."""
    return not PROXIES.isdisjoint(environ) or any(one.startswith(PROXIES_OWN) for one in environ)
