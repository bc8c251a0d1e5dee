"""What became of a batch's lines, and what is known of them until it is over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runhook.worker.catalogue import Checked
from runhook.worker.domain import policy
from runhook.worker.domain.answers import RoomView
from runhook.worker.domain.jobs import LOCAL, Job
from runhook.worker.domain.outputs import LINE_NAME
from runhook.worker.domain.reports import LivePrice
from runhook.worker.errors import (
    Conflict,
    Fault,
    InvalidRequest,
    NotFound,
    RunhookError,
    StoreUnavailable,
)
from runhook.worker.flows.steps.upstream import Made
from runhook.worker.store.groups import ANY_BATCH
from runhook.worker.wiring import Wiring

# What a line gets that is wrong itself; anything else passes, and the same line may be taken later.
ITS_OWN = (InvalidRequest, NotFound, Conflict)


@dataclass(frozen=True, kw_only=True)
class Line:
    """What became of one line.

    Attributes:
        number: The line's number, from 1; empty lines count, though nothing is made of them.
        name: What it calls itself; None: nothing.
        job: The job it made, or made before.
        new: Whether the job is new.
        checked: What a dry run found, in place of a job.
        tenant: Whose job that would be.
        live: RunningHub's own price for it, where that is asked for and told.
        room: The budgets that it would have to fit into, behind the lines before it.
        error: Why there is neither.
        group: The tenant and the group that it names; None: none.
    """

    number: int
    name: str | None = None
    job: Job | None = None
    new: bool = False
    checked: Checked | None = None
    tenant: str = LOCAL
    live: LivePrice | None = None
    room: Sequence[RoomView] = ()
    error: RunhookError | None = None
    group: tuple[str, str] | None = None


class Names:
    """What lines call themselves, and what became of each; a name is its first line's."""

    def __init__(self) -> None:
        self.lines: dict[str, Made | RunhookError | None] = {}

    def of(self, given: dict[str, Any]) -> str | None:
        """What a line calls itself; the line loses its member `as`.

        Raises:
            InvalidRequest: That is no name, or an earlier line's.
        """
        if "as" not in given:
            return None
        name = given.pop("as")
        if not isinstance(name, str) or not LINE_NAME.fullmatch(name):
            text = "must be 1 to 100 letters, digits and _.-"
            raise InvalidRequest([Fault(path="as", message=text)])
        if name in self.lines:
            text = f"is {name!r}, and an earlier line calls itself that"
            raise InvalidRequest([Fault(path="as", message=text)])
        if len(self.lines) == policy.MOST_LINE_NAMES:
            text = f"is one too many: at most {policy.MOST_LINE_NAMES} lines of a batch have names"
            raise InvalidRequest([Fault(path="as", message=text)])
        self.lines[name] = None  # until it is known to be more
        return name

    def became(self, line: Line) -> None:
        """What became of a line."""
        if line.name and line.job:
            self.lines[line.name] = Made(line.job.spec.kind, line.job.tenant, line.job.id)
        elif line.name and line.error and not isinstance(line.error, ITS_OWN):
            self.lines[line.name] = line.error
        elif line.name and line.checked:
            self.lines[line.name] = Made(line.checked.kind, line.tenant)


class Groups:
    """Groups of a batch's jobs, and which of them its end closes: those that it made.

    A batch that is sent again under its keys has the same jobs, so a group is known to be its own
    by the job that was its first.
    """

    def __init__(self, w: Wiring) -> None:
        self._w = w
        self._first: dict[tuple[str, str], str | None] = {}
        self._own: set[tuple[str, str]] = set()
        self._away: StoreUnavailable | None = None
        # Those that the same batch, sent again, adds jobs to: closed, they would refuse them.
        self._unfinished: set[tuple[str, str]] = set()
        self._passing = False

    def became(self, line: Line) -> None:
        """What became of a line."""
        if line.error and not isinstance(line.error, ITS_OWN):
            self._passing = True
        if not line.group:
            return
        if line.job:
            self._joined(line.group, line.job.id)
        # Refused behind one that may be taken later, it may only have named that one.
        elif self._passing:
            self._unfinished.add(line.group)

    def _joined(self, group: tuple[str, str], job_id: str) -> None:
        try:
            if group not in self._first:
                self._first[group] = self._w.store.groups.begun_by(*group)
        except StoreUnavailable as away:
            self._away = away  # told at the end: lines that made jobs are told first
            return
        if self._first[group] in (job_id, ANY_BATCH):
            self._own.add(group)

    def close(self) -> None:
        """The batch is over.

        Raises:
            StoreUnavailable: Redis was away, so groups may stay open; sent again it closes them.
        """
        if self._away:
            raise self._away
        for tenant, group in sorted(self._own - self._unfinished):
            self._w.store.groups.close(tenant, group)
