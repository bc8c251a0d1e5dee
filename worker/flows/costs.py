"""What days cost, by the ledger's rows, and what is left: of the account and of today's budgets."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import ValidationInfo

from runhook.worker import catalogue
from runhook.worker.domain import policy
from runhook.worker.domain.answers import AccountView
from runhook.worker.domain.bodies import ModelWord, Moment, Tenant, fact, refused, shaped
from runhook.worker.domain.faults import misspelt
from runhook.worker.domain.metadata import PREFIX, Label
from runhook.worker.domain.pages import LabelledQuery
from runhook.worker.domain.views import account_view
from runhook.worker.errors import Fault, InvalidRequest
from runhook.worker.flows.steps.budgets import budgets_today
from runhook.worker.money.report import Costs, CostsView, budget_view, costs_view
from runhook.worker.money.rows import DAY, DIMENSIONS, RowFilter, summed, together, told_in
from runhook.worker.wiring import Wiring

USUAL_DAYS = 30  # that are told of where nobody says since when: a month
MOST_SUMS = 10_000  # in one answer: 2 MB of JSON, and more than anybody reads


def _dimensions(value: object, info: ValidationInfo) -> object:
    names = tuple(dict.fromkeys(str(value).split(",")))
    for fault in by_faults(names, fact(info, "indexed")):
        raise refused(fault.message, fault.allowed, nearest=fault.nearest)
    return names


SOME_DIMENSIONS = {
    "type": "array",
    "items": {"type": "string", "pattern": f"^({'|'.join(DIMENSIONS)}|{PREFIX}.+)$"},
    "minItems": 1,
}


class CostsQuery(LabelledQuery):
    """Which days and jobs are counted, and what the sums are parted by.

    Attributes:
        by: `day`, `model`, `tenant`, or `metadata.KEY` of an indexed key.
        model: Of this model, or of those that a glob like `vidu/*` matches.
        tenant: Of this tenant.
        since: From the day of this moment on; 30 days, where it is not said.
        until: Up to the day of this moment.
    """

    by: Annotated[tuple[str, ...], shaped(_dimensions, SOME_DIMENSIONS)] = ("day",)
    model: ModelWord | None = None
    tenant: Tenant | None = None
    since: Moment | None = None
    until: Moment | None = None


def ledger_view(
    w: Wiring, asked: CostsQuery, labels: tuple[Label, ...] = (), *, only: str | None = None
) -> CostsView:
    """What days cost, as /v1 tells it; `ledger` says what of."""
    return costs_view(ledger(w, asked, labels, only=only))


def ledger(
    w: Wiring,
    asked: CostsQuery,
    labels: tuple[Label, ...] = (),
    *,
    only: str | None = None,
    usual: str | None = None,
) -> Costs:
    """What days cost, as users ask for it.

    Args:
        w: The process's parts.
        asked: Which days and jobs, and what the sums are parted by.
        labels: The metadata that the jobs have.
        only: The one tenant whose costs may be seen; None: any.
        usual: The currency of money that was charged without one; None: it stays unknown.

    Raises:
        NotFound: There is no such model.
        InvalidRequest: That makes more sums than are told.
    """
    wanted = RowFilter(
        model=catalogue.listed_as(asked.model), tenant=only or asked.tenant, labels=labels
    )
    found = costs(w, wanted, by=asked.by, since=asked.since, until=asked.until, usual=usual)
    if only is not None and asked.tenant not in (None, only):
        return replace(found, sums=(), totals=(), budgets=())  # as if the other had none
    return found


def costs(
    w: Wiring,
    wanted: RowFilter,
    *,
    by: Sequence[str] = (DAY,),
    since: datetime | None = None,
    until: datetime | None = None,
    usual: str | None = None,
) -> Costs:
    """What days cost, of the jobs that are wanted.

    Args:
        w: The process's parts.
        wanted: Whose, which models, which metadata.
        by: What to part the sums by.
        since: In the first day; None: a month ago. What is kept no longer counts for nothing.
        until: In the last day, or at its end; None: today.
        usual: The currency of money that was charged without one; None: it stays unknown.

    Raises:
        InvalidRequest: That makes more sums than are told, or the period ends before it begins.
    """
    first, last = _period(w.clock.now(), since, until)
    days = w.store.ledger.days(first, last)
    # Row by row, for a year may have hundreds of thousands.
    rows = (told_in(row, usual) for day in days for row in day.rows if wanted.takes(row))
    sums = summed(rows, by)
    if len(sums) > MOST_SUMS:
        text = (
            f"makes {len(sums)} sums, at most {MOST_SUMS} are told; ask for fewer days, or by less"
        )
        raise InvalidRequest([Fault(path="by", message=text)])
    return Costs(
        since=first,
        until=last,
        by=by,
        sums=sums,
        totals=together(sums),
        budgets=budgets_today(w, wanted.tenant),
    )


def account(w: Wiring) -> AccountView:
    """What the account has left and may run at once, as RunningHub says now, and today's budgets.

    Raises:
        ProviderSilent: RunningHub gave no usable answer.
        ProviderRefused: It says no.
        StoreUnavailable: Redis does not answer or refuses.
    """
    found, capacity = w.client.account(), w.client.capacity()
    budgets = [budget_view(budget) for budget in budgets_today(w)]
    return account_view(found, capacity, w.store.queue.state().in_flight, budgets)


def by_faults(by: Sequence[str], indexed: Sequence[str]) -> list[Fault]:
    """What is wrong with what sums are to be parted by."""
    known = (*DIMENSIONS, *(f"{PREFIX}{key}" for key in indexed))
    text = (
        f"must be some of {', '.join(known)}, with commas between them; metadata must be in "
        "RUNHOOK_INDEX_METADATA"
    )
    return [_misspelt(text, name, known) for name in by if name not in known]


def _misspelt(text: str, name: str, known: Sequence[str]) -> Fault:
    fault = misspelt("by", text, name, known)
    # The name of metadata alone is what people write first.
    if f"{PREFIX}{name}" in known:
        return replace(fault, nearest=f"{PREFIX}{name}")
    return fault


def _period(now: datetime, since: datetime | None, until: datetime | None) -> tuple[date, date]:
    """The first and the last day of a period, as far as days are kept.

    Raises:
        InvalidRequest: It ends before it begins.
    """
    if since and until and until < since:  # of which nothing were to tell, as if nothing was paid
        raise InvalidRequest([Fault(path="until", message="is before since")])
    today = last = _day(now)
    first = today - timedelta(days=USUAL_DAYS - 1)
    if since is not None:
        first = _day(since)
    if until is not None:
        # A period ends before `until`, so midnight is the end of the day before.
        last = _day(until - timedelta(microseconds=1))
    oldest = today - timedelta(seconds=policy.DAYS_KEPT_S)
    return max(first, oldest), min(last, today)


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
