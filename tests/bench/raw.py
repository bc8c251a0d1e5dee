"""The limit's script without any web server before it: what Redis itself can carry."""

import re
import socket
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import redis

TOGETHER = 32  # in one round trip, as many as there are connections elsewhere
SCRIPT = re.compile(r"const script = `(.*?)`", re.S)
LIMIT = Path(__file__).parent / "limit" / "main.go"


def written(listens: Path, bodies: Sequence[bytes]) -> float:
    """Write bodies down as the limit does; the seconds it took."""
    with redis.Redis(unix_socket_path=str(listens)) as client:
        found = SCRIPT.search(LIMIT.read_text())
        assert found, "the limit has no script"
        sha = client.script_load(found[1]).encode()
    commands = [_keep(sha, body) for body in bodies]
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(listens))
        start = time.perf_counter()
        for first in range(0, len(commands), TOGETHER):
            part = commands[first : first + TOGETHER]
            line.sendall(b"".join(part))
            unread = len(part) * len(b"$5\r\ntaken\r\n")
            while unread:
                unread -= len(line.recv(unread))
        return time.perf_counter() - start


def _keep(sha: bytes, body: bytes) -> bytes:
    duty = uuid.uuid4().hex.encode()
    keys = (b"unread:" + duty, b"raw:" + duty, b"queue")
    parts = (b"EVALSHA", sha, b"3", *keys, uuid.uuid4().hex.encode() * 2, body, duty)
    packed = [b"$%d\r\n%s\r\n" % (len(part), part) for part in parts]
    return b"*%d\r\n%s" % (len(parts), b"".join(packed))
