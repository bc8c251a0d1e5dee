"""An answer that may be wanted in part, or only if it is, or is not, what the caller has."""

import math
import re
from typing import Any

from flask import Request
from werkzeug.exceptions import PreconditionFailed
from werkzeug.http import is_resource_modified

from runhook.webhook.edge.responses import File

# One part; 18 digits are more bytes than any file has, so one that ends behind them has no end.
ONE_PART = re.compile(r"bytes=(?:(?P<first>[0-9]{1,18})-(?P<end>[0-9]*)|-(?P<last>[0-9]+))")
LONGEST_NUMBER = 18
NOT_WANTED = 412  # the HTTP status


def in_part(response: File, request: Request, size: int) -> File:
    """The same where only a part of so many bytes is asked for, or none that is known already.

    Raises:
        RequestedRangeNotSatisfiable: It has no such part.
        PreconditionFailed: The caller wants another file than this one.
    """
    try:
        asked = _of_one_part(request.environ, size)
        if not _is_wanted(request.environ, response):  # before any part (RFC 9110, 13.2.2)
            asked = _of_the_whole(asked)
        response.make_conditional(asked, accept_ranges=True, complete_length=size)
        if response.status_code == NOT_WANTED:  # werkzeug would send the file with it
            raise PreconditionFailed
    except Exception:
        response.close()  # nobody else will, and it holds a file and a place
        raise
    return response


def _of_one_part(environ: dict[str, Any], size: int) -> dict[str, Any]:
    """A request whose Range werkzeug reads as RFC 9110 (14.2) does.

    What is no single part of bytes asks for the whole file, and so does a part of what may have
    been another one; the last bytes of a shorter file are all that it has.
    """
    wanted = environ.get("HTTP_RANGE")
    if wanted is None:
        return environ
    found = ONE_PART.fullmatch(wanted)
    if found is None or environ.get("HTTP_IF_RANGE", "").startswith("W/"):
        return _of_the_whole(environ)
    if found["last"] and _number(found["last"]) > size:
        return {**environ, "HTTP_RANGE": f"bytes=-{size}"}
    if found["end"] and _number(found["end"]) > size:
        return {**environ, "HTTP_RANGE": f"bytes={found['first']}-"}
    return environ


def _of_the_whole(environ: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in environ.items() if name != "HTTP_RANGE"}


def _is_wanted(environ: dict[str, Any], response: File) -> bool:
    """Whether the file is what If-Match and If-None-Match want, which werkzeug asks after a part
    that can be had.
    """
    last_modified = response.headers.get("Last-Modified")
    return is_resource_modified(environ, response.headers.get("ETag"), last_modified=last_modified)


def _number(digits: str) -> float:
    """A number; infinite where it has more digits than are turned into one."""
    digits = digits.lstrip("0")
    if len(digits) > LONGEST_NUMBER:
        return math.inf
    return int(digits or "0")
