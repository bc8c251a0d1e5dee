"""How much of one kind goes on at once; who comes when it is full waits, or is told to come again.

Everything here waits for somebody else's server or takes long, and nothing else may wait for it.
"""

import asyncio
import threading
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from werkzeug.exceptions import ServiceUnavailable

from runhook.worker.domain import policy


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


# In the order of coming: how many came before, and what is set when it is its turn. Who waits no
# longer has cancelled it.
Waiting = deque[tuple[int, asyncio.Future[None]]]


def _drop_gone(line: Waiting) -> None:
    """Whoever comes first gives up first, so those who are gone stand in front."""
    while line and line[0][1].cancelled():
        line.popleft()


class Limit:
    """So many places for each caller, and so many for all of them, so that none takes all.

    What threads do takes a place or is refused at once: `take`, from any thread. What the event
    loop does may wait for its turn, behind its caller's others alone: `turn`. A limit is used in
    one of the two ways.

    Whenever a place is left, the first that may have it gets it before anybody new can come; so a
    free place means that nobody waits who could take it, and who comes then goes in at once.
    """

    def __init__(self, what: str, *, each: int, together: int = 0, patience: float = 0) -> None:
        """Args:
        what: They, as a sentence about too many of them names them.
        each: How many of each caller in this process.
        together: How many of all callers; 0: any number.
        patience: Seconds for which a turn is waited for; 0: it is refused at once.
        """
        self.each, self.together = each, together
        self._what, self._patience = what, patience
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()
        self._waiting: dict[str, Waiting] = {}  # by caller
        self._came = 0

    def take(self, name: str) -> Place:
        """A place of this caller's, until it is left.

        Raises:
            ServiceUnavailable: The caller's are taken, or all are. Told as 503 with Retry-After.
        """
        with self._lock:
            if not self._is_free(name):
                raise self._full(name)
            self._taken[name] += 1
        return Place(partial(self._leave, name))

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """A place of this caller's, in the order in which its requests came.

        Raises:
            ServiceUnavailable: None was free in time. Told as 503 with Retry-After.
        """
        mine = asyncio.get_running_loop().create_future()
        try:
            await self._wait(name, mine)
            yield
        finally:
            # Whoever stops waiting at the very moment of its turn has a place to give back too.
            if not mine.cancel() and not mine.cancelled():
                self._leave(name)

    async def _wait(self, name: str, mine: asyncio.Future[None]) -> None:
        if self._is_free(name):
            self._taken[name] += 1
            mine.set_result(None)
            return
        if not self._patience:
            raise self._full(name)
        self._came += 1
        line = self._waiting.setdefault(name, deque())
        _drop_gone(line)
        line.append((self._came, mine))
        try:
            async with asyncio.timeout(self._patience):
                await mine
        except TimeoutError:
            raise self._full(name) from None

    def _leave(self, name: str) -> None:
        with self._lock:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]  # callers come and go, callbacks' for ever
        if self._waiting:
            self._hand_on()

    def _hand_on(self) -> None:
        """Give the place that was left to the first of those who may have it."""
        heads = []
        for name in tuple(self._waiting):
            line = self._waiting[name]
            _drop_gone(line)
            if not line:
                del self._waiting[name]
            elif self._is_free(name):
                heads.append((line[0][0], name))
        if heads:
            _, name = min(heads)
            _, first = self._waiting[name].popleft()
            self._taken[name] += 1
            first.set_result(None)

    def _is_free(self, name: str) -> bool:
        if self._taken[name] >= self.each:
            return False
        return not self.together or self._taken.total() < self.together

    def _full(self, name: str) -> ServiceUnavailable:
        mine = self._taken[name]
        here = f"{mine} {self._what} already"
        if mine < self.each:  # so it is the others
            here += f", and {self.together} of all callers, the most there may be"
        return ServiceUnavailable(f"{here}. Nothing was done; ask again in some seconds.")


# RunningHub may take half a minute to answer each. More at once would only be more to wait for.
ASKING = Limit("calls of yours wait for RunningHub here", each=8, together=16)
# Each is a thread for as long as it has lines. A dry run of one takes no place among those that ask
# RunningHub: it asks one question at a time, few, and none behind one that is not answered.
BATCHES = Limit("batches of yours are being taken here", each=8, together=16)
# Each is a thread for as long as an agent waits for a job; one that finds no place only looks.
AGENTS_WAITING = Limit(
    "agents of yours wait for jobs here", each=policy.AGENT_WAITS, together=4 * policy.AGENT_WAITS
)
# Each is a thread for 15 s.
TESTS = Limit("tests of subscriptions run here", each=2, together=2)
# A year of days that are all parted by metadata takes seconds to add up; a month takes none.
COUNTING = Limit("costs are being added up for you here", each=4, together=4)
# Doctor reads every record it can, and waits for RunningHub and for itself through the public URL.
EXAMINING = Limit("examinations of yours run here", each=1, together=2)
# Each reads or changes a thousand jobs one by one, for half a minute at the most, and may wait for
# RunningHub's word on some of them.
CHANGING = Limit("changes of many jobs of yours are under way here", each=2, together=4)
# Each reads the log and the jobs in it, for seconds.
RECOVERING = Limit("recoveries of yours run here", each=1, together=2)

# Seconds. Who sends a thousand requests at once has them answered one after the other, which takes
# three; many clients hang up after five, and would not learn what became of theirs.
PATIENCE = 4.0
# Bodies wait in memory and in temporary files until they are answered, and a process can open some
# hundred files. Half of them at most are one caller's.
SENDING = Limit("requests of yours with a body are here", each=128, together=256, patience=PATIENCE)
# RUNHOOK_STORAGE_URL may be far away and hang; batches keep files too, in threads of their own.
KEPT_AT_ONCE = 16
KEEPING = Limit(
    "files of yours are being kept here", each=8, together=KEPT_AT_ONCE, patience=PATIENCE
)
# The same for files that are read: how many are opened at once, and how many are on their way to
# whoever asked. Who reads slowly holds a place, and a page shows some dozens of small pictures.
OPENED_AT_ONCE = 16
OPENING = Limit(
    "files of yours are being opened here", each=64, together=OPENED_AT_ONCE, patience=PATIENCE
)
GIVING = Limit("files of yours are on their way", each=16, together=32)
# Half a second of work, or so: how long another caller waits behind them at the most.
WAITING = Limit("requests of yours are waiting here", each=256, patience=PATIENCE)
# Strangers, and who asks whether we live, are never so many unless they mean no good.
STRANGE = Limit("requests of strangers are waiting here", each=256)
# Of one address: whoever sends a token slowly keeps no other address from signing in.
SIGNING_IN = Limit("sign-ins of yours are on their way here", each=16, together=256)
# Of one attempt: RunningHub sends its end once, perhaps once more. Who learned the URL could else
# have all others' callbacks wait behind thousands of theirs.
CALLING = Limit("callbacks of this attempt are being taken", each=8)
