"""What a file is, read from its content: kind, ending, length, pixels.

A file comes from anybody, and there are formats that name other files and addresses for a reader
to open. So its first bytes must be of a known picture, film or sound before anything reads on, and
what reads on is Python that gets bytes and no name: it can open nothing, and stops early.
"""

import base64
import io
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import IO, BinaryIO, cast

import imagesize
from tinytag import TinyTag

from runhook.worker.catalogue import Media
from runhook.worker.files.containers import Seen, Window, avi, matroska, mp4

HEAD = 64  # bytes that tell every format; the brand of an MP4 and the kind of a WebM are in them
ENDING = re.compile(r"[a-z0-9][a-z0-9+-]{0,15}")  # longer or other ones are no file's ending
MOST_SECONDS = 10 * 365 * 86400  # a length beyond ten years is a mistake or a lie
MOST_PIXELS = 2**31 - 1  # of a side: what PNG allows
SOUNDS_IN_FILMS = {("mp4", "audio"): "m4a"}  # a container of films that holds sound alone
# Brands of an ISO base media file (the container of MP4) that hold a picture.
STILLS = {b"heic": "heic", b"heix": "heic", b"mif1": "heic", b"avif": "avif", b"avis": "avif"}
QUICKTIME = (b"moov", b"mdat", b"wide", b"free", b"skip")  # first boxes of older ones


@dataclass(frozen=True)
class Format:
    """A format that is known by its first bytes; without a reader it is a file and no more."""

    ext: str
    read: Callable[[Window], Seen] | None = None


def measure(name: str, file: IO[bytes], size: int) -> Media:
    """What a file holds, whatever its name says; one that cannot be read is a `file`.

    Args:
        name: Its name; its ending counts where the content tells nothing.
        file: Its bytes; only the few that tell are read.
        size: How many.
    """
    file.seek(0)
    found = format_of(file.read(HEAD))
    file.seek(0)
    if found is None:
        return Media(kind="file", ext=_ending(name), size=size)
    if found.read is None:
        return Media(kind="file", ext=found.ext, size=size)
    seen = _seen(found.read, Window(file, size))
    file.seek(0)
    if seen is None:
        return Media(kind="file", ext=_ending(name), size=size)
    return Media(
        kind=seen.kind,
        ext=SOUNDS_IN_FILMS.get((found.ext, seen.kind), found.ext),
        size=size,
        seconds=seen.seconds,
        width=seen.width,
        height=seen.height,
    )


def _ending(name: str) -> str:
    """What its name says, where its content tells nothing; `bin` where that is no ending either."""
    ending = PurePosixPath(name).suffix.lstrip(".").lower()
    if ENDING.fullmatch(ending):
        return ending
    return "bin"


def measure_data_uri(uri: str) -> Media | None:
    """What a `data:...;base64,` URI holds; None when it is not base64."""
    head, _, text = uri.partition(",")
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:  # not base64, or signs beyond ASCII
        return None
    subtype = head.partition(";")[0].rpartition("/")[2]
    return measure(f"x.{subtype}", io.BytesIO(data), len(data))


def format_of(head: bytes) -> Format | None:
    """The format that a file's first bytes are of."""
    for start, known in STARTS.items():
        if head.startswith(start):
            return known
    if head[:4] == b"RIFF":
        return RIFF.get(head[8:12])
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return Format("aiff", _sound)
    if head[:4] == b"\x1aE\xdf\xa3":
        if b"webm" in head:
            return Format("webm", matroska)
        return Format("mkv", matroska)
    if head[:2] == b"BM" and head[6:10] == bytes(4):  # reserved there, and no text has zeros
        return Format("bmp", _picture)
    if head[4:8] == b"ftyp":
        return _branded(head[8:12])
    if head[4:8] in QUICKTIME:
        return Format("mov", mp4)
    # A frame of MPEG layer III: eleven bits set, a version, the layer.
    if len(head) > 1 and head[0] == 0xFF and head[1] in (0xFA, 0xFB, 0xF2, 0xF3, 0xE2, 0xE3):
        return Format("mp3", _sound)
    return None


def _branded(brand: bytes) -> Format:
    if brand in STILLS:
        return Format(STILLS[brand], _picture)
    if brand == b"qt  ":
        return Format("mov", mp4)
    return Format("mp4", mp4)


def _seen(read: Callable[[Window], Seen], file: Window) -> Seen | None:
    """What a reader makes of a file; None of one that is broken, or made to break it."""
    try:
        seen = read(file)
    except Exception:  # noqa: BLE001 - each reader has errors of its own, and all mean the same
        return None
    sides = (seen.width, seen.height)
    if any(side is not None and not 0 < side <= MOST_PIXELS for side in sides):
        return None
    length = seen.seconds
    if length is None or not math.isfinite(length) or not 0 < length <= MOST_SECONDS:
        return replace(seen, seconds=None)
    return seen


def _picture(file: Window) -> Seen:
    width, height = imagesize.get(file, exif_rotation=False)
    return Seen(kind="image", width=width, height=height)


def _sound(file: Window) -> Seen:
    """A sound; one without a length has no frame that could be read.

    Raises:
        ValueError: It has none.
    """
    tag = TinyTag.get(file_obj=cast(BinaryIO, file), tags=False)
    if not tag.duration:
        raise ValueError("it holds no sound")
    return Seen(kind="audio", seconds=tag.duration)


def _adts(_: Window) -> Seen:
    return Seen(kind="audio")  # its length is known only by reading it to its end


# The first bytes of formats that begin with the same ones always.
STARTS = {
    b"\x89PNG\r\n\x1a\n": Format("png", _picture),
    b"\xff\xd8\xff": Format("jpg", _picture),
    b"GIF87a": Format("gif", _picture),
    b"GIF89a": Format("gif", _picture),
    b"II*\0": Format("tiff", _picture),
    b"MM\0*": Format("tiff", _picture),
    b"fLaC": Format("flac", _sound),
    b"OggS": Format("ogg", _sound),
    b"ID3": Format("mp3", _sound),
    b"\xff\xf1": Format("aac", _adts),
    b"\xff\xf9": Format("aac", _adts),
    b"PK\x03\x04": Format("zip"),
    b"glTF": Format("glb"),
}
# What stands behind the size in a RIFF file.
RIFF = {
    b"WEBP": Format("webp", _picture),
    b"WAVE": Format("wav", _sound),
    b"AVI ": Format("avi", avi),
}
