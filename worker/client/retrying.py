"""Asking again: what is away or busy is asked once more, as long as that can do no harm."""

import math
import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from runhook.worker.client.errors import InternalError, RateLimited, Unavailable
from runhook.worker.domain import policy

Answer = TypeVar("Answer")
LEAST = 0.001  # seconds for a call whose time is all but over: no call takes 0 for an answer


class Patience:
    """How long one call may go on, and how long it waits between repetitions."""

    def __init__(self, seconds: float, repeats: float = math.inf) -> None:
        """Args:
        seconds: For all of it.
        repeats: Seconds after which nothing is repeated any more.
        """
        self._seconds, self._repeats = seconds, repeats
        self.renew()

    @property
    def left(self) -> float:
        """Seconds that are left, never quite none."""
        return max(LEAST, self._until - time.monotonic())

    def renew(self) -> None:
        """Something came of it: all of the time is left again."""
        self._until = time.monotonic() + self._seconds
        self._last = time.monotonic() + min(self._seconds, self._repeats)
        self._waits = jittered(policy.CALL_WAITS)

    def bears(self, error: RateLimited | Unavailable) -> bool:
        """Wait before the next try; False at once where the time would be over by then."""
        wait = max(next(self._waits), error.retry_after or 0)
        if time.monotonic() + wait >= self._last:
            return False
        time.sleep(wait)
        return True


def insisting(
    ask: Callable[[float], Answer],
    seconds: float,
    *,
    repeats: float = math.inf,
    may_repeat: bool = True,
) -> Answer:
    """What is answered in the end.

    Args:
        ask: Asks once, with the seconds that are left for it.
        seconds: For all of it.
        repeats: Seconds after which it is not asked again.
        may_repeat: It does no harm if it is done twice. Else it is asked again only where it surely
            was not done.

    Raises:
        RateLimited: Still, when the time was over.
        Unavailable: Still, when the time was over; or it may have been done.
    """
    patience = Patience(seconds, repeats)
    while True:
        try:
            return ask(patience.left)
        except InternalError:
            raise
        except (RateLimited, Unavailable) as error:
            harms = isinstance(error, Unavailable) and error.maybe_done and not may_repeat
            if harms or not patience.bears(error):
                raise


def jittered(waits: tuple[float, ...]) -> Iterator[float]:
    """Each of the waits, and then the last for ever, give or take some."""
    at = 0
    while True:
        wait = waits[min(at, len(waits) - 1)]
        yield wait * random.uniform(1 - policy.CALL_JITTER, 1 + policy.CALL_JITTER)  # noqa: S311
        at += 1
