"""How much of one kind goes on at once; who comes when it is full is told to come again.

Everything here waits for somebody else's server or takes long, and nothing else may wait for it.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

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


class Each:
    """So many at once of each caller: who takes all of his keeps nobody else out."""

    def __init__(self, places: int, what: str) -> None:
        """Args:
        places: How many of each in this process.
        what: They, as a sentence about too many of them names them.
        """
        self._limit, self._what = places, what
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """A place of this caller's.

        Raises:
            ServiceUnavailable: All of his are taken. Answered as 503 with Retry-After.
        """
        with self._lock:
            if self._taken[name] >= self._limit:
                raise ServiceUnavailable(
                    f"{self._limit} {self._what} already. Nothing was done; ask again in some "
                    "seconds."
                )
            self._taken[name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[name] -= 1
                if not self._taken[name]:
                    del self._taken[name]


# RunningHub may take half a minute to answer each. More at once would only be more to wait for.
ASKING = Limit(8, "calls wait for RunningHub")
# RUNHOOK_STORAGE_URL may be far away and hang; batches keep files too, in threads of their own.
KEEPING = Limit(8, "files are being kept")
BATCHES = Limit(8, "batches are being taken")  # each is a thread for as long as it has lines
TESTS = Limit(2, "tests of subscriptions run")  # each may take a thread for 15 s
# Bodies being read wait in temporary files, of which a process can open some hundred.
BODIES = Limit(256, "bodies are being read")
# Half of them at most are one caller's.
SENDING = Each(128, "bodies of yours are being read here")
# Of one attempt: RunningHub sends its end once, perhaps once more. Who learned the URL could else
# have all others' callbacks wait behind thousands of his.
CALLING = Each(8, "callbacks of this attempt are being taken")
# Half a second of work, or so. More would wait so long that those who asked have gone, and the
# thread that reads all requests would come to its turn too seldom.
WAITING = Each(256, "requests of yours are waiting here")
