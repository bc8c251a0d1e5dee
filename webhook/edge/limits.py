"""How much of one kind goes on at once; who comes when it is full waits, or is told to come again.

Everything here waits for somebody else's server or takes long, and nothing else may wait for it.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from werkzeug.exceptions import ServiceUnavailable


class Limit:
    """So many at once, and so many of each caller, so that none takes all. Nobody waits."""

    def __init__(self, what: str, *, each: int, together: int) -> None:
        """Args:
        what: They, as a sentence about too many of them names them.
        each: How many of each caller in this process.
        together: How many of all callers.
        """
        self.each, self.together = each, together
        self._what = what
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, name: str) -> "Place":
        """A place of this caller's, until it is left.

        Raises:
            ServiceUnavailable: His are taken, or all are. Answered as 503 with Retry-After.
        """
        with self._lock:
            if self._taken[name] >= self.each or self._taken.total() >= self.together:
                raise _full(self._what, self.each, self.together)
            self._taken[name] += 1
        return Place(partial(self._leave, name))

    def _leave(self, name: str) -> None:
        with self._lock:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]


class Place:
    """One taken place, which is given back once however often it is left."""

    def __init__(self, give_back: Callable[[], None]) -> None:
        self._give_back = give_back
        self._left = threading.Lock()

    def leave(self) -> None:
        """Give it back, unless that was done."""
        if self._left.acquire(blocking=False):
            self._give_back()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self.leave()


class Shares:
    """So many at once of each caller: the rest of his wait for a turn, and nobody else does."""

    def __init__(
        self, what: str, *, each: int, together: int | None = None, patience: float = 0
    ) -> None:
        """Args:
        what: They, as a sentence about too many of them names them.
        each: How many of each caller in this process.
        together: How many of all callers; None: any number.
        patience: Seconds for which one waits for its turn; 0: it is refused at once.
        """
        self._each, self._together, self._what, self._patience = each, together, what, patience
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._here: Counter[str] = Counter()
        self._common = asyncio.Semaphore(together) if together else None

    @asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[None]:
        """A place of this caller's, in the order in which his came. For one event loop alone.

        Raises:
            ServiceUnavailable: None was free in time. Answered as 503 with Retry-After.
        """
        mine = self._turns.setdefault(name, asyncio.Semaphore(self._each))
        self._here[name] += 1
        try:
            async with AsyncExitStack() as held:
                await self._enter(held, mine)
                yield
        finally:
            self._here[name] -= 1
            if not self._here[name]:
                del self._here[name], self._turns[name]

    async def _enter(self, held: AsyncExitStack, mine: asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await held.enter_async_context(mine)
                if self._common:
                    await held.enter_async_context(self._common)
        except TimeoutError:
            raise _full(self._what, self._each, self._together) from None


def _full(what: str, each: int, together: int | None) -> ServiceUnavailable:
    of_all = f" (at most {together} of all callers)" if together else ""
    return ServiceUnavailable(
        f"{each} {what} already{of_all}. Nothing was done; ask again in some seconds."
    )


# RunningHub may take half a minute to answer each. More at once would only be more to wait for.
ASKING = Limit("calls of yours wait for RunningHub here", each=8, together=16)
# Each is a thread for as long as it has lines.
BATCHES = Limit("batches of yours are being taken here", each=8, together=16)
TESTS = Limit("tests of subscriptions run here", each=2, together=2)  # each a thread for 15 s
# Each reads the log and the jobs in it, for seconds.
RECOVERING = Limit("recoveries of yours run here", each=1, together=2)

# Who sends a thousand requests at once has them answered one after the other: that takes three
# seconds. Many clients hang up after five, and would not learn what became of theirs.
PATIENCE = 4.0
# Bodies wait in memory and in temporary files until they are answered, and a process can open some
# hundred files. Half of them at most are one caller's.
SENDING = Shares(
    "requests of yours with a body are here", each=128, together=256, patience=PATIENCE
)
# RUNHOOK_STORAGE_URL may be far away and hang; batches keep files too, in threads of their own.
KEPT_AT_ONCE = 16
KEEPING = Shares(
    "files of yours are being kept here", each=8, together=KEPT_AT_ONCE, patience=PATIENCE
)
# Half a second of work, or so: how long another caller waits behind them at the most.
WAITING = Shares("requests of yours are waiting here", each=256, patience=PATIENCE)
# Strangers, and who asks whether we live, are never so many unless they mean no good.
STRANGE = Shares("requests of strangers are waiting here", each=256)
# Of one attempt: RunningHub sends its end once, perhaps once more. Who learned the URL could else
# have all others' callbacks wait behind thousands of his.
CALLING = Shares("callbacks of this attempt are being taken", each=8)
