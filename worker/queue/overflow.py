"""Threads that take over what takes long, so that no thread of a lane waits for it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillAtIt

from runhook.worker.errors import StoreUnavailable
from runhook.worker.telemetry import report

Work = Callable[[], None]


class OverflowPool:
    """So many threads at most, each made for one piece of work and idle while it waits."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._out = 0
        self._changed = threading.Condition()

    def run(self, what: str, work: Work, stay: float) -> None:
        """Have something done, and wait for it for a moment.

        With no thread free, the caller does it itself.

        Args:
            what: What it is about, for the log.
            work: What to do.
            stay: Seconds to wait; then it goes on alone, and what goes wrong is logged.

        Raises:
            Exception: Whatever the work raised until then.
        """
        if not self._take():
            work()
            return
        result: Future[None] = Future()
        left = threading.Event()
        thread = threading.Thread(
            target=self._run, args=(what, work, result, left), name=f"overflow {what}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # this machine gives no more threads
            self._give_back()
            work()
            return
        try:
            result.result(stay)
        except StillAtIt:
            left.set()
            if result.done():
                result.result()

    def wait(self, seconds: float) -> None:
        """Wait until all are back, or for so long."""
        with self._changed:
            self._changed.wait_for(lambda: not self._out, seconds)

    def _run(self, what: str, work: Work, result: Future[None], left: threading.Event) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - handed to who waits, or logged
            result.set_exception(error)
            if left.is_set():
                _log(what, error)
        else:
            result.set_result(None)
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
