"""Proxies between a process and what it speaks with: one kills it at a chosen step, one loses the
replies of Redis.

A step is one request of the victim to Redis or to the provider; the victim dies when the request
has come and before it goes on. What the victim learnt from the step before died with it, so killing
before each step, and once after the last, leaves the world in every state that a kill can leave.
"""

import os
import random
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

PIECE = 1 << 20
REPLY = 5.0  # seconds in which a command that was sent on has been carried out


class Carrier(Protocol):
    """What becomes of the bytes of one connection."""

    def carry(self, client: socket.socket, server: socket.socket) -> None:
        """Carry them both ways until one end closes."""


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

    def dies(self, sender: int | None, piece: bytes) -> bool:
        """Count a request; whether its sender dies here, and is dead when this returns.

        One who is not the victim is let through: who goes on after it may be led here too, by the
        address of an output that it made.
        """
        with self._lock:
            if sender is None or self.killed or _is_waiting(piece):
                return self.killed and sender is not None
            self.steps += 1
            if self.steps != self.at:
                return False
            os.kill(sender, signal.SIGKILL)
            self.killed = True
            return True

    def carry(self, client: socket.socket, server: socket.socket) -> None:
        """Carry bytes both ways until one end closes or the victim dies."""
        sender = self.victim
        _carry(client, server, lambda piece: self.dies(sender, piece))


@dataclass
class Forgetful:
    """Sends commands on to Redis and loses some of the replies: whoever asked cannot know that what
    he asked for was done.

    Attributes:
        scripts: The share of scripts whose reply is lost.
        others: The share of all other commands.
        lost: How many were.
        most: How many at most; None: no end.
    """

    seed: int = 0
    scripts: float = 0.0
    others: float = 0.0
    lost: int = 0
    most: int | None = None

    def __post_init__(self) -> None:
        self._chance = random.Random(f"{self.seed} replies")

    def carry(self, client: socket.socket, server: socket.socket) -> None:
        """Carry bytes both ways until one end closes or a reply is lost."""
        _carry(client, server, lambda piece: self._loses(server, piece))

    def _loses(self, server: socket.socket, piece: bytes) -> bool:
        share = self.others
        if b"EVALSHA" in piece or b"FCALL" in piece:
            share = self.scripts
        if self.lost == self.most or self._chance.random() >= share:
            return False
        server.sendall(piece)
        select.select([server], [], [], REPLY)
        self.lost += 1
        return True


class Older:
    """Makes a server one of before Redis 7: functions are commands that it does not know."""

    def carry(self, client: socket.socket, server: socket.socket) -> None:
        """Carry bytes both ways until one end closes."""

        def sent(piece: bytes) -> bytes:
            return piece.replace(b"FCALL", b"XCALL").replace(b"FUNCTION", b"XUNCTION")

        _carry(client, server, lambda _: False, sent)


@contextmanager
def proxy(carrier: Carrier, target: str | tuple[str, int], folder: Path) -> Iterator[str | int]:
    """A proxy before a Unix socket (given as a path) or a TCP address; its own path or port."""
    listener, address = _listen(target, folder)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                pair = (client, _connect(target))
            except OSError:  # what is behind it is down: so is this, until it is back
                client.close()
                continue
            threading.Thread(target=carrier.carry, args=pair, daemon=True).start()

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


def _carry(
    client: socket.socket,
    server: socket.socket,
    ends: Callable[[bytes], bool],
    sent: Callable[[bytes], bytes] = bytes,
) -> None:
    """Carry bytes both ways until one end closes, or a request ends the connection.

    Args:
        client: Who asks.
        server: Who answers.
        ends: Whether a piece of a request is the last.
        sent: What the server gets of one.
    """
    with client, server:
        while True:
            ready, _, _ = select.select([client, server], [], [])
            for end in ready:
                try:
                    piece = end.recv(PIECE)
                    if not piece or (end is client and ends(piece)):
                        return
                    if end is client:
                        server.sendall(sent(piece))
                    else:
                        client.sendall(piece)
                except OSError:
                    return
