"""How the queue stands: everybody's together and by tenant, as scripts say it and /v1 shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from typing_extensions import TypedDict


class BreakerView(TypedDict):
    """Whether jobs leave for RunningHub.

    Attributes:
        state: `open` they do; `closed` they do not; `due` one job may try; `probing` it does.
        opens_in: Seconds until it is due.
        why: Why it closed.
        advice: What the account's owner must do for it to open.
    """

    state: Literal["open", "closed", "due", "probing"]
    opens_in: float | None
    why: str | None
    advice: str | None


class TenantView(TypedDict):
    """How many of a tenant's jobs wait and are in flight.

    Attributes:
        tenant: Its name.
        queued: Its jobs that wait for their turn.
        in_flight: Its slots at RunningHub.
        at_limit: It has as many of those as it may, and waits until one of them ends.
    """

    tenant: str
    queued: int
    in_flight: int
    at_limit: bool


class OtherTenantsView(TypedDict):
    """Those that are not named, together.

    Attributes:
        tenants: How many they are.
        queued: Their jobs that wait for their turn.
        in_flight: Their slots at RunningHub.
    """

    tenants: int
    queued: int
    in_flight: int


class QueueView(TypedDict):
    """How the queue stands.

    Attributes:
        why: Why nothing is sent now; null: the next job goes in its turn.
        length: Jobs that wait for their turn.
        waiting: Jobs that wait for outputs of others, outside the queue.
        in_flight: Slots at RunningHub that are counted as taken.
        sending: Jobs whose paid request is about to leave or has left.
        running: Jobs that RunningHub has.
        unconfirmed: Jobs that may hold a slot there.
        unreadable: Jobs in flight whose record this version cannot read.
        limit: How many may be in flight.
        tenant_limit: How many of one tenant; null: as many as of all.
        by_tenant: Those with the most jobs, these first.
        other_tenants: All others.
        paused: It stands still until somebody has it go on.
        why_paused: Why, where its owner did not stop it.
        gate: The breaker before RunningHub.
    """

    why: str | None
    length: int
    waiting: int
    in_flight: int
    sending: int
    running: int
    unconfirmed: int
    unreadable: int
    limit: int
    tenant_limit: int | None
    by_tenant: list[TenantView]
    other_tenants: OtherTenantsView
    paused: bool
    why_paused: str | None
    gate: BreakerView


@dataclass(frozen=True, kw_only=True)
class TenantState:
    """How a tenant stands.

    Attributes:
        tenant: Its name.
        queued: How many of its jobs wait for their turn.
        in_flight: How many of its jobs are in flight.
    """

    tenant: str
    queued: int
    in_flight: int


@dataclass(frozen=True)
class Tenants:
    """Whose jobs wait and are in flight.

    Attributes:
        named: Those with the most.
        others: How many more there are.
    """

    named: tuple[TenantState, ...]
    others: int


@dataclass(frozen=True, kw_only=True)
class QueueState:
    """How the queue stands.

    Attributes:
        length: Jobs that wait for their turn.
        waiting: Jobs that wait for outputs of others, outside the queue.
        sending: Those whose paid request is about to leave or has left.
        running: Those that RunningHub has.
        unconfirmed: Those that may hold a slot at RunningHub.
        unreadable: Those in flight whose record nobody can read; they count no more.
        limit: How many may be in flight.
        tenant_limit: How many of one tenant; None: any number.
        ready: How many tenants wait for a turn.
        held_back: How many wait and have as many in flight as they may.
        paused: It stands still until somebody has it go on.
        why_paused: Why it stands still, where its owner did not stop it.
        gate: `open`; `closed` for `opens_in` seconds; `due` to let one job try; `probing` with it.
        opens_in: Seconds; 0 where it is not closed.
        why_gated: Why the breaker closed.
        advice: What the account's owner must do for it to open.
    """

    length: int
    waiting: int
    sending: int
    running: int
    unconfirmed: int
    unreadable: int
    limit: int
    tenant_limit: int | None
    ready: int
    held_back: int
    paused: bool
    why_paused: str
    gate: Literal["open", "closed", "due", "probing"]
    opens_in: float
    why_gated: str
    advice: str

    @property
    def in_flight(self) -> int:
        """How many slots we count as taken."""
        return self.sending + self.running + self.unconfirmed

    @property
    def counts(self) -> str:
        """How many stand where, in words."""
        text = f"{self.length} queued, {self.in_flight} in flight"
        if self.waiting:
            text += f", {self.waiting} waiting for outputs of others"
        if self.unreadable:
            text += f", {self.unreadable} unreadable, which hold no slot"
        if self.held_back:
            text += f", tenants at their limit: {self.held_back}"
        return text

    @property
    def why(self) -> str:
        """Why nothing is sent now; empty: the next one goes in its turn."""
        if self.paused:
            return self.why_paused or "it is paused"
        if self.gate != "open":
            return self.why_gated
        if self.length and self.in_flight >= self.limit:
            return f"all {self.limit} slots are taken"
        if self.held_back and not self.ready:
            if self.tenant_limit is None:  # this process does not know the workers' limit
                return "each tenant that waits has as many in flight as it may"
            return f"each tenant that waits has {self.tenant_limit} in flight, as many as it may"
        return ""

    def document(self, tenants: Tenants) -> QueueView:
        """As the API shows it."""
        gate: BreakerView = {
            "state": self.gate,
            "opens_in": self.opens_in or None,
            "why": self.why_gated or None,
            "advice": self.advice or None,
        }
        return {
            "why": self.why or None,
            "length": self.length,
            "waiting": self.waiting,
            "in_flight": self.in_flight,
            "sending": self.sending,
            "running": self.running,
            "unconfirmed": self.unconfirmed,
            "unreadable": self.unreadable,
            "limit": self.limit,
            "tenant_limit": self.tenant_limit,
            "by_tenant": [self._of_one(one) for one in tenants.named],
            "other_tenants": self._of_others(tenants),
            "paused": self.paused,
            "why_paused": self.why_paused or None,
            "gate": gate,
        }

    def _of_one(self, one: TenantState) -> TenantView:
        return {
            "tenant": one.tenant,
            "queued": one.queued,
            "in_flight": one.in_flight,
            "at_limit": self.tenant_limit is not None and one.in_flight >= self.tenant_limit,
        }

    def _of_others(self, tenants: Tenants) -> OtherTenantsView:
        # Both were counted a moment apart, so what is left may be a few less than none.
        return {
            "tenants": tenants.others,
            "queued": max(0, self.length - sum(one.queued for one in tenants.named)),
            "in_flight": max(0, self.in_flight - sum(one.in_flight for one in tenants.named)),
        }


def tenants_of(answer: Sequence[Any]) -> Tenants:
    """What the script says of tenants."""
    *named, others = answer
    return Tenants(
        named=tuple(
            TenantState(tenant=name.decode(), queued=int(queued), in_flight=int(flying))
            for name, queued, flying in named
        ),
        others=int(others),
    )


def stands(answer: Sequence[str], tenant_limit: int | None) -> QueueState:
    """What the script says of the queue."""
    *counts, paused, why_paused, gate, ms, why, advice = answer
    length, waiting, sending, running, unconfirmed, unreadable, limit, *tenants = map(int, counts)
    return QueueState(
        length=length,
        waiting=waiting,
        sending=sending,
        running=running,
        unconfirmed=unconfirmed,
        unreadable=unreadable,
        limit=limit,
        tenant_limit=tenant_limit,
        ready=tenants[0],
        held_back=tenants[1],
        paused=bool(paused),
        why_paused=why_paused,
        gate=gate,  # type: ignore[arg-type]
        opens_in=int(ms) / 1000,
        why_gated=why,
        advice=advice,
    )
