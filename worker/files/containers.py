"""Length and size of films and sounds, read from the heads of their containers.

No small library reads MP4, WebM and AVI without being able to open what they name. These readers
walk the few boxes that say how long and how large; a box is never entered twice, and a `Window`
ends whatever a hostile file would have them do for ever.
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

# Far more than the heads of honest files need; reading so much takes tens of milliseconds.
MOST_BYTES, MOST_READS = 8 * 1024 * 1024, 50_000
NANO = 1_000_000_000  # a second in the unit of WebM
USUAL_SCALE = 1_000_000  # nanoseconds of a WebM tick where the file does not say
UNKNOWN = (0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF)  # an MP4's duration that nobody knew
# Names of elements, from Matroska's specification (RFC 9559).
EBML_SEGMENT, EBML_INFO, EBML_SCALE, EBML_DURATION = 0x18538067, 0x1549A966, 0x2AD7B1, 0x4489
EBML_TRACKS, EBML_TRACK, EBML_TYPE, EBML_VIDEO = 0x1654AE6B, 0xAE, 0x83, 0xE0
EBML_WIDTH, EBML_HEIGHT, EBML_CLUSTER = 0xB0, 0xBA, 0x1F43B675
EBML_TRACK_TYPES = {b"\x01": "video", b"\x02": "audio"}
Pixels = tuple[int | None, int | None]  # width and height
NO_PIXELS: Pixels = (None, None)
# RIFF, its list of headers and the main one, which hold what is read here at fixed places.
AVI_HEAD = struct.Struct("<4s4x4s4s4x4s4s4xI12xI12xII")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a file's head says.

    Attributes:
        kind: image, video or audio.
        seconds: How long it is.
        width, height: Pixels.
    """

    kind: str
    seconds: float | None = None
    width: int | None = None
    height: int | None = None


class Window:
    """A file of which only so much is read, in only so many steps.

    Raises:
        ValueError: More is wanted.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._bytes, self._reads = MOST_BYTES, MOST_READS
        self.size = size

    def read(self, size: int = -1) -> bytes:
        """So many bytes, or what there is; all of it is too much of a large file."""
        if size < 0:
            size = self.size
        self._reads -= 1
        if self._reads < 0:
            raise ValueError("it takes too many steps to read")
        found = self._file.read(min(size, self._bytes + 1))
        self._bytes -= len(found)
        if self._bytes < 0:
            raise ValueError("too much of it must be read")
        return found

    def exactly(self, size: int) -> bytes:
        """So many bytes."""
        found = self.read(size)
        if len(found) < size:
            raise ValueError("it ends too early")
        return found

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go elsewhere."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Where it is."""
        return self._file.tell()


def mp4(file: Window) -> Seen:
    """An MP4 or QuickTime file.

    Raises:
        ValueError: It holds neither film nor sound.
    """
    seconds, kinds, size = None, set[str](), NO_PIXELS
    for name, start, end in _boxes(file, 0, file.size):
        if name != b"moov":
            continue
        for inner, at, until in _boxes(file, start, end):
            if inner == b"mvhd":
                seconds = _movie_seconds(file, at)
            elif inner == b"trak":
                kind, pixels = _track(file, at, until)
                kinds.add(kind)
                if kind == "video":
                    size = pixels
        break
    return _seen(kinds, seconds, size)


