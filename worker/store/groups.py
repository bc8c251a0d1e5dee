"""Groups of jobs: how many are in which state, and whether there will be more."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from typing_extensions import TypedDict

from runhook.worker.domain.answers import When
from runhook.worker.domain.jobs import State
from runhook.worker.domain.views import moment_view
from runhook.worker.store import keys
from runhook.worker.store.connection import reaching
from runhook.worker.store.scripts import Scripts, pairs

ANY_BATCH = "1"  # in place of a job: the release before closed a group with any batch that named it


class GroupView(TypedDict):
    """How many of a group's jobs are in which state.

    Attributes:
        name: Its name.
        tenant: Whose it is.
        jobs: Jobs in its life, those that were removed too.
        size: How many it is to have; null: nobody said.
        closed: It takes no more jobs.
        ended_at: When all of them had ended; null: not yet.
        states: How many of its jobs are in each state now.
    """

    name: str
    tenant: str
    jobs: int
    size: int | None
    closed: bool
    ended_at: When | None
    states: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class GroupState:
    """How a group stands.

    Attributes:
        name: Its name.
        tenant: Whose it is.
        made: Jobs in its life; those that retention removed are counted too.
        size: How many it is to have; None: nobody said.
        closed: It takes no more jobs.
        ended_at: When all of them had ended, and that was told; None: not yet.
        states: How many of its jobs are in each state now.
    """

    name: str
    tenant: str
    made: int
    size: int | None
    closed: bool
    ended_at: datetime | None
    states: dict[State, int]

    def joined(self, size: int | None) -> "GroupState":
        """How it would stand with one more job, queued, that says a size: as lib/groups has it."""
        made, size = self.made + 1, self.size or size
        return replace(
            self,
            made=made,
            size=size,
            closed=self.closed or (size is not None and made >= size),
            states=self.states | {State.QUEUED: self.states.get(State.QUEUED, 0) + 1},
        )

    def view(self) -> GroupView:
        """As the API shows it."""
        return {
            "name": self.name,
            "tenant": self.tenant,
            "jobs": self.made,
            "size": self.size,
            "closed": self.closed,
            "ended_at": moment_view(self.ended_at),
            "states": {state.value: count for state, count in self.states.items()},
        }


class Groups:
    """Every group of every tenant."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def state(self, tenant: str, name: str) -> GroupState | None:
        """How a group stands; None: the tenant has none of this name.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        flat, counts = self._scripts.run("group_state", tenant, name)
        held = pairs(flat)
        if not held:
            return None
        size, ended = held.get(b"size"), held.get(b"ended")
        return GroupState(
            name=name,
            tenant=tenant,
            made=int(held.get(b"made", 0)),
            size=(size and int(size)) or None,
            closed=b"closed" in held,
            ended_at=(ended and datetime.fromtimestamp(int(ended) / 1000, UTC)) or None,
            states=dict(zip(State, map(int, counts), strict=True)),
        )

    def begun_by(self, tenant: str, name: str) -> str | None:
        """The job with which a batch made a group; None: no batch did.

        ANY_BATCH where a process of the release before took it, which knew no more of it.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        with reaching():
            (found,) = self._scripts.client.hmget(keys.group(tenant, name), ["batch"])
        if found is None:
            return None
        return found.decode()

    def close(self, tenant: str, name: str) -> None:
        """The batch that made a group is over: it takes no more jobs.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        self._scripts.waking("close_group", 1, tenant, name)
