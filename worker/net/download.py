"""The guarded way to files that RunningHub reported: streamed, and gone on with where it broke off.

Addresses are judged and dialled as for subscribers' URLs; only what lies where RunningHub itself is
asked may be anywhere. A redirect is a new URL, and judged like the first.
"""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO
from urllib.parse import urljoin, urlsplit

from urllib3.response import BaseHTTPResponse

from runhook.worker.net.faults import why
from runhook.worker.net.http import FAILURES, Call, Http, dialled
from runhook.worker.net.outbound import TOO_OPEN, Outbound

PIECE = 256 * 1024  # bytes read at a time
STALL = 30.0  # seconds without a byte, after which a connection counts as broken
SLOWEST = 64 * 1024  # bytes a second in the long run; less is no download but a held thread
REDIRECTS = 5  # in a row; a store of files needs one or two
# Connections for one file in a row, each of which brought some of it: a file that breaks off more
# often is tried again later.
CONNECTIONS = 10
OK, PARTIAL = 200, 206  # HTTP statuses
MOVED = (301, 302, 303, 307, 308)
PLACE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")  # a Content-Range


class NotFetched(Exception):
    """The file was not had.

    Attributes:
        final: Nor would it be another time.
    """

    def __init__(self, why: str, *, final: bool = False) -> None:
        self.final = final
        super().__init__(why)


class NoRoom(Exception):
    """The place where the file was to go takes no more."""


@dataclass(kw_only=True)
class _Progress:
    """What is there of a file so far.

    Attributes:
        file: Where it goes.
        here: Bytes that are there.
        total: Bytes that there will be, as far as was said.
        mark: Its ETag or date, by which the server knows that it is still the same.
    """

    file: IO[bytes]
    here: int = 0
    total: int | None = None
    mark: str = ""

    def begin(self, headers: Mapping[str, str]) -> None:
        """It comes from its first byte on."""
        self.file.seek(0)
        self.file.truncate()
        self.here, self.total, self.mark = 0, None, ""
        length = headers.get("Content-Length", "")
        if length.isdecimal():
            self.total = int(length)
        tag = headers.get("ETag", "")
        if tag.startswith("W/"):  # says that it is much the same, not that the bytes are
            tag = ""
        self.mark = tag or headers.get("Last-Modified", "")

    def goes_on(self, headers: Mapping[str, str]) -> bool:
        """Whether what comes stands right behind what is here."""
        place = PLACE.fullmatch(headers.get("Content-Range", ""))
        return place is not None and int(place[1]) == self.here

    def add(self, piece: bytes) -> None:
        """The next bytes of it."""
        try:
            self.file.write(piece)
        except OSError as full:
            raise NoRoom(str(full)) from full
        self.here += len(piece)


class Downloads:
    """Fetches files."""

    def __init__(self, base_url: str, *, allow_private: bool, https_only: bool) -> None:
        """Args:
        base_url: Where RunningHub is asked: what lies there may be had wherever that is.
        allow_private: Whether private addresses may be dialled (RUNHOOK_ALLOW_PRIVATE_URLS).
        https_only: Whether a URL must be https (RUNHOOK_HTTPS_ONLY).
        """
        self._base = base_url
        self._own = Outbound(allow_private=True)
        self._others = Outbound(allow_private=allow_private, https_only=https_only)
        self._proxies = allow_private  # a proxy would look names up itself

    def fetch(self, url: str, file: IO[bytes], largest: int) -> None:
        """Bring all of a file, going on where it breaks off.

        Args:
            url: Where it is, as RunningHub reported.
            file: Where it goes.
            largest: More bytes are not taken.

        Raises:
            NotFetched: It was not had.
            NoRoom: `file` takes no more.
        """
        had = _Progress(file=file)
        for _ in range(CONNECTIONS):
            before = had.here
            try:
                return self._go_on(url, had, largest)
            except (*FAILURES, ValueError) as error:
                told = why(error)
            if had.here <= before:
                raise NotFetched(told)
        raise NotFetched(f"it broke off {CONNECTIONS} times in a row, at last: {told}")

    def _go_on(self, url: str, had: _Progress, largest: int) -> None:
        """One connection's part of it.

        Raises:
            FAILURES, ValueError: It broke off.
            NotFetched: It is not to be had, or is too large.
        """
        begun, got = time.monotonic(), 0
        seconds = STALL + largest / SLOWEST
        with self._answer(url, had, seconds) as (response, call):
            _begin(response, had)
            if (had.total or 0) > largest:
                raise _too_large(largest)
            while piece := response.read1(PIECE, decode_content=False):
                got += len(piece)
                if had.here + len(piece) > largest:
                    raise _too_large(largest)
                had.add(piece)
                if time.monotonic() - begun > STALL + got / SLOWEST:
                    raise TimeoutError(f"it came more slowly than {SLOWEST // 1024} KiB/s")
            if call.over:  # the end that was seen is of our own making
                raise TimeoutError(f"it did not come within {seconds:g} s")
        if had.total not in (None, had.here):
            raise ConnectionError(f"it broke off after {had.here} of {had.total} bytes")

    @contextmanager
    def _answer(
        self, url: str, had: _Progress, seconds: float
    ) -> Iterator[tuple[BaseHTTPResponse, Call]]:
        """The answer for what is missing, wherever redirects lead."""
        headers = {"Accept-Encoding": "identity"}
        if had.here and had.mark:
            headers |= {"Range": f"bytes={had.here}-", "If-Range": had.mark}
        for _ in range(REDIRECTS):
            call = Call(resolve=self._judge_of(url).addresses)
            http = Http(url, proxies=self._proxies)
            with http.opened("", headers=headers, stall=STALL, seconds=seconds, call=call) as found:
                if found.status not in MOVED:
                    yield found, call
                    return
                url = urljoin(url, found.headers.get("Location", ""))
        raise NotFetched(f"it is redirected more than {REDIRECTS} times")

    def _judge_of(self, url: str) -> Outbound:
        """Who judges the addresses of a URL.

        Raises:
            NotFetched: The URL is not taken at all.
        """
        parts = urlsplit(url)
        if parts.username is not None or parts.password is not None:
            raise NotFetched("its URL holds credentials", final=True)
        if dialled(url) == dialled(self._base):
            return self._own
        if self._others.too_open(url):
            raise NotFetched(f"its URL {TOO_OPEN}")
        return self._others


def _begin(response: BaseHTTPResponse, had: _Progress) -> None:
    """Read the head of an answer.

    Raises:
        NotFetched: It is none that brings the file.
    """
    headers = response.headers
    if headers.get("Content-Encoding", "identity") != "identity":
        raise NotFetched("it is compressed, which was not asked for")
    if response.status == OK:
        had.begin(headers)
    elif response.status != PARTIAL or not had.goes_on(headers):
        raise NotFetched(f"HTTP {response.status}")


def _too_large(largest: int) -> NotFetched:
    return NotFetched(f"it has more than {largest} bytes, the most that are kept", final=True)
