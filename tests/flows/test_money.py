"""The ledger: every end of a job counts on its day, once, and its days say what its record says."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from runhook.worker.domain import moves, policy
from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.reports import Cost, Error, Output, Report
from runhook.worker.flows import resolve
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.costs import costs
from runhook.worker.flows.forget import forget
from runhook.worker.flows.steps import books
from runhook.worker.flows.steps.accept import accept
from runhook.worker.flows.steps.budgets import budgets_today
from runhook.worker.money.report import costs_view
from runhook.worker.money.rows import RowFilter
from runhook.worker.store import Change
from tests.conftest import IMAGE, Build, House

WORKFLOW = "workflow/1904136902449209346"
PRICE = "0.40"  # of IMAGE, by the catalogue and at the sandbox
DAY, NEXT = "2027-01-15", "2027-01-16"  # of the tests' clock, which starts at 08:00
PICTURE = Output(url="https://a.example/x.png", type="png")


def _told(house: House, *by: str, **wanted: Any) -> list[dict[str, Any]]:
    """The ledger's items, after both ledgers were found to agree."""
    agreed = books.compare(house.w)
    assert (agreed.unbooked, agreed.differing) == ([], [])
    return [{**one} for one in costs_view(costs(house.w, RowFilter(**wanted), by=by))["items"]]


def _only(house: House) -> tuple[str, int, int, int]:
    """What everything cost: money, jobs, attempts, and attempts at risk."""
    found = _told(house)
    if not found:
        return "0.00", 0, 0, 0
    (one,) = found
    return one["money"], one["jobs"], one["attempts"], one["at_risk"]["attempts"]


def _tell(house: House, job: Job, state: Any, n: int = 1, **more: Any) -> None:
    ref = house.job(job).nth(n).ref  # type: ignore[union-attr]
    if state == "failed":
        more.setdefault("error", Error(code="failed", message="it failed"))
    accept(house.w, job.id, n, Report(ref=str(ref), state=state, **more), "callback")


def _running(house: House, **more: Any) -> Job:
    house.sandbox.faults({"fault": "slow", "value": 600})
    job = house.until(house.ask(**more), "running")
    house.sandbox.faults()
    return job


def test_a_success_counts_once_whatever_comes_again(house: House) -> None:
    job = house.until(house.ask(), "succeeded")
    assert _only(house) == (PRICE, 1, 1, 0)
    _tell(house, job, "succeeded", outputs=(PICTURE,), cost=job.attempt.cost)
    assert _only(house) == (PRICE, 1, 1, 0)
    assert _told(house, "day") == [
        {
            "day": DAY,
            "money": PRICE,
            "currency": None,
            "coins": "0",
            "seconds": "0",
            "jobs": 1,
            "attempts": 1,
            "at_risk": {"attempts": 0, "money": []},
        }
    ]


def test_what_is_queued_refused_or_cancelled_in_time_counts_for_nothing(house: House) -> None:
    house.w.store.queue.pause(True)
    cancelled = house.ask()
    house.ask()
    cancel(house.w, cancelled.id)
    assert _only(house) == ("0.00", 0, 0, 0)
    house.sandbox.faults({"fault": "refused", "value": 1501})
    house.w.store.queue.pause(False)
    house.settle()
    assert house.standing("failed") == 1
    assert _only(house) == ("0.00", 0, 0, 0)


def test_a_job_counts_at_its_end_and_one_that_fails_costs_what_its_report_says(
    house: House,
) -> None:
    free, billed = _running(house), _running(house)
    assert _only(house) == ("0.00", 0, 0, 0)
    _tell(house, free, "failed")
    _tell(house, billed, "failed", cost=Cost(money="0.05", seconds="12"))
    assert _only(house) == ("0.05", 2, 2, 0)


@pytest.mark.parametrize(
    ("model", "state", "cost", "says"),
    [
        (IMAGE, "failed", None, "names no cost: a model is paid by the call, and not for one"),
        (IMAGE, "failed", Cost(money="0.40"), "RunningHub charged 0.40 for it."),
        (IMAGE, "cancelled", None, "Its run time up to here may be charged."),
        (WORKFLOW, "failed", None, "Its run time up to here may be charged."),
    ],
)
def test_a_failed_one_says_what_is_known_of_its_bill(
    house: House, model: str, state: str, cost: Cost | None, says: str
) -> None:
    given: dict[str, Any] = {}
    if model == WORKFLOW:
        given = {"input": {"6.text": "a cat"}}
    job = _running(house, model=model, **given)
    why = Error(code=state, message="RunningHub ended it.")
    _tell(house, job, state, error=why, cost=cost)
    found = house.job(job).attempt.error
    assert found
    assert found.message.startswith("RunningHub ended it. ")
    assert says in found.message


