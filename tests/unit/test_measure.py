"""What a file holds is read from its bytes, and no file makes the reader open, fail or linger."""

import base64
import io
import socket
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from runhook.worker.catalogue import Media
from runhook.worker.files.containers import MOST_BYTES
from runhook.worker.files.measure import measure, measure_data_uri
from runhook.worker.runninghub.sandbox.outputs import make

PNG, MP4, WAV = (make(kind, "a", "1")[1] for kind in ("image", "video", "audio"))
MP3 = (b"\xff\xfb\x90\x00" + bytes(413)) * 100  # 128 kbit/s at 44.1 kHz
FTYP = struct.pack(">I4s4s4x", 16, b"ftyp", b"isom")


def measured(data: bytes, name: str = "x") -> Media:
    return measure(name, io.BytesIO(data), len(data))


def picture(kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 40)).save(out, kind)
    return out.getvalue()


def element(name: int, body: bytes) -> bytes:
    """One of WebM's, its size in eight bytes."""
    mark = name.to_bytes((name.bit_length() + 7) // 8)
    return mark + ((1 << 56) | len(body)).to_bytes(8) + body


def webm(seconds: float) -> bytes:
    info = element(0x1549A966, element(0x4489, struct.pack(">d", seconds * 1000)))
    sides = element(0xB0, (320).to_bytes(2)) + element(0xBA, (200).to_bytes(2))
    track = element(0xAE, element(0x83, b"\x01") + element(0xE0, sides))
    segment = element(0x18538067, info + element(0x1654AE6B, track))
    return element(0x1A45DFA3, element(0x4282, b"webm")) + segment


def avi() -> bytes:
    head = struct.pack("<IIIIIIIIII16x", 40_000, 0, 0, 0, 50, 0, 1, 0, 320, 200)
    listed = b"hdrl" + b"avih" + struct.pack("<I", len(head)) + head
    body = b"AVI LIST" + struct.pack("<I", len(listed)) + listed
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    ("kind", "ending"),
    [
        ("png", "png"),
        ("jpeg", "jpg"),
        ("webp", "webp"),
        ("gif", "gif"),
        ("bmp", "bmp"),
        ("tiff", "tiff"),
        ("avif", "avif"),
    ],
)
def test_a_pictures_kind_and_sides_are_read(kind: str, ending: str) -> None:
    found = measured(picture(kind))
    assert (found.kind, found.ext, found.width, found.height) == ("image", ending, 64, 40)


@pytest.mark.parametrize(
    ("data", "kind", "ending", "seconds"),
    [
        (MP4, "video", "mp4", 2),
        (MP4.replace(b"ftypisom", b"ftypqt  "), "video", "mov", 2),
        (MP4.replace(b"vide", b"soun"), "audio", "m4a", 2),
        (webm(3.5), "video", "webm", 3.5),
        (avi(), "video", "avi", 2),
        (WAV, "audio", "wav", 1),
        (MP3, "audio", "mp3", 2.6),
        (b"ID3\4\0\0\0\0\0\x0a" + bytes(10) + MP3, "audio", "mp3", 2.6),
    ],
)
def test_a_films_and_a_sounds_kind_and_length_are_read(
    data: bytes, kind: str, ending: str, seconds: float
) -> None:
    found = measured(data)
    assert (found.kind, found.ext) == (kind, ending)
    assert found.seconds == pytest.approx(seconds, abs=0.1)


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
        '<AdaptationSet mimeType="video/mp4"><Representation><BaseURL>{url}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>",
        '<?xml version="1.0"?><manifest xmlns="http://ns.adobe.com/f4m/1.0">'
        '<media url="{url}"/></manifest>',
    ],
)
@pytest.mark.parametrize("scheme", ["http", "gopher", "ftp"])
def test_nothing_that_a_file_names_is_opened(playlist: str, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"{scheme}://127.0.0.1:{server.getsockname()[1]}/_SET%20pwned%20yes"
        data = playlist.format(url=url).encode()
        found = measured(data, "holiday.png")
        assert measure_data_uri(f"data:image/png;base64,{base64.b64encode(data).decode()}") == found
        with pytest.raises(TimeoutError):
            server.accept()
    assert (found.kind, found.ext) == ("file", "png")


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("bomb", bytes(5_000_000))
    return out.getvalue()


HOSTILE = {
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>',
    "text like a bitmap": b"BM, said the old sign on the door of the shop. " * 3,
    "text of two bytes a sign": "\ufeffhello".encode("utf-16"),
    "gif without a size": b"GIF89a" + bytes(100),
    "zip bomb": archive(),
    "box of size 0 without an end": FTYP + struct.pack(">I4s", 0, b"moov") * 100_000,
    "box larger than its file": FTYP + struct.pack(">I4sQ", 1, b"moov", 2**63),
    "box smaller than its head": FTYP + struct.pack(">I4s", 4, b"moov") * 100,
    "a million boxes": FTYP + struct.pack(">I4s", 8, b"free") * 1_000_000,
    "a million tracks": FTYP + struct.pack(">I4s", 0, b"moov") + b"\0\0\0\x08trak" * 1_000_000,
    "no scale": FTYP + struct.pack(">I4sI4s20x", 36, b"moov", 28, b"mvhd"),
    "tags of 256 MB": b"ID3\4\0\0\x7f\x7f\x7f\x7f" + MP3,
    "tags without a sound": b"ID3\4\0\0\0\0\0\0" + bytes(9_000_000),
    "a directory of a tiff without end": b"II*\0\x08\0\0\0\xff\xff" + b"\xff" * 9_000_000,
    "a jpeg that never says": b"\xff\xd8\xff" + b"\xff" * 9_000_000,
    "pages of an ogg without end": (b"OggS" + bytes(23)) * 500_000,
    "elements without end": b"\x1aE\xdf\xa3\x80" + b"\xec\x80" * 500_000,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_file_that_cannot_be_read_is_of_unknown_kind(what: str) -> None:
    data = HOSTILE[what]
    file = Counted(data)
    found = measure("x.bin", file, len(data))
    assert (found.kind, found.seconds, found.width) == ("file", None, None)
    assert file.given <= MOST_BYTES + 100


class Counted(io.BytesIO):
    """Counts the bytes that it gave."""

    given = 0

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        self.given += len(found)
        return found


def test_a_picture_of_two_milliard_pixels_a_side_is_only_measured() -> None:
    most = 2**31 - 1
    found = measured(PNG[:16] + struct.pack(">II", most, most) + PNG[24:])
    assert (found.kind, found.width, found.height) == ("image", most, most)


def test_a_length_that_cannot_be_is_no_length() -> None:
    for seconds in (float("nan"), float("inf"), -5.0, 1e300):
        found = measured(webm(seconds))
        assert (found.kind, found.seconds) == ("video", None)


def test_a_name_gives_no_ending_that_is_none() -> None:
    for name in ("x." + "a" * 300, "x.<b>", "x.a\nb", "x"):
        assert measured(b"nothing", name).ext == "bin"


@given(
    start=st.sampled_from([PNG, MP4[:4000], WAV, MP3, webm(2), avi(), picture("tiff")]),
    cut=st.integers(0, 4000),
    at=st.integers(0, 4000),
    put=st.binary(max_size=16),
)
def test_a_file_cut_and_changed_anywhere_is_measured_and_stops_nobody(
    start: bytes, cut: int, at: int, put: bytes
) -> None:
    data = start[:cut]
    data = data[:at] + put + data[at + len(put) :]
    assert measured(data).kind in ("image", "video", "audio", "file")
