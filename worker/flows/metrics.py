"""How everything stands, as numbers for a monitoring system: any process of `web` tells the same.

All are gauges: what Redis counts is of a day or of what is kept, so nothing only grows.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from runhook.worker.domain import policy
from runhook.worker.domain.jobs import State
from runhook.worker.domain.tallies import CALLED_BACK, RECONCILED
from runhook.worker.money.rows import summed
from runhook.worker.store import Gauged
from runhook.worker.wiring import Wiring

# Under which the deliveries of those beyond MEASURED_RECEIVERS are counted: no handler and no
# subscription can be called so.
OTHERS = "(others)"
NO_CURRENCY = "unknown"  # RunningHub does not say what its amounts are in
GATE = ("open", "closed", "due", "probing")  # as `/v1/queue` has it
WAYS = (CALLED_BACK, *RECONCILED, "submit", "user")  # how a job's end may have been learned
ROLES = ("worker", "handlers")


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One measured thing.

    Attributes:
        name: As it is asked for, without the `runhook_` before each.
        means: What it is, in a sentence without a full stop.
        values: By the values of its labels, in their order.
        labels: What tells its values apart.
    """

    name: str
    means: str
    values: Mapping[tuple[str, ...], float]
    labels: tuple[str, ...] = ()


def metrics(w: Wiring) -> list[Metric]:
    """Everything that is measured, as it is now.

    Raises:
        StoreUnavailable: Redis does not answer or refuses.
    """
    found = w.store.gauges.look()
    return [
        *_jobs(found),
        *_queue(found),
        *_money(found, w.settings.currency),
        *_deliveries(found),
        *_duties(found),
        *_processes(found),
    ]


def _jobs(found: Gauged) -> Iterator[Metric]:
    states, ended = found.states, found.ended
    yield _by("state", "jobs", "Jobs that are kept, by state", {s.value: states[s] for s in State})
    yield _one(
        "jobs_unreadable",
        "Jobs in flight whose record this version cannot read; they hold no slot",
        found.queue.unreadable,
    )
    yield _by(
        "state",
        "jobs_ended_today",
        "Jobs that ended in this UTC day, by the state in which they did",
        {state.value: ended.ended(state) for state in State if state.ended},
    )
    yield _by(
        "by",
        "jobs_settled_today",
        "The same by how their end was learned; detail, query and resend are reconciliation",
        {way: ended.settled(way) for way in WAYS},
    )


def _queue(found: Gauged) -> Iterator[Metric]:
    queue = found.queue
    yield _one("queue_length", "Jobs that wait for their turn", queue.length)
    yield _one("queue_waiting", "Jobs that wait for outputs of others, outside it", queue.waiting)
    yield _one(
        "queue_oldest_seconds",
        "How long ago the oldest queued job was made; 0 where none is",
        _age(found.oldest, found.now),
    )
    yield _one("in_flight", "Slots at RunningHub that are counted as taken", queue.in_flight)
    yield _one("in_flight_limit", "How many may be taken", queue.limit)
    yield _one(
        "queue_tenants_held_back",
        "Tenants that wait with as many in flight as each may",
        queue.held_back,
    )
    yield _one(
        "queue_paused",
        "1 while it stands still, by its owner's word or because Redis lost writes",
        int(queue.paused),
    )
    yield _by(
        "state",
        "queue_gate",
        "1 for the state of the breaker before RunningHub: open lets jobs leave, closed does not",
        {state: int(queue.gate == state) for state in GATE},
    )


def _money(found: Gauged, currency: str | None) -> Iterator[Metric]:
    """Amounts are exact until here; a monitoring system has floats only."""
    none = {currency or NO_CURRENCY: Decimal(0)}
    paid, risk, coins = dict(none), dict(none), Decimal(0)
    for one in summed((row for day in found.today for row in day.rows), []):
        name = one.currency or NO_CURRENCY
        paid[name] = paid.get(name, Decimal(0)) + one.money
        coins += one.coins
        for of, amount in one.risk.items():
            risk[of or NO_CURRENCY] = risk.get(of or NO_CURRENCY, Decimal(0)) + amount
    yield _by(
        "currency",
        "money_today",
        "What RunningHub charged for this UTC day's attempts",
        {name: float(amount) for name, amount in paid.items()},
    )
    yield _by(
        "currency",
        "money_at_risk_today",
        "What those attempts cost at least that may have been charged without proof",
        {name: float(amount) for name, amount in risk.items()},
    )
    yield _one("coins_today", "What they cost in RunningHub's coins", float(coins))


def _deliveries(found: Gauged) -> Iterator[Metric]:
    values = Counter[tuple[str, ...]]()
    for number, (name, counts) in enumerate(found.deliveries.items()):
        shown = name
        if number >= policy.MEASURED_RECEIVERS:
            shown = OTHERS
        for state, count in counts.items():
            values[shown, state] += count
    yield Metric(
        name="deliveries",
        means=f"Deliveries by receiver: the first {policy.MEASURED_RECEIVERS} by name, and "
        f"{OTHERS}",
        values=values,
        labels=("receiver", "state"),
    )


def _duties(found: Gauged) -> Iterator[Metric]:
    lanes, now = found.lanes, found.now
    yield _by(
        "lane",
        "duties",
        "Work that must still happen, now or later; archive's are outputs to be kept",
        {lane.name: lane.duties for lane in lanes},
    )
    yield _by("lane", "duties_due", "Work that is due", {lane.name: lane.due for lane in lanes})
    yield _by(
        "lane",
        "duties_oldest_seconds",
        "How long the longest of it has been due; 0 where none is",
        {lane.name: _age(lane.oldest, now) for lane in lanes},
    )
    yield _by(
        "lane",
        "duties_parked",
        "Work that failed too often; runhook doctor names it",
        {lane.name: lane.parked for lane in lanes},
    )


def _processes(found: Gauged) -> Iterator[Metric]:
    alive, threads = Counter(dict.fromkeys(ROLES, 0)), Counter(dict.fromkeys(ROLES, 0))
    for one in found.processes:
        alive[one.role] += 1
        threads[one.role] += one.threads
    yield _by("role", "processes", "Processes that were heard in the last seconds", alive)
    yield _by("role", "process_threads", "On how many things they work at once", threads)


def _one(name: str, means: str, value: float) -> Metric:
    return Metric(name=name, means=means, values={(): value})


def _by(label: str, name: str, means: str, values: Mapping[str, float]) -> Metric:
    told: dict[tuple[str, ...], float] = {(word,): value for word, value in values.items()}
    return Metric(name=name, means=means, values=told, labels=(label,))


def _age(since: datetime | None, now: datetime) -> float:
    """Seconds; clocks of two machines may differ, and then it is none."""
    if since is None:
        return 0.0
    return max(0.0, (now - since).total_seconds())