def test_an_unconfirmed_one_is_at_risk_until_proof_says_what_it_cost(house: House) -> None:
    house.sandbox.faults({"fault": "answer_lost", "value": 1}, {"fault": "callback_lost"})
    job = house.until(house.ask(), "unconfirmed")
    (one,) = _told(house)
    assert one["at_risk"] == {"attempts": 1, "money": [{"money": PRICE, "currency": "CNY"}]}
    assert (one["money"], one["attempts"]) == ("0.00", 1)
    resolve.resolve(house.w, job.id, "failed")
    assert _only(house) == ("0.00", 1, 1, 1), "given up, it may have been charged all the same"
    task = house.sandbox.books()["tasks"][0]
    resolve.resolve_by_ref(house.w, job.id, task["taskId"], force=True)
    house.settle()
    assert house.job(job).state is State.SUCCEEDED
    assert _only(house) == (PRICE, 1, 1, 0)


def test_an_unconfirmed_one_that_was_not_taken_counts_for_nothing(house: House) -> None:
    house.sandbox.faults({"fault": "answer_lost_unaccepted"})
    job = house.until(house.ask(), "unconfirmed")
    house.sandbox.faults()
    assert _only(house)[2:] == (1, 1)
    resolve.resolve(house.w, job.id, "resubmit")
    house.clock.advance(10)
    house.until(job, "succeeded")
    assert _only(house) == (PRICE, 1, 2, 1), "the first may have been charged too"


def test_a_cancelled_one_is_at_risk_until_its_cost_is_told(house: House) -> None:
    job = _running(house)
    cancel(house.w, job.id)
    assert _only(house) == ("0.00", 1, 1, 1)
    _tell(house, job, "cancelled", cost=Cost(money="0.07"))
    assert _only(house) == ("0.07", 1, 1, 0)
    _tell(house, job, "cancelled", cost=Cost(money="0.09"))
    assert house.job(job).state is State.CANCELLED
    assert _only(house) == ("0.09", 1, 1, 0), "what is told last counts"


def test_late_success_adds_to_the_day_of_its_submit(house: House) -> None:
    job = _running(house)
    _tell(house, job, "failed", cost=Cost(money="0.01"))
    house.clock.advance(20 * 3600)
    _tell(house, job, "succeeded", outputs=(PICTURE,), cost=Cost(money=PRICE))
    assert house.job(job).state is State.SUCCEEDED
    (one,) = _told(house, "day")
    assert (one["day"], one["money"]) == (DAY, PRICE)


@pytest.mark.parametrize("state", ["succeeded", "failed"])
def test_a_run_time_alone_is_no_bill(build: Build, state: str) -> None:
    house = build(RUNHOOK_BUDGET_DAY="10.00")
    asked = {"input": {"6.text": "a"}, "options": {"max_price": "5.00"}}
    job = _running(house, model=WORKFLOW, **asked)
    _tell(house, job, state, outputs=(PICTURE,), cost=Cost(seconds="83"))
    assert _only(house) == ("0.00", 1, 1, 1)
    assert _told(house)[0]["seconds"] == "83"
    (budget,) = budgets_today(house.w)
    assert budget.held == 5


