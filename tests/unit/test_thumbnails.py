"""Small pictures: made of what can be shown, and never at any price."""

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from runhook.worker.files import thumbnails
from runhook.worker.files.measure import measure
from runhook.worker.runninghub.sandbox.outputs import make


def _small(data: bytes, name: str = "x.png") -> Image.Image | None:
    found = thumbnails.of(measure(name, io.BytesIO(data), len(data)), io.BytesIO(data))
    return Image.open(found) if found else None


def _saved(picture: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_picture_is_shown_small_with_its_proportions(kind: str) -> None:
    small = _small(_saved(Image.new("RGB", (1600, 400), "red"), kind))
    assert small
    assert (small.format, small.size) == ("WEBP", (320, 80))


def test_what_is_small_already_stays_as_large() -> None:
    small = _small(_saved(Image.new("RGB", (40, 30)), "PNG"))
    assert small
    assert small.size == (40, 30)


def test_what_can_be_seen_through_still_can() -> None:
    small = _small(_saved(Image.new("RGBA", (400, 400), (1, 2, 3, 0)), "PNG"))
    assert small
    assert small.mode == "RGBA"


def _png(width: int, height: int, data: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [
        _png(60_000, 60_000, zlib.compress(b"\0" * 1_000_000)),
        _png(2**31 - 1, 2**31 - 1, b"x"),
        _png(100, 100, b"this is not packed"),
        _png(100, 100, zlib.compress(b"\0" * 10)),
        make("image", "a cat", "1")[1][:200],
        b"\x89PNG\r\n\x1a\n",
        b"",
    ],
    ids=["bomb", "largest", "rubbish", "short", "cut", "head", "nothing"],
)
def test_a_hostile_picture_has_none_and_harms_nobody(data: bytes) -> None:
    assert _small(data) is None


@pytest.mark.parametrize("kind", ["audio", "3d", "string"])
def test_what_shows_nothing_has_none(kind: str) -> None:
    ending, data = make(kind, "a cat", "1")
    assert _small(data, f"x.{ending}") is None


@pytest.fixture
def decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the place of ffmpeg, on a path of its own."""
    found = tmp_path / "ffmpeg"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return found


def _is(decoder: Path, script: str) -> None:
    decoder.write_text(f"#!/bin/sh\n{script}\n")
    decoder.chmod(0o755)


def test_a_decoder_gets_a_file_of_a_known_kind_and_may_open_nothing_else(decoder: Path) -> None:
    frame = decoder.with_name("frame.png")
    frame.write_bytes(_saved(Image.new("RGB", (300, 200), "blue"), "PNG"))
    _is(decoder, f'echo "$@" > {decoder}.args; cat {frame}')
    small = _small(make("video", "a cat", "1")[1], "x.mp4")
    assert small
    assert small.size == (300, 200)
    args = decoder.with_name("ffmpeg.args").read_text()
    assert "-protocol_whitelist file -f mov -i /" in args


@pytest.mark.parametrize("script", ["exit 1", "echo rubbish", "exec sleep 60"])
def test_a_decoder_that_fails_or_hangs_makes_none(
    decoder: Path, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails, "POSTER_SECONDS", 0.5)
    _is(decoder, script)
    assert _small(make("video", "a cat", "1")[1], "x.mp4") is None


def test_without_a_decoder_a_film_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _small(make("video", "a cat", "1")[1], "x.mp4") is None
