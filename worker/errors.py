"""Everything that can go wrong in words of who is at fault and who pays.

    RunhookError
    ├── InvalidRequest      the asker's: every fault named, nothing sent, nothing paid
    ├── NotFound            the asker's: there is no such job or model
    ├── Conflict            the asker's: it contradicts what there is, which stands
    ├── Trimmed             the asker's: what he wants to read on from is no longer kept
    ├── StoreUnavailable    Redis does not take or give it; nothing was changed unless said
    │   ├── StoreRefuses    it is there and lets nobody in as it is set: waiting helps nothing
    │   └── LostWrites      it has forgotten what it was told before
    ├── UnreadableRecord    a newer version's or a broken record, which is left as it is
    ├── StorageUnavailable  the place of kept files does not take or give one
    ├── ProviderSilent      RunningHub gave no usable answer to a free question: ask again
    │   └── ProviderRefused it answered, and the answer is no
    └── ImpossibleMove      ours: a job was told to make a move that its state does not allow

What RunningHub answers to a paid submit is not an error but a value: see `reports`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

MOST_FAULTS = 100  # that an answer lists: nobody mends more at once, the others are counted
LONGEST_PATH, LONGEST_MESSAGE = 300, 4000  # characters of a fault, which may quote what was sent


class RunhookError(Exception):
    """The root of all of them."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a request.

    Attributes:
        path: Where, as a JSON path without the dollar: `input.duration`.
        message: What is wrong and what is allowed, in words.
        allowed: The allowed values, where they can be listed.
        nearest: The name or value that was probably meant.
    """

    path: str
    message: str
    allowed: tuple[str, ...] = ()
    nearest: str | None = None


class InvalidRequest(RunhookError):
    """The request is wrong in one or more places. Nothing was sent, nothing was paid.

    Attributes:
        faults: All of them.
        listed: The first of them, each as long as an answer may be.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        self.listed = tuple(_shortened(fault) for fault in faults[:MOST_FAULTS])
        told = (f"{fault.path}: {fault.message}".removeprefix(": ") for fault in self.listed)
        super().__init__("; ".join(told))


def _shortened(fault: Fault) -> Fault:
    path, message = fault.path[:LONGEST_PATH], fault.message[:LONGEST_MESSAGE]
    return replace(fault, path=path, message=message)


class NotFound(RunhookError):
    """There is no such thing."""

    def __init__(self, what: str, nearest: Sequence[str] = ()) -> None:
        self.nearest = tuple(nearest)
        hint = f"; did you mean {', '.join(nearest)}?" if nearest else ""
        super().__init__(f"there is no {what}{hint}")


UNPAID = "Nothing new was made, nothing is paid."  # what follows a Conflict wherever it is shown


class Conflict(RunhookError):
    """The request contradicts what there is, which stands as it is."""


class Trimmed(RunhookError):
    """What was to be read on from is no longer kept.

    Attributes:
        oldest: The id of the first event that is kept.
    """

    def __init__(self, why: str, oldest: str | None) -> None:
        self.oldest = oldest
        super().__init__(why)


class StoreUnavailable(RunhookError):
    """Redis does not answer, or refuses."""


class LostWrites(StoreUnavailable):
    """Redis knows less than it did: a fail-over, a power loss or an old dump took writes back."""


class StoreRefuses(StoreUnavailable):
    """Redis is there and lets nobody in as REDIS_URL says: password, rights, database, TLS."""


class UnreadableRecord(RunhookError):
    """A record in Redis that this version cannot read. It is left as it is, and nothing is paid.

    Attributes:
        name: Which: its kind and its id.
        id: Its id alone.
        newer: A newer version wrote it, so a newer process goes on with it.
    """

    def __init__(self, name: str, why: str, *, newer: bool = False) -> None:
        self.name = name
        self.newer = newer
        self.id = name.partition(" ")[2]
        super().__init__(f"{name} cannot be read here: {why}")


class NotDurable(RunhookError):
    """Redis has it, but not as durably as RUNHOOK_DURABLE wants; nothing was sent."""


class StorageUnavailable(RunhookError):
    """The place of kept files does not take or give one."""


class ProviderSilent(RunhookError):
    """A free question to RunningHub brought no usable answer.

    Attributes:
        busy: RunningHub asked us to slow down (1003 or HTTP 429).
        there: It answered, with a status below 500: whatever it said, it is there.
        answered: What it said is no outage either, but says nothing of what was asked: asking
            again would most likely bring the same.
    """

    def __init__(
        self, why: str, *, busy: bool = False, there: bool = False, answered: bool = False
    ) -> None:
        self.busy = busy
        self.there = there or answered
        self.answered = answered
        super().__init__(why)

    @property
    def pace(self) -> Literal["busy", "good"]:
        """What it says of the pace of free questions."""
        if self.busy:
            return "busy"
        return "good"


class ProviderRefused(ProviderSilent):
    """RunningHub answered a free question with one of its error codes.

    Attributes:
        code: Which.
    """

    def __init__(self, why: str, code: str, *, answered: bool = True) -> None:
        self.code = code
        super().__init__(why, there=True, answered=answered)


class ImpossibleMove(RunhookError):
    """The table of moves does not have this one."""
