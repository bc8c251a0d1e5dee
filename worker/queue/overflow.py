"""Threads that take over what takes long, so that no thread of a lane waits for it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillAtIt
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from runhook.worker.errors import StoreUnavailable
from runhook.worker.telemetry import report

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class _Piece(Generic[Result]):
    """One piece of work.

    Attributes:
        what: What it is about, for the log.
        work: What to do.
        late: What to do with its result where nobody waits for that any more.
        result: Whatever came of it.
        taken: Held by whoever goes on with the result: who waited, or the thread.
        left: Nobody waits any more.
    """

    what: str
    work: Callable[[], Result]
    late: Callable[[Result], None]
    result: Future[Result] = field(default_factory=Future)
    taken: threading.Lock = field(default_factory=threading.Lock)
    left: threading.Event = field(default_factory=threading.Event)

    def do(self) -> None:
        """Do it, and go on with the result if nobody waits."""
        try:
            self.result.set_result(self.work())
        except Exception as error:  # noqa: BLE001 - handed to who waits, or logged
            self.result.set_exception(error)
        if not self.left.is_set() or not self.taken.acquire(blocking=False):
            return
        try:
            self.late(self.result.result())
        except Exception as error:  # noqa: BLE001 - nobody waits, and the pump wakes the duty again
            _log(self.what, error)

    def wait(self, seconds: float) -> Result | None:
        """Its result; None: it is left to the thread."""
        try:
            return self.result.result(seconds)
        except StillAtIt:
            self.left.set()
        if self.result.done() and self.taken.acquire(blocking=False):
            return self.result.result()
        return None


class OverflowPool:
    """So many threads at most, each made for one piece of work and idle while it waits."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._out = 0
        self._changed = threading.Condition()

    def run(
        self, what: str, work: Callable[[], Result], late: Callable[[Result], None], stay: float
    ) -> Result | None:
        """Have something done, and wait for it for a moment.

        With no thread free, the caller does it itself.

        Args:
            what: What it is about, for the log.
            work: What to do.
            late: What to do with its result after that moment.
            stay: Seconds to wait; then it goes on alone, and what goes wrong is logged.

        Returns:
            The result; None: the other thread goes on with it.

        Raises:
            Exception: Whatever the work raised until then.
        """
        if not self._take():
            return work()
        piece = _Piece(what=what, work=work, late=late)
        thread = threading.Thread(
            target=self._run, args=(piece,), name=f"overflow {what}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # this machine gives no more threads
            self._give_back()
            return work()
        return piece.wait(stay)

    def wait(self, seconds: float) -> None:
        """Wait until all are back, or for so long."""
        with self._changed:
            self._changed.wait_for(lambda: not self._out, seconds)

    def _run(self, piece: _Piece[Result]) -> None:
        try:
            piece.do()
        finally:
            self._give_back()

    def _take(self) -> bool:
        with self._changed:
            if not self._free:
                return False
            self._free -= 1
            self._out += 1
            return True

    def _give_back(self) -> None:
        with self._changed:
            self._free += 1
            self._out -= 1
            self._changed.notify_all()


def _log(what: str, error: Exception) -> None:
    """What went wrong when nobody waited any more; the duty stays, and the pump wakes it again."""
    if isinstance(error, StoreUnavailable):
        report("redis.away", duty=what, why=str(error))
    else:
        report("task.failed", duty=what, exc_info=error)