def test_a_workflow_whose_callback_names_no_amount_is_asked_once_what_it_cost(build: Build) -> None:
    house = build(RUNHOOK_BUDGET_DAY="10.00")
    house.sandbox.faults({"fault": "callback_lost"})
    asked: dict[str, Any] = {"input": {"6.text": "a"}, "options": {"max_price": "5.00"}}
    job = house.until(house.ask(model=WORKFLOW, **asked), "running")
    _tell(house, job, "succeeded", outputs=(PICTURE,), cost=Cost(seconds="83"))
    assert budgets_today(house.w)[0].held == 5
    house.later(policy.COST_LOOK)
    house.settle()
    cost = house.job(job).cost
    assert cost
    assert cost.names_amount
    assert budgets_today(house.w)[0].held == 0
    house.later(policy.LONGEST_GAP)
    house.settle()
    assert house.sandbox.calls("/task/openapi/outputs") == 1


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled"])
def test_a_cost_that_was_told_stays_where_later_news_names_none_or_another_kind(
    house: House, state: str
) -> None:
    job = _running(house)
    if state == "cancelled":
        cancel(house.w, job.id)
    _tell(house, job, state, outputs=(), cost=Cost(money="0.2"))
    for later in (None, Cost(seconds="3"), Cost(coins="5")):
        _tell(house, job, "succeeded", outputs=(PICTURE,), cost=later)
        assert _told(house)[0]["money"] == "0.20"
    assert _told(house)[0]["coins"] == "5"


def test_a_cost_of_an_attempt_that_succeeds_while_its_retry_waits_stays_told(house: House) -> None:
    job = _running(house)
    _tell(house, job, "failed", cost=Cost(money="0.2"))
    house.w.store.queue.pause(True)
    resolve.retry(house.w, job.id)
    _tell(house, job, "succeeded", outputs=(PICTURE,))
    assert (house.job(job).state, _only(house)) == (State.SUCCEEDED, ("0.20", 1, 1, 0))


def test_a_retry_counts_on_its_own_day_and_its_job_once(house: House) -> None:
    job = _running(house)
    _tell(house, job, "failed", cost=Cost(money="0.01"))
    house.clock.advance(20 * 3600)
    resolve.retry(house.w, job.id)
    house.until(job, "succeeded")
    told = [(one["day"], one["money"], one["jobs"], one["attempts"]) for one in _told(house, "day")]
    assert told == [(DAY, "0.01", 1, 1), (NEXT, PRICE, 0, 1)]
    assert house.job(job).cost == Cost(money="0.41", seconds="0")


def test_the_cost_of_an_attempt_that_the_job_went_on_from_is_kept_when_it_comes(
    house: House,
) -> None:
    job = _running(house)
    _tell(house, job, "failed")
    resolve.retry(house.w, job.id)
    house.until(job, "succeeded")
    _tell(house, job, "failed", cost=Cost(money="0.02"))
    assert _only(house) == ("0.42", 1, 2, 0)
    assert "cost told late" in house.notes(job)


def test_what_owners_allow_to_be_paid_again_is_counted_by_attempt(house: House) -> None:
    job = _running(house, options={"retries": 1})
    _tell(
        house,
        job,
        "failed",
        error=Error(code="failed", message="a node", detail={"infrastructure": True}),
        cost=Cost(money="0.03"),
    )
    house.until(job, "succeeded")
    assert _only(house) == ("0.43", 1, 2, 0)


def test_money_is_exact_however_fine_or_large(house: House) -> None:
    amounts = ["0.00000000000000000001", "999999999999.99999999999999999999", "0.1", "0.2", "-0.1"]
    for amount in amounts:
        _tell(house, _running(house), "succeeded", outputs=(PICTURE,), cost=Cost(money=amount))
    with_all_digits = "1000000000000.20000000000000000000"
    assert Decimal(_only(house)[0]) == Decimal(with_all_digits)


def test_coins_and_seconds_are_counted_and_never_as_money(house: House) -> None:
    _tell(
        house, _running(house), "succeeded", outputs=(PICTURE,), cost=Cost(coins="17", seconds="83")
    )
    (one,) = _told(house)
    assert (one["money"], one["coins"], one["seconds"]) == ("0.00", "17", "83")


def test_currencies_are_never_added_together(house: House) -> None:
    at_cn = house.w.settings.model_copy(update={"base_url": "https://www.runninghub.cn"})
    for settings in (house.w.settings, at_cn, at_cn):
        job = _running(house)
        told = Report(
            ref=str(job.attempt.ref),
            state="succeeded",
            outputs=(PICTURE,),
            cost=Cost(money="1.5"),
        )
        accept(replace(house.w, settings=settings), job.id, 1, told, "callback")
    assert [(one["currency"], one["money"], one["jobs"]) for one in _told(house, "day")] == [
        ("CNY", "3.00", 2),
        (None, "1.50", 1),
    ]


