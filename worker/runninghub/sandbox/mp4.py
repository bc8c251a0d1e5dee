"""A small MP4: H.264 whose every macroblock is raw (I_PCM), so that no encoder is needed."""

import struct
from collections.abc import Sequence

from PIL import Image


class _Bits:
    def __init__(self) -> None:
        self._bits = ""

    def u(self, value: int, width: int) -> None:
        self._bits += format(value, f"0{width}b")

    def ue(self, *values: int) -> None:
        for value in values:
            code = format(value + 1, "b")
            self._bits += "0" * (len(code) - 1) + code

    def aligned(self) -> bytes:
        whole = self._bits + "0" * (-len(self._bits) % 8)
        return int(whole, 2).to_bytes(len(whole) // 8, "big")

    def ended(self) -> bytes:
        self._bits += "1"
        return self.aligned()


def film(frames: Sequence[Image.Image], per_second: int) -> bytes:
    """An MP4 of pictures whose sides are multiples of 16."""
    width, height = frames[0].size
    sps, pps = _sps(width // 16, height // 16), _pps()
    samples = []
    for index, frame in enumerate(frames):
        nal = _nal(0x65, _slice(frame, index % 2))
        samples.append(struct.pack(">I", len(nal)) + nal)
    head = _box(b"ftyp", b"isom\0\0\2\0isomavc1mp41")
    sizes = [len(sample) for sample in samples]
    moov = _moov(width, height, sps, pps, sizes, per_second, 0)
    moov = _moov(width, height, sps, pps, sizes, per_second, len(head) + len(moov) + 8)
    return head + moov + _box(b"mdat", b"".join(samples))


def _nal(kind: int, payload: bytes) -> bytes:
    """Three bytes that would look like a start code get an 03 between."""
    out = bytearray([kind])
    zeros = 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


def _sps(columns: int, rows: int) -> bytes:
    bits = _Bits()
    for value in (66, 0xC0, 30):  # baseline, level 3
        bits.u(value, 8)
    bits.ue(0, 0, 2, 1)  # id, frame_num of 4 bits, order as decoded, one reference
    bits.u(0, 1)
    bits.ue(columns - 1, rows - 1)
    bits.u(0b1100, 4)  # frames only, direct 8x8, no cropping, no VUI
    return _nal(0x67, bits.ended())


def _pps() -> bytes:
    bits = _Bits()
    bits.ue(0, 0)
    bits.u(0, 2)
    bits.ue(0, 0, 0)
    bits.u(0, 3)
    bits.ue(0, 0, 0)
    bits.u(0b100, 3)  # the slice says how it is deblocked
    return _nal(0x68, bits.ended())


def _slice(frame: Image.Image, picture: int) -> bytes:
    bits = _Bits()
    bits.ue(0, 7, 0)
    bits.u(0, 4)
    bits.ue(picture)
    bits.u(0, 2)
    bits.ue(0, 1)  # no change of the quantiser, no deblocking
    bits.ue(25)  # I_PCM
    out = bytearray(bits.aligned())
    y, cb, cr = frame.convert("YCbCr").split()
    half = (frame.width // 2, frame.height // 2)
    planes = ((y, 16), (cb.resize(half), 8), (cr.resize(half), 8))
    for row in range(frame.height // 16):
        for column in range(frame.width // 16):
            if row or column:
                out += b"\x0d\x00"  # I_PCM again, and the bits up to the next whole byte
            for plane, side in planes:
                left, top = column * side, row * side
                out += plane.crop((left, top, left + side, top + side)).tobytes()
    return bytes(out) + b"\x80"


def _box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + name + body


def _moov(
    width: int,
    height: int,
    sps: bytes,
    pps: bytes,
    sizes: Sequence[int],
    per_second: int,
    offset: int,
) -> bytes:
    count = len(sizes)
    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    moving = struct.pack(">5IIH10x", 0, 0, 0, per_second, count, 0x10000, 0x100)
    mvhd = _box(b"mvhd", moving, matrix, bytes(24), struct.pack(">I", 2))
    track = struct.pack(">6I8x4H", 3, 0, 0, 1, 0, count, 0, 0, 0, 0)
    tkhd = _box(b"tkhd", track, matrix, struct.pack(">II", width << 16, height << 16))
    mdhd = _box(b"mdhd", struct.pack(">5IHH", 0, 0, 0, per_second, count, 0x55C4, 0))
    hdlr = _box(b"hdlr", bytes(8), b"vide", bytes(12), b"runhook\0")
    dinf = _box(b"dinf", _box(b"dref", struct.pack(">II", 0, 1), _box(b"url ", b"\0\0\0\1")))
    table = _stbl(_avc1(width, height, sps, pps), sizes, offset)
    minf = _box(b"minf", _box(b"vmhd", struct.pack(">I8x", 1)), dinf, table)
    return _box(b"moov", mvhd, _box(b"trak", tkhd, _box(b"mdia", mdhd, hdlr, minf)))


def _avc1(width: int, height: int, sps: bytes, pps: bytes) -> bytes:
    sets = (b"\xff\xe1", struct.pack(">H", len(sps)), sps, b"\1", struct.pack(">H", len(pps)), pps)
    picture = struct.pack(">H16xHHIIIH", 1, width, height, 0x480000, 0x480000, 0, 1)
    depth = struct.pack(">Hh", 24, -1)
    return _box(b"avc1", bytes(6), picture, bytes(32), depth, _box(b"avcC", b"\1", sps[1:4], *sets))


def _stbl(avc1: bytes, sizes: Sequence[int], offset: int) -> bytes:
    count = len(sizes)
    return _box(
        b"stbl",
        _box(b"stsd", struct.pack(">II", 0, 1), avc1),
        _box(b"stts", struct.pack(">4I", 0, 1, count, 1)),
        _box(b"stsc", struct.pack(">5I", 0, 1, 1, count, 1)),
        _box(b"stsz", struct.pack(f">3I{count}I", 0, 0, count, *sizes)),
        _box(b"stco", struct.pack(">3I", 0, 1, offset)),
    )
