"""Everything that can go wrong, by whose fault it is and who pays.

    RunhookError
    ├── InvalidRequest      the caller's: every fault named, nothing sent, nothing paid
    ├── NotFound            the caller's: there is no such job or model
    ├── Conflict            the caller's: it contradicts the present state, which stays as it is
    ├── OverBudget          the caller's: the day's budget has no room for it, nothing was sent
    ├── Trimmed             the caller's: the events to read on from are no longer kept
    ├── Gone                the caller's: it was there, and nobody has it any more
    ├── Behind              whoever's that of the line before it is: nothing was sent of this one
    ├── StoreUnavailable    Redis does not answer; nothing was changed unless the text says so
    │   ├── StoreRefuses    it answers and lets nobody in as it is set: waiting does not help
    │   └── LostWrites      it has forgotten what it had confirmed
    ├── UnreadableRecord    a newer version's or a broken record, which is left as it is
    ├── BadBackup           a file that is no backup, not a whole one, or made with another secret
    ├── NotDurable          Redis has it, but not as safely as it must before money is spent
    ├── StorageUnavailable  the storage of files neither takes nor gives one
    ├── ProviderSilent      RunningHub gave no usable answer to a free question: ask again
    │   └── ProviderRefused it answered, and the answer is no
    └── ImpossibleMove      ours: a job cannot make that move from its state

What RunningHub answers to a paid submit is not an error but a value: see `reports`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal

MOST_FAULTS = 100  # that an answer lists: nobody mends more at once, the others are counted
LONGEST_PATH, LONGEST_MESSAGE = 300, 4000  # characters of a fault, which may quote what was sent
# What follows a Conflict wherever it is shown, because the first question is whether money went.
UNPAID = "This request changed nothing and cost nothing."


class RunhookError(Exception):
    """The root of all of them; its text is one sentence for the user, without a full stop."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing wrong with a request.

    Attributes:
        path: Where, as a JSON path without the dollar: `input.duration`.
        message: What is wrong and what is allowed, as the rest of a sentence that begins with path.
        allowed: The allowed values, where they can be listed.
        nearest: The name or value that was probably meant.
    """

    path: str
    message: str
    allowed: tuple[str, ...] = ()
    nearest: str | None = None

    @property
    def said(self) -> str:
        """The message, and what was probably meant."""
        if self.nearest:
            return f"{self.message}; did you mean {self.nearest}?"
        return self.message


class InvalidRequest(RunhookError):
    """The request is wrong in one or more places. Nothing was sent, nothing was paid.

    Attributes:
        faults: All of them.
        listed: The first MOST_FAULTS, each as long as an answer may be.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        self.listed = tuple(_shortened(fault) for fault in faults[:MOST_FAULTS])
        texts = (f"{fault.path}: {fault.message}".removeprefix(": ") for fault in self.listed)
        super().__init__("; ".join(texts))


def _shortened(fault: Fault) -> Fault:
    path, message = fault.path[:LONGEST_PATH], fault.message[:LONGEST_MESSAGE]
    return replace(fault, path=path, message=message)


class NotFound(RunhookError):
    """There is no such thing.

    Attributes:
        nearest: Names that were probably meant.
    """

    def __init__(self, what: str, nearest: Sequence[str] = ()) -> None:
        self.nearest = tuple(nearest)
        text = f"there is no {what}"
        if nearest:
            text += f"; did you mean {', '.join(nearest)}?"
        super().__init__(text)


class Conflict(RunhookError):
    """The request contradicts the present state, which stays as it is."""


class OverBudget(RunhookError):
    """The day's budget has no room for what an attempt may cost. Nothing was sent, nothing is paid.

    Attributes:
        tenant: Whose budget it is; None: the whole day's.
        limit: The budget.
        left: What is left of it.
        needs: What the attempt may cost.
        day: The UTC day.
        ends_at: When that day ends.
    """

    def __init__(
        self,
        *,
        tenant: str | None,
        limit: Decimal,
        left: Decimal,
        needs: Decimal,
        day: date,
    ) -> None:
        self.tenant, self.limit, self.left, self.needs = tenant, limit, left, needs
        self.day = day
        self.ends_at = datetime.combine(day + timedelta(days=1), time(), UTC)
        whose = "everybody"
        if tenant is not None:
            whose = tenant
        super().__init__(
            f"it may cost {needs:f}, and {left:f} is left of {whose}'s budget of {limit:f} for "
            f"{day}, which ends at 00:00 UTC"
        )


class Trimmed(RunhookError):
    """The events to read on from are no longer kept.

    Attributes:
        oldest: The id of the first event that is kept; None where there is none.
    """

    def __init__(self, why: str, oldest: str | None) -> None:
        self.oldest = oldest
        super().__init__(why)


class Gone(RunhookError):
    """It was there, and nobody has it any more."""


class Behind(RunhookError):
    """A line of a batch needs one before it that was not taken, and may be later: so may this.

    Attributes:
        name: What that line calls itself.
        trouble: Why it was not taken.
    """

    def __init__(self, name: str, trouble: RunhookError) -> None:
        self.name, self.trouble = name, trouble
        super().__init__(f"it needs @{name}, which was not taken: {trouble}")


class StoreUnavailable(RunhookError):
    """Redis does not answer, or refuses a command."""


class LostWrites(StoreUnavailable):
    """Redis knows less than it did: a failover, a power loss or an old dump took writes back."""


class StoreRefuses(StoreUnavailable):
    """Redis answers and lets nobody in as REDIS_URL says: password, rights, database, TLS."""


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
        super().__init__(f"this version cannot read {name}: {why}")


class BadBackup(RunhookError):
    """A file cannot be restored, or not be written; nothing in Redis was changed."""


class NotDurable(RunhookError):
    """Redis has it, but not as durably as RUNHOOK_DURABLE wants; nothing was sent."""


class StorageUnavailable(RunhookError):
    """The storage of RUNHOOK_STORAGE_URL neither takes nor gives a file."""


class ProviderSilent(RunhookError):
    """A free question to RunningHub brought no usable answer.

    Attributes:
        busy: RunningHub asked us to slow down (1003 or HTTP 429).
        there: It answered with a status below 500: whatever it said, it is no outage.
        answered: Moreover, asking again would most likely bring the same answer, which says nothing
            of what was asked.
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
        """Whether free questions should come more slowly from now on."""
        if self.busy:
            return "busy"
        return "good"


class ProviderRefused(ProviderSilent):
    """RunningHub answered a free question with one of its error codes.

    Attributes:
        code: Which, as a row in `runninghub/codes.py` explains it.
    """

    def __init__(self, why: str, code: str, *, answered: bool = True) -> None:
        self.code = code
        super().__init__(why, there=True, answered=answered)


class ImpossibleMove(RunhookError):
    """The table of moves in `domain/jobs.py` does not have this one."""
