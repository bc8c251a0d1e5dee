"""What went wrong on a network, in plain words: the names of exceptions are for logs."""

import errno
import http.client
import re
import socket
import ssl
from collections.abc import Iterator

from runhook.worker.net.untrusted import clean

LONGEST = 200  # characters of one: whoever reads it wants a line
NO_WAY = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN)
# As OpenSSL says that what came is no TLS.
NO_TLS = ("wrong version number", "record layer failure", "packet length too long")
# As redis and urllib3 say whom they called; where nobody listens, urllib3 hands its connection.
_CALLED = re.compile(r"\b(?:connecting to (\S+?)\.?(?:\s|$)|Connection to (\S+) timed out)")
# As they say that not even a connection was had in time.
_NOT_CONNECTED = re.compile(r"\bConnection to \S+ timed out|\bTimeout connecting\b")
# As sockets and TLS say that their time is over; any other text is somebody's who knows more.
_OVER = re.compile(r"no reason was given|timed out|.* operation timed out")


def why(error: BaseException, at: str = "") -> str:
    """Why a request was not answered.

    Args:
        error: What was raised.
        at: Whom it was for, as host:port; left out: whom the error names.
    """
    chain = list(_chain(error))
    place = at or next(filter(None, map(_place, chain)), "")
    return clean(_words(chain, place), LONGEST)


def unforeseen(error: Exception, longest: int) -> str:
    """An exception nobody foresaw, in so many characters at most; the log has its name."""
    if isinstance(error, OSError | http.client.HTTPException):
        return clean(why(error), longest)
    return clean(f"an unforeseen error: {_text(error)}", longest)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception, and what it came from; the last is the cause of all."""
    cause: BaseException | None = error
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:  # some are their own cause
        yield cause
        seen.add(id(cause))
        if cause.__cause__ is None and not cause.__suppress_context__:
            cause = cause.__context__
        else:
            cause = cause.__cause__


def _place(error: BaseException) -> str:
    connection = getattr(error, "conn", None)
    if connection is not None:
        return f"{connection.host}:{connection.port}"
    named = _CALLED.search(_text(error))
    if named is None:
        return ""
    return named[1] or named[2]


def _words(chain: list[BaseException], place: str) -> str:
    there = _at(place)
    match chain[-1]:
        case ConnectionRefusedError():
            return f"nobody listens {there} (connection refused)"
        case FileNotFoundError() if place:
            return f"nobody listens {there} (no such file)"
        case socket.gaierror(errno=socket.EAI_AGAIN):
            return f"DNS does not answer for {_host(place)}"
        case socket.gaierror():
            return f"DNS knows no {_host(place)}"
        case ssl.SSLError() as broken:
            return _tls(broken, place)
        case http.client.RemoteDisconnected():
            return "the connection was closed without an answer"
        case ConnectionResetError(errno=int()):
            return "the connection was reset"
        case BrokenPipeError() | ConnectionAbortedError():
            return "the connection broke while it was written to"
        case TimeoutError() as late if _OVER.fullmatch(_text(late)) or late.errno:
            return _late(chain, place)
        case http.client.IncompleteRead():
            return "the answer broke off"
        case http.client.HTTPException():
            return "what answered speaks no HTTP"
        case OSError(errno=number) if number in NO_WAY:
            return f"no route leads to {place or 'it'}"
        case OSError(errno=int(), strerror=str() as said, filename=None):
            return f"{said[:1].lower()}{said[1:]}"
        case OSError(errno=int(), strerror=str() as said, filename=name):
            return f"{name}: {said[:1].lower()}{said[1:]}"
    return _text(chain[-1])


def _at(place: str) -> str:
    if not place:
        return "there"
    return f"at {place}"


def _late(chain: list[BaseException], place: str) -> str:
    if any(_NOT_CONNECTED.search(_text(link)) for link in chain):
        return f"connecting to {place or 'it'} took too long"
    return "no answer came in time"


def _tls(broken: ssl.SSLError, place: str) -> str:
    if isinstance(broken, ssl.SSLCertVerificationError):
        return f"the TLS certificate {_at(place)} is not trusted: {broken.verify_message}"
    reason = (broken.reason or "no reason given").lower().replace("_", " ")
    if reason in NO_TLS:
        return "what answered speaks no TLS"
    return f"TLS failed: {reason}"


def _host(place: str) -> str:
    return place.rpartition(":")[0] or "such host"


def _text(error: BaseException) -> str:
    """What an exception says; users' and libraries' may fail to say anything."""
    try:
        return str(error) or "no reason was given"
    except Exception:  # noqa: BLE001 - any code may run in __str__
        return "its text cannot be read"
