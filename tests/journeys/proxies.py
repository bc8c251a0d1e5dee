"""Proxies between a process and what it speaks with, which kill it at a chosen step.

A step is one request of the victim to Redis or to the provider; the victim dies when the request
has come and before it goes on. What the victim learnt from the step before died with it, so killing
before each step, and once after the last, leaves the world in every state that a kill can leave.
"""

import os
import select
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PIECE = 1 << 20


@dataclass
class Executioner:
    """Counts the steps of a victim, and kills it at one of them."""

    at: int | None = None
    victim: int | None = None
    steps: int = 0
    killed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reset(self, at: int | None) -> None:
        """A new life, to be ended at this step."""
        with self._lock:
            self.at, self.steps, self.killed, self.victim = at, 0, False, None

    def dies(self, piece: bytes) -> bool:
        """Count a request; whether its sender dies here, and is dead when this returns."""
        with self._lock:
            if self.victim is None or self.killed or _is_waiting(piece):
                return self.killed
            self.steps += 1
            if self.steps != self.at:
                return False
            os.kill(self.victim, signal.SIGKILL)
            self.killed = True
            return True


@contextmanager
def proxy(
    executioner: Executioner, target: str | tuple[str, int], folder: Path
) -> Iterator[str | int]:
    """A proxy before a Unix socket (given as a path) or a TCP address; its own path or port."""
    listener, address = _listen(target, folder)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            pair = (executioner, client, _connect(target))
            threading.Thread(target=_carry, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield address
    finally:
        listener.close()


def _listen(target: str | tuple[str, int], folder: Path) -> tuple[socket.socket, str | int]:
    if isinstance(target, tuple):
        listener = socket.create_server(("127.0.0.1", 0))
        return listener, int(listener.getsockname()[1])
    path = str(folder / "proxy.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    return listener, path


def _connect(target: str | tuple[str, int]) -> socket.socket:
    if isinstance(target, tuple):
        return socket.create_connection(target)
    found = socket.socket(socket.AF_UNIX)
    found.connect(target)
    return found


def _is_waiting(piece: bytes) -> bool:
    """Whether it only looks for work: dying there is dying before what comes next."""
    return any(word in piece for word in (b"RPOP", b'[["line"', b"HELLO", b"CLIENT"))


def _carry(executioner: Executioner, client: socket.socket, server: socket.socket) -> None:
    """Carry bytes both ways until one end closes or the victim dies."""
    with client, server:
        while True:
            ready, _, _ = select.select([client, server], [], [], 30)
            for end in ready:
                try:
                    piece = end.recv(PIECE)
                    if not piece or (end is client and executioner.dies(piece)):
                        return
                    (server if end is client else client).sendall(piece)
                except OSError:
                    return
            if not ready:
                return
