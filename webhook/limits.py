"""How much of one kind goes on at once; who comes when it is full waits, or is told to come again.

Everything here waits for somebody else's server or takes long, and nothing else may wait for it.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from werkzeug.exceptions import ServiceUnavailable


class Limit:
    """So many at once. `with limit:` takes a place, as `enter` and `leave` do."""

    def __init__(self, places: int, what: str) -> None:
        """Args:
        places: How many in this process.
        what: They, as a sentence about too many of them names them.
        """
        self.places = places
        self._what = what
        self._taken = 0
        self._lock = threading.Lock()

    def enter(self) -> None:
        """Take a place.

        Raises:
            ServiceUnavailable: All are taken. Answered as 503 with Retry-After.
        """
        with self._lock:
            if self._taken >= self.places:
                raise ServiceUnavailable(
                    f"{self.places} {self._what} here already. Nothing was done; "
                    "ask again in some seconds."
                )
            self._taken += 1

    def leave(self) -> None:
        """Give the place back."""
        with self._lock:
            self._taken -= 1

    def take(self) -> "Place":
        """Take a place that may be given back more than once.

        Raises:
            ServiceUnavailable: All are taken.
        """
        self.enter()
        return Place(self)

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *_: object) -> None:
        self.leave()


class Place:
    """One taken place, which is given back once however often it is left."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._left = threading.Lock()

    def leave(self) -> None:
        """Give it back, unless that was done."""
        if self._left.acquire(blocking=False):
            self._limit.leave()


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
        self._each, self._what, self._patience = each, what, patience
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
            raise ServiceUnavailable(
                f"{self._each} {self._what} already. Nothing was done; ask again in some seconds."
            ) from None


# RunningHub may take half a minute to answer each. More at once would only be more to wait for.
ASKING = Limit(8, "calls wait for RunningHub")
BATCHES = Limit(8, "batches are being taken")  # each is a thread for as long as it has lines
TESTS = Limit(2, "tests of subscriptions run")  # each may take a thread for 15 s

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
