"""Reading a body: how long it is waited for, and what becomes of one that is not whole."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from typing import Any

import pytest
from werkzeug.exceptions import RequestTimeout, ServiceUnavailable

from runhook.webhook.edge.receiving import Sending, read_whole


class Body:
    """A body that comes in pieces; if it stays, it never ends."""

    def __init__(self, *pieces: bytes, stays: bool = False, pause: float = 0.0) -> None:
        self.pieces, self.stays, self.pause = pieces, stays, pause

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
            await asyncio.sleep(self.pause)
        if self.stays:
            await asyncio.Event().wait()

    async def __call__(self) -> bytes:
        return b"".join([piece async for piece in self])


def _read(sending: Sending, body: Body, **environ: Any) -> dict[str, Any]:
    asyncio.run(read_whole(environ, body, sending))
    return environ


def test_a_body_is_whole_before_it_is_handed_on_however_large() -> None:
    piece = b"x" * 100_000
    found = _read(Sending(largest=10**6, seconds=9), Body(*[piece] * 5))
    assert found["CONTENT_LENGTH"] == "500000"
    assert found["wsgi.input"].read() == piece * 5


def test_a_body_that_stops_coming_is_given_up() -> None:
    for told in ({}, {"CONTENT_LENGTH": "9"}):
        with pytest.raises(
            RequestTimeout, match=r"within 0\.05 s\. Nothing was kept.*send it again"
        ):
            _read(Sending(largest=100, seconds=0.05), Body(b"abc", stays=True), **told)


def test_a_body_that_ends_before_its_length_is_not_taken_for_whole() -> None:
    with pytest.raises(RequestTimeout, match="ended before its length"):
        _read(Sending(largest=100, seconds=9), Body(b"abc"), CONTENT_LENGTH="4")


def test_what_comes_of_a_file_earns_the_rest_more_time() -> None:
    hasty = Sending(largest=10**6, seconds=0.05)
    patient = Sending(largest=10**6, seconds=0.05, slowest=10)
    with pytest.raises(RequestTimeout):
        _read(hasty, Body(b"x" * 100, b"y", pause=0.2))
    assert _read(patient, Body(b"x" * 100, b"y", pause=0.2))["CONTENT_LENGTH"] == "101"


def test_a_body_for_which_there_is_no_room_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc/nowhere")
    with pytest.raises(ServiceUnavailable, match="cannot be kept here"):
        _read(Sending(largest=10**6, seconds=9), Body(b"x" * 300_000, b"y"))


def test_no_more_is_read_of_a_body_than_shows_that_it_is_too_large() -> None:
    found = _read(Sending(largest=5, seconds=9), Body(b"abc", b"def", stays=True))
    assert found["CONTENT_LENGTH"] == "6"
    unread = _read(Sending(largest=5, seconds=9), Body(stays=True), CONTENT_LENGTH="6")
    assert unread == {"CONTENT_LENGTH": "6"}
