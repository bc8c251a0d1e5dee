"""One request under way: whether it may leave, whether it left, and how it is ended."""

import math
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

Leaving = Callable[[], bool]
Resolve = Callable[[str, int], Sequence[str]]


class MayNotLeave(Exception):
    """The caller said no once the connection was open. No byte left."""


@dataclass(kw_only=True)
class Call:
    """One request under way: what to do when its connection opens, and when its time is over.

    Attributes:
        leaving: Asked once the connection is open, whether the request may leave.
        resolve: Which addresses of a host may be dialled, in place of all of them.
        until: When its time is over, on the monotonic clock.
        left: Its first byte may have left.
        over: Its time is over.
        kept: It went through a kept connection.
        may_repeat: It does no harm when it comes twice, so it may go through a kept one.
    """

    leaving: Leaving | None = None
    resolve: Resolve | None = None
    until: float = math.inf
    left: bool = False
    over: bool = False
    kept: bool = False
    may_repeat: bool = False
    _lines: list[socket.socket] = field(default_factory=list)

    def dialled(self, sock: socket.socket) -> None:
        """A connection is made, TLS not yet spoken: from now on `stop` can end it."""
        self._lines.append(sock.dup())  # TLS takes the socket itself over
        if self.over:
            self.stop()

    def resumed(self, sock: socket.socket) -> None:
        """It goes through a connection that was kept; only what asks nothing may."""
        self.kept = self.left = True
        self._lines.append(socket.socket(fileno=os.dup(sock.fileno())))  # a TLS socket has no dup
        if self.over:
            self.stop()

    def opened(self) -> None:
        """The connection is ready for the first byte."""
        if self.leaving is not None and not self.leaving():
            raise MayNotLeave
        self.left = True

    def stop(self) -> None:
        """End it from another thread: a shut socket wakes whoever reads from it."""
        self.over = True
        for line in self._lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def hang_up(self) -> None:
        """Nothing is under way any more."""
        for line in self._lines:
            line.close()