def _boxes(file: Window, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Each box's name, and where its body begins and ends."""
    while start + 8 <= end:
        file.seek(start)
        size, name = struct.unpack(">I4s", file.exactly(8))
        body = start + 8
        if size == 1:
            size, body = struct.unpack(">Q", file.exactly(8))[0], body + 8
        elif size == 0:  # to the end of what it stands in
            size = end - start
        if size < body - start:
            raise ValueError("a box is smaller than its own head")
        yield name, body, min(start + size, end)
        start += size


def _movie_seconds(file: Window, start: int) -> float | None:
    file.seek(start)
    head = file.exactly(20)
    scale, length = struct.unpack(">II", head[12:20])
    if head[0] == 1:
        scale, length = struct.unpack(">IQ", (head + file.exactly(12))[20:32])
    if length in UNKNOWN:
        return None
    return float(length / scale)


def _track(file: Window, start: int, end: int) -> tuple[str, Pixels]:
    """What a track is, and how large its picture."""
    kind, size = "", (0, 0)
    for name, at, until in _boxes(file, start, end):
        if name == b"tkhd" and until - at >= 84:
            file.seek(until - 8)
            width, height = struct.unpack(">II", file.exactly(8))
            size = (width >> 16, height >> 16)
        elif name == b"mdia":
            kind = _handler(file, at, until) or kind
    return kind, (size[0] or None, size[1] or None)


def _handler(file: Window, start: int, end: int) -> str:
    for name, at, _ in _boxes(file, start, end):
        if name == b"hdlr":
            file.seek(at + 8)
            return {b"vide": "video", b"soun": "audio"}.get(file.exactly(4), "")
    return ""


def matroska(file: Window) -> Seen:
    """A WebM or Matroska file.

    Raises:
        ValueError: It holds neither film nor sound.
    """
    seconds, kinds, size = None, set[str](), NO_PIXELS
    for name, start, end in _elements(file, 0, file.size):
        if name != EBML_SEGMENT:
            continue
        for inner, at, until in _elements(file, start, end):
            if inner == EBML_INFO:
                seconds = _ebml_seconds(file, at, until)
            elif inner == EBML_TRACKS:
                for kind, pixels in _ebml_tracks(file, at, until):
                    kinds.add(kind)
                    if kind == "video":
                        size = pixels
            elif inner == EBML_CLUSTER:  # the film itself: what describes it stands before
                break
        break
    return _seen(kinds, seconds, size)


def _elements(file: Window, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Each element's name, and where its body begins and ends."""
    while start < end:
        file.seek(start)
        name, _ = _number(file)
        marked, bits = _number(file)
        body, size = file.tell(), marked - (1 << bits)
        stop = min(end, body + size)
        if size == (1 << bits) - 1:  # unknown, as one that is recorded live says
            stop = end
        yield name, body, stop
        start = stop


def _number(file: Window) -> tuple[int, int]:
    """A number with the mark of its length, and in how many bits it stands behind that."""
    first = file.exactly(1)
    length = 9 - first[0].bit_length()
    if length > 8:
        raise ValueError("a number is longer than numbers are")
    return int.from_bytes(first + file.exactly(length - 1)), 7 * length


def _value(file: Window, start: int, end: int) -> bytes:
    file.seek(start)
    return file.exactly(min(8, end - start))  # no number has more


def _ebml_seconds(file: Window, start: int, end: int) -> float | None:
    scale, length = USUAL_SCALE, None
    for name, at, until in _elements(file, start, end):
        if name == EBML_SCALE:
            scale = int.from_bytes(_value(file, at, until))
        elif name == EBML_DURATION:
            length = _float(_value(file, at, until))
    if length is None:
        return None
    return length * scale / NANO


def _float(data: bytes) -> float:
    """A number of four bytes or of eight; others are none, and raise struct.error."""
    if len(data) == 4:
        return float(struct.unpack(">f", data)[0])
    return float(struct.unpack(">d", data)[0])


def _ebml_tracks(file: Window, start: int, end: int) -> Iterator[tuple[str, Pixels]]:
    for name, at, until in _elements(file, start, end):
        if name != EBML_TRACK:
            continue
        kind, sides = "", dict[int, int]()
        for inner, low, high in _elements(file, at, until):
            if inner == EBML_TYPE:
                kind = EBML_TRACK_TYPES.get(_value(file, low, high), "")
            elif inner == EBML_VIDEO:
                for side, first, last in _elements(file, low, high):
                    sides[side] = int.from_bytes(_value(file, first, last))
        yield kind, (sides.get(EBML_WIDTH), sides.get(EBML_HEIGHT))


def avi(file: Window) -> Seen:
    """An AVI file, whose main head stands at its start.

    Raises:
        ValueError: It does not.
    """
    file.seek(0)
    found = AVI_HEAD.unpack(file.exactly(AVI_HEAD.size))
    riff, form, listed, header, main, microseconds, frames, width, height = found
    if (riff, form, listed, header, main) != (b"RIFF", b"AVI ", b"LIST", b"hdrl", b"avih"):
        raise ValueError("its head is not where it belongs")
    return Seen(kind="video", seconds=microseconds * frames / 1e6, width=width, height=height)


def _seen(kinds: set[str], seconds: float | None, size: Pixels) -> Seen:
    if "video" in kinds:
        return Seen(kind="video", seconds=seconds, width=size[0], height=size[1])
    if "audio" in kinds:
        return Seen(kind="audio", seconds=seconds)
    raise ValueError("it holds neither film nor sound")
