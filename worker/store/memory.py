"""What a process remembers of Redis, so that it notices when Redis forgets.

A fail-over to a replica that was behind, a power loss or an old dump take writes back. Each process
has a mark of its own in Redis, the last token it was given: one that is smaller than that says so,
however far others have counted meanwhile. The departures say what may have been paid.
"""

import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass, replace
from itertools import count

# Departures of the last minutes at the highest pace that 1,000 tasks in flight allow; Redis loses
# seconds, an old dump more than any memory would hold.
MOST_DEPARTURES = 2000


@dataclass(frozen=True, kw_only=True)
class Departure:
    """A paid request that left from here.

    Attributes:
        job: Whose.
        n: The attempt's number.
        token: Its name, after the claim under which it left.
        ref: RunningHub's task, once its answer named it.
        refused: Its answer was a sure no: nothing was paid.
    """

    job: str
    n: int
    token: str
    ref: str | None = None
    refused: bool = False


class Memory:
    """One process's; its threads share it."""

    def __init__(self) -> None:
        self.process = uuid.uuid4().hex  # whose mark in Redis it is
        self._lock = threading.Lock()
        self._births = count()
        self._fence = 0  # nothing was given yet: no Redis is below that
        self._departures: OrderedDict[str, Departure] = OrderedDict()

    def nonce(self) -> str:
        """A name that nothing here and nowhere else was given before, without asking for chance."""
        return f"{self.process}{next(self._births):x}"

    def departure(self, token: str) -> str:
        """The name of a departure under a token: a Redis that went back gives a token twice."""
        return f"{token}.{self.process[:12]}"

    @property
    def fence(self) -> int:
        """The highest token that anything here was given."""
        return self._fence

    def saw(self, fence: int) -> None:
        """Redis gave this token."""
        with self._lock:
            self._fence = max(self._fence, fence)

    def left(self, departure: Departure) -> None:
        """A paid request is about to leave."""
        with self._lock:
            self._departures[departure.token] = departure
            while len(self._departures) > MOST_DEPARTURES:
                self._departures.popitem(last=False)

    def answered(self, token: str, *, ref: str | None, refused: bool) -> None:
        """What RunningHub said to the request that left under this token."""
        with self._lock:
            known = self._departures.get(token)
            if known:
                self._departures[token] = replace(known, ref=ref, refused=refused)

    def may_be_paid(self) -> list[Departure]:
        """Every departure that RunningHub did not surely refuse, oldest first."""
        with self._lock:
            return [one for one in self._departures.values() if not one.refused]