def test_sums_are_parted_by_model_tenant_and_metadata(build: Build) -> None:
    house = build(RUNHOOK_INDEX_METADATA="order,shop")
    house.ask(tenant="a", metadata={"order": 7, "secret": "x"})
    house.ask(tenant="a", metadata={"order": "7", "shop": "west"})
    house.ask(tenant="b", metadata={"order": 8})
    house.ask(tenant="b")
    house.settle()
    for job in [*house.w.store.listing.standing(State.RUNNING)]:
        house.until(job, "succeeded")

    def parted(*by: str, **wanted: Any) -> list[list[Any]]:
        return [[*(one[name] for name in by), one["money"]] for one in _told(house, *by, **wanted)]

    assert parted("tenant") == [["a", "0.80"], ["b", "0.80"]]
    assert parted("model") == [[IMAGE, "1.60"]]
    assert parted("metadata.order") == [["7", "0.80"], ["8", "0.40"], [None, "0.40"]]
    assert parted("metadata.shop", "tenant") == [
        ["west", "a", "0.40"],
        [None, "a", "0.40"],
        [None, "b", "0.80"],
    ]
    assert parted("day", tenant="b", labels=(("order", "8"),)) == [[DAY, "0.40"]]
    assert parted("day", model="vidu/*") == []


def test_days_stay_when_their_jobs_are_removed(build: Build) -> None:
    house = build(RUNHOOK_RETENTION_DAYS=1)
    house.until(house.ask(), "succeeded")
    house.clock.advance(2 * 86400)
    house.w.store.duties.wake("reconcile", "sweep")
    house.settle()
    assert house.standing("succeeded") == 0
    assert _only(house) == (PRICE, 1, 1, 0)
    assert house.raw.hget(f"runhook:costs:{DAY}", "gone") == b"1"
    assert 399 * 86400 < house.raw.ttl(f"runhook:costs:{DAY}") <= 400 * 86400


def test_a_job_that_its_owner_forgets_leaves_its_days_and_no_list(build: Build) -> None:
    house = build(RUNHOOK_INDEX_METADATA="order")
    job = house.until(house.ask(metadata={"order": 7}), "succeeded")
    forget(house.w, job.id)
    assert _only(house) == (PRICE, 1, 1, 0)
    assert [one["money"] for one in _told(house, "metadata.order")] == [PRICE]
    assert not house.raw.keys("runhook:labelled:*")


@pytest.mark.parametrize("field", ["booked", "life"])
def test_a_job_that_is_counted_wrongly_is_named_and_counted_right(house: House, field: str) -> None:
    """As an older process leaves one that it moved, or made."""
    job = house.until(house.ask(), "succeeded")
    if field == "booked":
        house.raw.hdel(f"runhook:job:{job.id}", "booked")
        house.raw.delete(f"runhook:costs:{DAY}")
    else:
        life = house.raw.hget(f"runhook:job:{job.id}", "life")
        house.raw.hset(f"runhook:job:{job.id}", "life", life.replace(b'"0.4"', b'"0.9"'))
    assert books.compare(house.w).unbooked == [job.id]
    assert house.w.store.upkeep.repair() == 1
    assert _only(house)[0] == {"booked": PRICE, "life": "0.90"}[field]
    assert house.w.store.upkeep.repair() == 0


def test_a_job_that_changes_while_it_is_counted_right_counts_once(house: House) -> None:
    job = house.until(house.ask(), "succeeded")
    house.raw.hdel(f"runhook:job:{job.id}", "booked")
    house.raw.delete(f"runhook:costs:{DAY}")

    def decide(read: Job) -> Change:
        house.w.store.ledger.rebook([job.id])  # by doctor, behind the back of whoever read it
        cost = Cost(money="0.9", currency="CNY")
        return Change(job=moves.with_attempt(read, 1, house.w.clock.now(), cost=cost))

    house.w.store.jobs.change(job.id, decide)
    assert _only(house)[0] == "0.90"


def test_a_day_that_was_changed_by_hand_is_named_and_stops_no_job(house: House) -> None:
    house.until(house.ask(), "succeeded")
    house.raw.hincrby(f"runhook:costs:{DAY}", "1:m-6", 5)
    assert books.compare(house.w).differing == [DAY]
    house.raw.hset(f"runhook:costs:{DAY}", "1:a", "nonsense")
    house.until(house.ask(), "succeeded")
    assert books.compare(house.w).differing == [DAY]
