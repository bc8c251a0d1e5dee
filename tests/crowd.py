"""Many clients in a process of their own: each sends the same, and then holds on.

`python -m tests.crowd PORT COUNT [--drip SECONDS] [--again]`; what each sends comes on the standard
input. It prints a line once all are connected, and holds on until it is ended.
"""

import argparse
import itertools
import resource
import select
import socket
import sys
import time
from contextlib import suppress

LOOK = 0.25  # seconds between two looks for whom the server hung up on


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.crowd")
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--drip", type=float, default=0, help="a byte more each so many seconds")
    parser.add_argument("--again", action="store_true", help="who is hung up on comes back")
    given = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    sent, watched = sys.stdin.buffer.read(), select.epoll()
    lines = dict(_opened(given.port, sent, watched) for _ in range(given.count))
    print(len(lines), flush=True)
    for look in itertools.count(1):
        time.sleep(LOOK)
        for number, _ in watched.poll(0, given.count):
            lines.pop(number).close()
            if given.again:
                lines |= [_opened(given.port, sent, watched)]
        if given.drip and look % round(given.drip / LOOK) == 0:
            for line in lines.values():
                with suppress(OSError):
                    line.send(b"a")


def _opened(port: int, sent: bytes, watched: select.epoll) -> tuple[int, socket.socket]:
    """One client more; nothing that comes back is read."""
    line = socket.create_connection(("127.0.0.1", port), 60)
    line.setblocking(False)
    with suppress(OSError):
        line.send(sent)
    watched.register(line, select.EPOLLRDHUP)
    return line.fileno(), line


if __name__ == "__main__":
    main()
