"""A browser that is signed in: a signed cookie that holds no token and ends with its token.

Nothing is kept of a session here: the cookie says whose it is and proves that its token was shown.
A token that was removed or changed proves nothing any more.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Request, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer

from runhook.config.callers import Caller
from runhook.config.settings import Settings
from runhook.worker.domain import policy
from runhook.worker.secrets.deriving import Kind, derived

ID_BYTES = 12  # of a session's random id: nobody meets one twice
NAMED = 8  # characters of a cookie's name that tell two installations on one host apart
# Longest cookie that is looked at, in characters: ours have some two hundred.
LONGEST = 1024


@dataclass(frozen=True, kw_only=True)
class Session:
    """One browser that is signed in.

    Attributes:
        caller: Whose token was shown, with the scopes that it has now.
        id: Of the session, random.
    """

    caller: Caller
    id: str


def begin(settings: Settings, caller: Caller, incoming: Request, response: Response) -> None:
    """Sign a browser in with this answer."""
    secret, secure = settings.secrets[0], is_https(settings, incoming)
    said = [caller.name, _proof(secret, caller), secrets.token_urlsafe(ID_BYTES)]
    response.set_cookie(
        cookie_name(secret, secure=secure),
        _signer(secret).dumps(said),
        max_age=policy.SESSION_SECONDS,
        httponly=True,
        samesite="Strict",
        secure=secure,
    )


def end(settings: Settings, incoming: Request, response: Response) -> None:
    """Take the cookie out of a browser."""
    secure = is_https(settings, incoming)
    for secret in settings.secrets:
        name = cookie_name(secret, secure=secure)
        response.delete_cookie(name, httponly=True, samesite="Strict", secure=secure)


def session_of(settings: Settings, incoming: Request) -> Session | None:
    """The session of a request, unless its token is gone; who signed out is not looked up here."""
    secure = is_https(settings, incoming)
    for secret, cookie in _cookies(settings.secrets, incoming, secure=secure):
        try:
            name, proof, session_id = _signer(secret).loads(cookie, max_age=policy.SESSION_SECONDS)
        except (BadSignature, ValueError, TypeError):
            continue
        for caller in settings.callers:
            if caller.name == name and hmac.compare_digest(_proof(secret, caller), proof):
                return Session(caller=caller, id=session_id)
    return None


def is_https(settings: Settings, incoming: Request) -> bool:
    """Whether the browser speaks https, with us or with a proxy before us."""
    if incoming.is_secure or incoming.headers.get("X-Forwarded-Proto", "") == "https":
        return True
    public = urlsplit(settings.public_url)
    return public.scheme == "https" and public.netloc == incoming.host


def cookie_name(secret: str, *, secure: bool) -> str:
    """What the cookie is called: browsers share them between the ports of a host.

    Behind https it begins so that a browser takes it from this host alone: a page of a neighbouring
    one could else put another one's session in its place.
    """
    name = f"runhook-{derived(secret, Kind.SESSION, 'name').hex()[:NAMED]}"
    if secure:
        return f"__Host-{name}"
    return name


def _cookies(known: Sequence[str], incoming: Request, *, secure: bool) -> Iterator[tuple[str, str]]:
    """Every cookie that may be ours, with the secret that it would be signed under."""
    for secret in known:
        cookie = incoming.cookies.get(cookie_name(secret, secure=secure), "")
        if cookie and len(cookie) <= LONGEST:
            yield secret, cookie


def _proof(secret: str, caller: Caller) -> str:
    return derived(secret, Kind.SHOWN, f"{caller.name}\n{caller.token}").hex()


def _signer(secret: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(
        derived(secret, Kind.SESSION), signer_kwargs={"digest_method": hashlib.sha256}
    )
