"""Who listens: every handler and subscriber, kept by each process until that changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from runhook.worker.errors import UnreadableRecord
from runhook.worker.store.clock import Clock
from runhook.worker.store.processes import Known, Processes, Published
from runhook.worker.store.subscriptions import Subscription, Subscriptions

# For so long a process believes what it read while the word for it stays the same: a process of the
# release before changes filters without changing the word.
KEPT = timedelta(seconds=5)


@dataclass(frozen=True)
class Listeners:
    """Everybody who may be told of something.

    Attributes:
        handlers: Those that a process ever published, and when one last did.
        subscriptions: All of them, disabled ones too.
        unreadable: Records of either that cannot be read here, and why.
    """

    handlers: Sequence[Known]
    subscriptions: Sequence[Subscription]
    unreadable: Sequence[UnreadableRecord]

    def handlers_within(self, seconds: float, now: datetime) -> list[Published]:
        """Those that a process published in the last seconds."""
        return [one.handler for one in self.handlers if one.seen_within(seconds, now)]


class Audience:
    """Reading who listens."""

    def __init__(self, processes: Processes, subscriptions: Subscriptions, clock: Clock) -> None:
        self._processes = processes
        self._subscriptions = subscriptions
        self._clock = clock
        self._kept: tuple[bytes, datetime, Listeners] | None = None

    def now(self) -> Listeners:
        """Read it.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        handlers, broken = self._processes.read()
        subscribers, unread = self._subscriptions.read()
        return Listeners(handlers, subscribers, (*broken, *unread))

    def known(self) -> tuple[bytes, Listeners] | None:
        """Who listened a moment ago, and the word by which a script tells whether it is so.

        None: this process knows too little, or not for sure any more.
        """
        kept, now = self._kept, self._clock.now()
        if kept is None or kept[1] <= now:
            return None
        return kept[0], kept[2]

    def at(self, revision: bytes) -> Listeners:
        """Who listens while a word of Redis for that is the same; read only if it changed."""
        known = self.known()
        if known and known[0] == revision:
            return known[1]
        began, found = self._clock.now(), self.now()
        # The word was true before this was read: what changed since changes it again.
        self._kept = (revision, began + KEPT, found)
        return found
