"""The one guarded way to URLs that a user gave: public addresses only, and a little of the answer.

The addresses are looked up once a request, judged, and those very addresses are dialled: a name
that points elsewhere a moment later gains nothing.
"""

import email.utils
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema

from runhook.worker.net.addresses import is_public
from runhook.worker.net.faults import why
from runhook.worker.net.http import FAILURES, Answer, Call, Http, dialled

SECONDS = 15.0  # in all: looking up, connecting, sending, and a dripping answer
CHECK_SECONDS = 3.0  # for looking a new URL's host up while its owner waits
# Bytes of a subscriber's answer that are read; the timeline shows the head.
LARGEST_ANSWER = 64 * 1024
LONGEST_URL = 2000  # characters; proxies and servers take no more for sure

TOO_OPEN = "must be https: anybody on the way could read it; RUNHOOK_HTTPS_ONLY=false allows http"

NO_HOST = (InvalidURL, MissingSchema, InvalidSchema)  # what says that a URL names no host
Lookup = Callable[..., list[Any]]


class PrivateAddress(OSError):
    """The URL leads to an address that is not of the public internet."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What came back: a status with the answer's head, or why nothing did.

    Attributes:
        took: Seconds.
        status: The HTTP status; None when no complete answer came.
        answer: The head of its body.
        after: Seconds that Retry-After asks for.
        why: Why no complete answer came.
    """

    took: float
    status: int | None = None
    answer: bytes = b""
    after: float | None = None
    why: str | None = None


class Outbound:
    """Posts to users' URLs."""

    def __init__(
        self,
        *,
        allow_private: bool,
        https_only: bool = False,
        seconds: float = SECONDS,
        lookup: Lookup = socket.getaddrinfo,
    ) -> None:
        """Args:
        allow_private: Whether private addresses may be dialled (RUNHOOK_ALLOW_PRIVATE_URLS).
        https_only: Whether a URL must be https (RUNHOOK_HTTPS_ONLY).
        seconds: For one request in all.
        lookup: How names become addresses.
        """
        self._private = allow_private
        self._https_only = https_only
        self._seconds = seconds
        self._lookup = lookup

    def refusal(self, url: str) -> str | None:
        """Why a URL is not taken; None when it is. A name that nobody knows yet is."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port  # a port beyond 65535 raises
        except ValueError as error:
            return f"is no URL: {error}"
        if parts.scheme not in ("http", "https") or not host:
            return "must be an http or https URL"
        if self.too_open(url):
            return TOO_OPEN
        if parts.username is not None or parts.password is not None:
            return "must hold no credentials; every request is signed instead"
        if len(url) > LONGEST_URL or any(sign <= " " or sign == "\x7f" for sign in url):
            return f"must have at most {LONGEST_URL} characters, and no blanks among them"
        return self._unreachable(url)

    def too_open(self, url: str) -> bool:
        """Whether what is posted there could be read on the way, and that is not allowed."""
        return self._https_only and not url.casefold().startswith("https:")

    def _unreachable(self, url: str) -> str | None:
        try:
            _, host, port = dialled(url)
            self.addresses(host, port, min(CHECK_SECONDS, self._seconds))
        except PrivateAddress as private:
            return f"{private}; RUNHOOK_ALLOW_PRIVATE_URLS=true allows it"
        except (UnicodeError, *NO_HOST):
            return "does not have a valid host name; write it in ASCII, as DNS has it"
        except OSError:
            return None
        return None

    def addresses(self, host: str, port: int, seconds: float | None = None) -> list[str]:
        """Where a host is, in the order to try.

        Raises:
            PrivateAddress: Any of them is private.
            OSError: Nobody knows the name, or says so in time.
        """
        found = self._found(host, port, seconds or self._seconds)
        if not self._private:
            for address in found:
                if not is_public(address):
                    raise PrivateAddress(f"leads to the private address {address}")
        return found

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Heard:
        """One POST. Redirects are not followed. Never raises what goes wrong on the way.

        A proxy of the environment is passed by: it would look the name up itself, and so reach
        private addresses. Where these are allowed it is used.
        """
        start = time.monotonic()
        if self.too_open(url):
            return Heard(took=0.0, why=TOO_OPEN)
        try:
            answer = self._post(url, body, headers)
        except (*FAILURES, ValueError) as error:
            took = time.monotonic() - start
            if took >= self._seconds:
                return Heard(took=took, why=f"no complete answer within {self._seconds:g} s")
            return Heard(took=took, why=why(error))
        after = seconds_of(answer.headers.get("Retry-After"))
        took = time.monotonic() - start
        return Heard(took=took, status=answer.status, answer=answer.body, after=after)

    def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        return Http(url, proxies=self._private).request(
            "POST",
            "",
            headers={"Accept-Encoding": "identity", **headers},
            data=body,
            seconds=self._seconds,
            call=Call(resolve=self.addresses),
            most=LARGEST_ANSWER,
        )

    def _found(self, host: str, port: int, seconds: float) -> list[str]:
        """Ask for a host's addresses, from another thread: the question itself has no time-out."""
        said: list[Any] = []

        def ask() -> None:
            try:
                said.append(self._lookup(host, port, type=socket.SOCK_STREAM))
            except (OSError, UnicodeError) as error:
                said.append(error)

        asking = threading.Thread(target=ask, name=f"look up {host}", daemon=True)
        asking.start()
        asking.join(seconds)
        if not said:
            raise OSError(f"DNS lookup of {host} timed out after {seconds:g} s")
        if isinstance(said[0], Exception):
            raise said[0]
        return list(dict.fromkeys(str(entry[4][0]) for entry in said[0]))


def seconds_of(retry_after: str | None) -> float | None:
    """Retry-After, which is a number of seconds or a date."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after.strip()[:10])
    try:
        moment = email.utils.parsedate_to_datetime(retry_after)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError, TypeError, IndexError):
        return None  # a day or zone that no calendar has
