"""Reading a body: how long it is waited for, and what becomes of one that is not whole."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from werkzeug.exceptions import RequestTimeout

from webhook.bodies import Sending, spooled


async def _coming(*pieces: bytes, stays: bool = False) -> AsyncIterator[bytes]:
    """A body's pieces as they come; if it stays, more never does."""
    for piece in pieces:
        await asyncio.sleep(0)
        yield piece
    if stays:
        await asyncio.Event().wait()


def _read(sending: Sending, body: AsyncIterator[bytes], **environ: Any) -> dict[str, Any]:
    asyncio.run(spooled(environ, body, sending))
    return environ


def test_a_body_is_whole_before_it_is_handed_on_however_large() -> None:
    piece = b"x" * 100_000
    found = _read(Sending(largest=10**6, seconds=9), _coming(*[piece] * 5))
    assert found["CONTENT_LENGTH"] == "500000"
    assert found["wsgi.input"].read() == piece * 5


def test_a_body_that_stops_coming_is_given_up() -> None:
    with pytest.raises(RequestTimeout, match=r"3 bytes did.*send it again"):
        _read(Sending(largest=100, seconds=0.05), _coming(b"abc", stays=True))


def test_a_body_that_ends_before_its_length_is_not_taken_for_whole() -> None:
    with pytest.raises(RequestTimeout, match="ended before its length"):
        _read(Sending(largest=100, seconds=9), _coming(b"abc"), CONTENT_LENGTH="4")


def test_what_comes_of_a_file_earns_the_rest_more_time() -> None:
    hasty = Sending(largest=10**6, seconds=0.05)
    patient = Sending(largest=10**6, seconds=0.05, slowest=10)

    async def in_two() -> AsyncIterator[bytes]:
        yield b"x" * 100
        await asyncio.sleep(0.2)
        yield b"y"

    with pytest.raises(RequestTimeout):
        _read(hasty, in_two())
    assert _read(patient, in_two())["CONTENT_LENGTH"] == "101"


def test_no_more_is_read_of_a_body_than_shows_that_it_is_too_large() -> None:
    found = _read(Sending(largest=5, seconds=9), _coming(b"abc", b"def", stays=True))
    assert found["CONTENT_LENGTH"] == "6"
    unread = _read(Sending(largest=5, seconds=9), _coming(stays=True), CONTENT_LENGTH="6")
    assert unread == {"CONTENT_LENGTH": "6"}
