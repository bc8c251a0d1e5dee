"""One word on many jobs: first what it would mean for how many and what money, then it is done.

What is confirmed is the very jobs that were counted, each as it was then: whoever confirms twice
does it once.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal, get_args

from runhook.worker.delivery.deliveries import Filter, matching, redeliver_all
from runhook.worker.domain import policy
from runhook.worker.domain.jobs import Job, State
from runhook.worker.errors import Conflict, Fault, InvalidRequest, RunhookError, StoreUnavailable
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.forget import forget
from runhook.worker.flows.resolve import retry
from runhook.worker.flows.steps.price_again import PriceAgain, listed_price
from runhook.worker.money.amounts import added
from runhook.worker.store import JobFilter
from runhook.worker.store.listing import pieces
from runhook.worker.wiring import Wiring

Action = Literal["cancel", "retry", "forget", "redeliver"]
ACTIONS: tuple[Action, ...] = get_args(Action)
UNDER_WAY = tuple(state for state in State if not state.ended)
ENDED = tuple(state for state in State if state.ended)
# What each may be done to; the rest is left alone and counted.
FITTING: Mapping[Action, tuple[State, ...]] = {
    "cancel": UNDER_WAY,
    "retry": (State.FAILED, State.CANCELLED),
    "forget": ENDED,
    "redeliver": tuple(State),
}
NAMED = re.compile(r"(job_[0-9a-f]{28})/([0-9]{1,6})")
PIECE = 100  # jobs that are read in one round trip
REASONS = 5  # different ones that are told; there are seldom two


@dataclass(frozen=True, kw_only=True)
class Named:
    """One job as it was when it was counted."""

    id: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.id}/{self.attempt}"


@dataclass(frozen=True, kw_only=True)
class Sum:
    """Money of many jobs, in one currency.

    Attributes:
        money: Together.
        most: With every retry and fallback that they allow.
        at_least: It may be more.
    """

    money: Decimal = Decimal(0)
    most: Decimal = Decimal(0)
    at_least: bool = False

    def plus(self, price: PriceAgain) -> "Sum":
        """With one job more, whose price is known."""
        money = price.money or Decimal(0)
        return Sum(
            money=added(self.money, money),
            most=added(self.most, price.most or money),
            at_least=self.at_least or price.at_least,
        )


@dataclass(kw_only=True)
class Plan:
    """What an action would mean.

    Attributes:
        action: Which.
        named: The jobs that it would be done to.
        others: How many it cannot be done to, by state.
        sums: Money by currency: of a retry what it costs, of forgetting what was paid, of
            cancelling what RunningHub may still charge.
        unpriced: Jobs whose money nobody knows yet.
        deliveries: That would be delivered again.
        more: There are more jobs, or may be, which another confirmation has to name.
    """

    action: Action
    named: list[Named] = field(default_factory=list)
    others: dict[State, int] = field(default_factory=dict)
    sums: dict[str, Sum] = field(default_factory=dict)
    unpriced: int = 0
    deliveries: int = 0
    more: bool = False

    def add(self, job: Job) -> None:
        """One job more that it would be done to."""
        self.named.append(Named(id=job.id, attempt=job.history.attempts[-1].n))
        price = _money(self.action, job)
        if price is None:
            return
        if price.money is None:
            self.unpriced += 1
            return
        currency = price.currency or ""
        self.sums[currency] = self.sums.get(currency, Sum()).plus(price)


@dataclass(kw_only=True)
class Outcome:
    """What was done.

    Attributes:
        done: To how many jobs.
        refused: How many could not have it any more.
        reasons: Why, the first few.
        left: How many were not come to in time.
    """

    done: int = 0
    refused: int = 0
    reasons: list[str] = field(default_factory=list)
    left: int = 0


def plan_selected(
    w: Wiring, action: Action, job_ids: Sequence[str], *, only: str | None = None
) -> Plan:
    """What an action would mean for some jobs; those of another tenant are not there."""
    jobs = [job for job in w.store.jobs.many(job_ids) if only in (None, job.tenant)]
    return _fill(w, Plan(action=action), jobs)


def plan_named(
    w: Wiring, action: Action, named: Sequence[Named], *, only: str | None = None
) -> Plan:
    """What an action means by now for jobs that were counted, as far as they are as they were."""
    attempts = {one.id: one.attempt for one in named}
    jobs = (
        job
        for some in pieces(list(attempts), PIECE)
        for job in w.store.jobs.many(some)
        if only in (None, job.tenant) and job.history.attempts[-1].n == attempts[job.id]
    )
    return _fill(w, Plan(action=action), jobs)


def plan_all(w: Wiring, action: Action, of: JobFilter | None) -> Plan:
    """What an action would mean for all jobs that fit a filter, the newest first."""
    plan = Plan(action=action)
    if of is None:
        return plan
    states = [state for state in of.states or State if state in FITTING[action]]
    if not states:
        return plan
    return _fill(w, plan, _matching(w, replace(of, states=states), plan))


def named_in(text: str) -> list[Named]:
    """The jobs that a confirmation names.

    Raises:
        InvalidRequest: It is none of ours.
    """
    found = [NAMED.fullmatch(word) for word in text.split()]
    named = [Named(id=one[1], attempt=int(one[2])) for one in found if one]
    if not named or len(named) < len(found) or len(named) > policy.BULK_MOST:
        text = f"must name 1 to {policy.BULK_MOST} jobs, as the confirmation has them"
        raise InvalidRequest([Fault(path="named", message=text)])
    return named


def carry_out(
    w: Wiring, action: Action, named: Sequence[Named], *, only: str | None = None
) -> Outcome:
    """Do it to each that is still as it was; what one refuses stops no other."""
    until, outcome = w.clock.now().timestamp() + policy.BULK_SECONDS, Outcome(left=len(named))
    for some in pieces(named, PIECE):
        there = {job.id: job for job in w.store.jobs.many([one.id for one in some])}
        for one in some:
            if w.clock.now().timestamp() > until:
                return outcome
            outcome.left -= 1
            try:
                _do(w, action, one, there.get(one.id), only)
                outcome.done += 1
            except StoreUnavailable as away:
                outcome.left += 1
                outcome.reasons.append(str(away))
                return outcome
            except RunhookError as refused:
                outcome.refused += 1
                outcome.reasons = list(dict.fromkeys((*outcome.reasons, str(refused))))[:REASONS]
    return outcome


def _do(w: Wiring, action: Action, one: Named, job: Job | None, only: str | None) -> None:
    if job is None or only not in (None, job.tenant):
        raise Conflict(f"{one.id} is not there any more")
    if job.history.attempts[-1].n != one.attempt:
        raise Conflict(f"{one.id} was retried meanwhile")
    DOERS[action](w, one)


def _redeliver(w: Wiring, one: Named) -> None:
    redeliver_all(w, Filter(job=one.id, state="dead"), dry_run=False)


DOERS: Mapping[Action, Callable[[Wiring, Named], object]] = {
    "cancel": lambda w, one: cancel(w, one.id),
    "retry": lambda w, one: retry(w, one.id, behind=one.attempt),
    "forget": lambda w, one: forget(w, one.id),
    "redeliver": _redeliver,
}


def _fill(w: Wiring, plan: Plan, jobs: Iterable[Job]) -> Plan:
    for job in jobs:
        dead = _dead(w, plan.action, job)
        if job.state not in FITTING[plan.action] or dead == 0:
            plan.others[job.state] = plan.others.get(job.state, 0) + 1
            continue
        if len(plan.named) == policy.BULK_MOST:
            plan.more = True
            break
        plan.add(job)
        plan.deliveries += dead or 0
    return plan


def _dead(w: Wiring, action: Action, job: Job) -> int | None:
    """How many of its deliveries would be made again; None where that is not asked."""
    if action != "redeliver":
        return None
    return sum(1 for _ in matching(w, Filter(job=job.id, state="dead")))


def _money(action: Action, job: Job) -> PriceAgain | None:
    """What an action means for one job's money; None: nothing."""
    if action == "retry":
        return listed_price(job, job.spec.model)
    if action == "forget" and job.cost is not None:
        return PriceAgain(money=_decimal(job.cost.money), currency=job.cost.currency)
    if action == "cancel" and job.attempt.left_at is not None:
        return PriceAgain(money=_decimal(job.attempt.price), currency=job.attempt.priced_in)
    return None


def _decimal(text: str | None) -> Decimal | None:
    if text is None:
        return None
    return Decimal(text)


def _matching(w: Wiring, of: JobFilter, plan: Plan) -> Iterator[Job]:
    """Every job that fits, the newest first, read as somebody asks for more while there is time.

    Among a million that have some metadata perhaps none is in a fitting state.
    """
    until, cursor = w.clock.now().timestamp() + policy.BULK_SECONDS, None
    while True:
        if w.clock.now().timestamp() > until:
            plan.more = True
            return
        found = w.store.listing.page(of, cursor, PIECE)
        yield from found.jobs
        cursor = found.next
        if cursor is None:
            return
