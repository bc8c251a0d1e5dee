"""What a paid request waits for, once its departure is written down: RUNHOOK_DURABLE.

Here a server is asked. Its WAITAOF is not to be believed everywhere (server.py): it may answer once
the system has the write, and the disk not yet; doctor and the log say so. The embedded server is
not asked, for its file lies on this machine (appended.py).
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal, Protocol

import redis

from runhook.worker.telemetry import report

Mode = Literal["auto", "fsync", "replica", "none"]
FOR_THE_DISK: tuple[Mode, ...] = ("auto", "fsync")  # those that wait for it
PATIENCE_MS = 5000  # an fsync a second is usual; one that takes five is a disk that fails
# How many local files and replicas must have it, and how long that is waited for. `auto` asks for
# no replica: most have none, and where there is one a fail-over is noticed (memory.py).
WAITS: dict[Mode, tuple[str | int, ...]] = {
    "auto": ("WAITAOF", 1, 0, PATIENCE_MS),
    "fsync": ("WAITAOF", 1, 0, PATIENCE_MS),
    "replica": ("WAIT", 1, PATIENCE_MS),
    "none": (),
}


# Of the server's answers to `commands`, and of writes, each by something that stands in no other:
# those that are as durable as they must be.
Kept = Callable[[Sequence[Any], Collection[bytes]], Collection[bytes]]


class Keeps(Protocol):
    """How it is known that departures are kept.

    Attributes:
        shared: Several may be recorded in one round trip, for none of them waits long.
    """

    shared: bool

    @property
    def commands(self) -> Sequence[Sequence[str | int]]:
        """What to ask the server behind the write, on the same connection."""

    def watch(self) -> AbstractContextManager[Kept]:
        """From before a write until it is kept."""


class Durability:
    """A server is asked how durable a departure is.

    `auto` waits for the append-only file where the server can say when it is on disk, and says once
    where it cannot.
    """

    shared = False  # each may wait for a second, so they wait side by side

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self._cannot = False

    @property
    def commands(self) -> Sequence[Sequence[str | int]]:
        """What to ask the server behind the write, on the same connection."""
        wait = WAITS[self.mode]
        if not wait or self._cannot:
            return ()
        return (wait,)

    @contextmanager
    def watch(self) -> Iterator[Kept]:
        """The server watches; its answer holds for all."""
        yield lambda answers, written: written if self._is_kept(answers) else ()

    def _is_kept(self, answers: Sequence[Any]) -> bool:
        if not answers:
            return True
        answer = answers[0]
        if isinstance(answer, redis.ResponseError) and self.mode == "auto":
            self._cannot = True
            report(
                "redis.not_durable", why=f"Redis cannot say when a departure is on disk: {answer}"
            )
            return True
        if isinstance(answer, list):  # WAITAOF: how many local files, how many replicas
            answer = answer[0]
        return isinstance(answer, int) and answer >= 1
