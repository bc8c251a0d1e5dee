"""Files that are bombs, that name other files, or that are nothing at all."""

import struct
import zlib
from collections.abc import Iterator

from tests.attacks.ground import Ground, Outcome, Reply, Try, ask
from tests.receiver import a_receiver

BOUNDARY = "attack"


def tries(ground: Ground) -> Iterator[Try]:
    """Every try of this group: it is answered, and no process dies."""
    for name, (file, body) in _files(ground).items():

        def carry_out(file: str = file, body: bytes = body) -> Outcome:
            before = ground.town.fleet.pids()["web"]
            reply = upload(ground, file, body)
            alive = ask(ground.town.web, "GET", "/healthz", {})
            ground.town.fleet.tend()
            same = ground.town.fleet.pids()["web"] == before and alive.status == 200
            return Outcome(same and 0 < reply.status < 500, f"{reply.shown()}; alive {same}")

        yield Try(name, f"{file}: {body[:100]!r}, {len(body)} bytes", carry_out)
    for ending in ("m3u8", "mpd", "ism", "hls", "xml", "svg", "cpl.xml", "ref"):

        def followed(ending: str = ending) -> Outcome:
            with a_receiver() as elsewhere:
                upload(ground, f"list.{ending}", _list(ending, elsewhere.url))
                return Outcome(not elsewhere.requests, f"{len(elsewhere.requests)} requests came")

        yield Try(f"follows-{ending}", f"a list that names a URL of its own, .{ending}", followed)


def upload(ground: Ground, name: str, body: bytes) -> Reply:
    """Keep a file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    form = head.encode() + body + f"\r\n--{BOUNDARY}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return ask(ground.town.web, "POST", "/v1/assets", kind, form)


def _files(ground: Ground) -> dict[str, tuple[str, bytes]]:
    png, box = _png(2**31 - 1, 2**31 - 1), struct.pack(">I4s", 2**32 - 1, b"moov")
    found = {
        "png-of-quintillions": ("x.png", png),
        "png-bomb": ("x.png", _png(30000, 30000, zlib.compress(bytes(20_000_000)))),
        "mp4-box-too-large": ("x.mp4", b"\0\0\0\x18ftypisom\0\0\0\0isomiso2" + box),
        "mp4-boxes-in-boxes": ("x.mp4", b"\0\0\0\x18ftypisom\0\0\0\0isomiso2" + _boxes(5000)),
        "zip-bomb": ("x.zip", b"PK\3\4" + zlib.compress(bytes(20_000_000))),
        "svg-entities": ("x.svg", b"<!DOCTYPE l [<!ENTITY a 'lol'>" + b"]>&a;" * 1000),
        "name-climbs": ("../../../etc/passwd", b"x"),
        "name-of-a-terminal": ("\u001b]0;x\u0007.png", b"x"),
        "nothing": ("x.png", b""),
    }
    for number in range(ground.many(100)):
        magic = ground.chance.choice(
            [b"\x89PNG\r\n\x1a\n", b"RIFF\xff\xff\xff\xffWAVEfmt ", b"ID3"]
        )
        magic = ground.chance.choice([magic, b"\x1aE\xdf\xa3", b"OggS", b"GIF89a", b"fLaC", png])
        found[f"noise-{number}"] = (f"x{number}.bin", magic + ground.chance.randbytes(3000))
    return found


def _png(width: int, height: int, data: bytes = b"") -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _boxes(deep: int) -> bytes:
    return b"".join(struct.pack(">I4s", 8 * (deep - n), b"moov") for n in range(deep))


def _list(ending: str, url: str) -> bytes:
    lists = {
        "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}\n#EXT-X-ENDLIST\n",
        "mpd": f'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{url}</BaseURL></MPD>',
        "svg": f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}"/></svg>',
        "ref": f"[Reference]\nRef1={url}\n",
    }
    plain = f'<!DOCTYPE x [<!ENTITY e SYSTEM "{url}">]><StreamUrl src="{url}">&e;</StreamUrl>'
    return lists.get(ending, plain).encode()
