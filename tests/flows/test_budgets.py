"""A day's budget: held at accept, paid out by what jobs cost, given back by what costs nothing."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
import pytest

from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.reports import Cost, Error, Output, Report
from runhook.worker.errors import Conflict, InvalidRequest, OverBudget
from runhook.worker.flows import batch, create, resolve
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.create import JobRequest
from runhook.worker.flows.steps.accept import accept
from runhook.worker.flows.steps.batch_lines import Line
from runhook.worker.flows.steps.budgets import budgets_today
from runhook.worker.flows.steps.viewing import whole_view
from tests.conftest import IMAGE, Build, House

PRICE = Decimal("0.40")  # of IMAGE
OFFICIAL = "rhart-image-n-pro-official/text-to-image"
FLOW, LOWEST = "workflow/12", "kling-video-o3-pro/video-edit"  # no price; one that is only a floor
PICTURE = Output(url="https://a.example/x.png", type="png")


@pytest.fixture
def tight(build: Build) -> House:
    """A house whose day may cost two pictures and a half."""
    return build(RUNHOOK_BUDGET_DAY="1.00")


def _held(house: House, tenant: str | None = None) -> Decimal:
    (found,) = [one.held for one in budgets_today(house.w) if one.tenant == tenant]
    return found


def _running(house: House, **more: Any) -> Job:
    house.sandbox.faults({"fault": "slow", "value": 600})
    job = house.until(house.ask(**more), "running")
    house.sandbox.faults()
    return job


def _fails(house: House, job: Job, **detail: Any) -> None:
    error = Error(code="failed", message="It failed.", detail=detail)
    ref = str(house.job(job).attempt.ref)
    accept(house.w, job.id, job.attempt.n, Report(ref=ref, state="failed", error=error), "callback")


def test_what_does_not_fit_is_refused_with_what_is_left_and_nothing_is_kept(tight: House) -> None:
    tight.w.store.queue.pause(True)
    tight.ask()
    tight.ask()
    with pytest.raises(OverBudget) as refused:
        tight.ask()
    found = refused.value
    assert (found.tenant, found.limit, found.left, found.needs) == (
        None,
        Decimal("1.00"),
        Decimal("0.20"),
        PRICE,
    )
    assert found.ends_at.isoformat() == "2027-01-16T00:00:00+00:00"
    assert tight.standing("queued") == 2
    assert _held(tight) == 2 * PRICE


def test_a_refused_request_uses_no_key_up(tight: House) -> None:
    jobs = [_running(tight), _running(tight)]
    asked = JobRequest(model=IMAGE, input={"prompt": "a cat"})
    for _ in range(2):
        with pytest.raises(OverBudget):
            create.request(tight.w, asked, key="again")
    _fails(tight, jobs[0])
    assert create.request(tight.w, asked, key="again")[0]
    assert not create.request(tight.w, asked, key="again")[0], "the job that it made, though full"


def test_the_next_day_begins_anew_and_what_is_queued_over_midnight_is_held_today(
    tight: House,
) -> None:
    tight.w.store.queue.pause(True)
    jobs = [tight.ask(), tight.ask()]
    tight.clock.advance(17 * 3600)
    assert _held(tight) == 0
    tight.w.store.queue.pause(False)
    for job in jobs:
        tight.until(job, "succeeded")
    assert _held(tight) == 0, "it is of the day on which it was accepted"
    tight.ask()
    assert _held(tight) == PRICE


def test_tenants_have_budgets_of_their_own_beside_the_whole_ones(build: Build) -> None:
    house = build(RUNHOOK_BUDGET_DAY="1.00,a=0.50")
    house.w.store.queue.pause(True)
    house.ask(tenant="a")
    with pytest.raises(OverBudget) as refused:
        house.ask(tenant="a")
    assert (refused.value.tenant, refused.value.left) == ("a", Decimal("0.10"))
    house.ask(tenant="b")
    with pytest.raises(OverBudget) as refused:
        house.ask(tenant="b")
    assert refused.value.tenant is None
    assert (_held(house), _held(house, "a")) == (2 * PRICE, PRICE)


def test_who_has_no_budget_is_not_held_up(build: Build) -> None:
    house = build(RUNHOOK_BUDGET_DAY="a=0.00")
    house.w.store.queue.pause(True)
    house.ask(tenant="b")
    house.ask(FLOW, tenant="b", input={"6.text": "a"})
    with pytest.raises(OverBudget):
        house.ask(tenant="a")


@pytest.mark.parametrize("cost", ["0.00", "0.39", "0.40", "0.75"])
def test_what_it_did_cost_takes_the_place_of_what_was_expected(tight: House, cost: str) -> None:
    job = _running(tight)
    assert _held(tight) == PRICE
    ref = str(job.attempt.ref)
    told = Report(ref=ref, state="succeeded", outputs=(PICTURE,), cost=Cost(money=cost))
    accept(tight.w, job.id, 1, told, "callback")
    assert _held(tight) == Decimal(cost)


def test_a_bill_above_the_budget_counts_whole_and_nothing_more_is_accepted(tight: House) -> None:
    job = _running(tight)
    told = Report(
        ref=str(job.attempt.ref),
        state="succeeded",
        outputs=(PICTURE,),
        cost=Cost(money="999999999999.99"),
    )
    accept(tight.w, job.id, 1, told, "callback")
    with pytest.raises(OverBudget) as refused:
        tight.ask()
    assert refused.value.left == 0
    assert budgets_today(tight.w)[0].left == 0


def test_what_costs_nothing_is_given_back(tight: House) -> None:
    tight.w.store.queue.pause(True)
    cancel(tight.w, tight.ask().id)
    assert _held(tight) == 0
    expires = tight.ask(options={"expires_in": 5})
    tight.clock.advance(6)
    tight.w.store.queue.pause(False)
    tight.settle()
    assert tight.job(expires).state is State.FAILED
    assert _held(tight) == 0
    tight.sandbox.faults({"fault": "refused", "value": 1501})
    refused = tight.until(tight.ask(), "failed")
    assert tight.job(refused).attempt.error
    assert _held(tight) == 0
    tight.sandbox.faults()
    _fails(tight, _running(tight))
    assert _held(tight) == 0, "a model is sold by the call, and this one failed there"


def test_a_job_says_that_its_attempts_hold_what_its_budget_says(build: Build) -> None:
    house = build(RUNHOOK_BUDGET_DAY="5.00")
    job = _running_with(house, OFFICIAL)
    _fails(house, job, infrastructure=True)
    bills = whole_view(house.w, house.job(job))["bills"]
    assert [bill["bill"] for bill in bills] == ["uncharged", "not sent"]
    assert [bill["held"] for bill in bills] == ["0.00", f"{_held(house):f}"]
    paid = _running(house, options={"max_price": 2})
    told = Report(
        ref=str(paid.attempt.ref), state="succeeded", outputs=(PICTURE,), cost=Cost(money="0.7")
    )
    accept(house.w, paid.id, 1, told, "callback")
    (bill,) = whole_view(house.w, house.job(paid))["bills"]
    assert (bill["bill"], bill["held"]) == ("told", "0.70")


def test_what_is_unconfirmed_stays_held_until_it_is_proved(tight: House) -> None:
    tight.sandbox.faults({"fault": "answer_lost_unaccepted"})
    job = tight.until(tight.ask(), "unconfirmed")
    tight.sandbox.faults()
    assert _held(tight) == PRICE
    resolve.resolve(tight.w, job.id, "failed")
    assert _held(tight) == PRICE
    resolve.retry(tight.w, job.id)
    assert _held(tight) == 2 * PRICE, "both may be charged"
    with pytest.raises(OverBudget):
        tight.ask()


def test_what_was_cancelled_and_proves_refused_holds_nothing(tight: House) -> None:
    tight.sandbox.faults({"fault": "answer_both_refused"})
    job = tight.until(tight.ask(), "unconfirmed")
    cancel(tight.w, job.id)
    assert _held(tight) == PRICE
    for _ in range(12):
        tight.later(15)
    assert (tight.job(job).state, tight.sandbox.accepted()) == (State.CANCELLED, 0)
    assert _held(tight) == 0


def test_a_retry_or_a_resubmit_without_room_is_refused_and_changes_nothing(tight: House) -> None:
    tight.sandbox.faults({"fault": "answer_lost_unaccepted"})
    job = tight.until(tight.ask(), "unconfirmed")
    tight.w.store.queue.pause(True)
    tight.ask()
    with pytest.raises(OverBudget):
        resolve.resolve(tight.w, job.id, "resubmit")
    assert tight.job(job).state is State.UNCONFIRMED
    resolve.resolve(tight.w, job.id, "failed")
    with pytest.raises(OverBudget):
        resolve.retry(tight.w, job.id)
    assert (tight.job(job).state, len(tight.job(job).history.attempts)) == (State.FAILED, 1)


def test_an_automatic_retry_without_room_ends_the_job_and_says_why(tight: House) -> None:
    first = _running(tight, options={"retries": 3})
    _fails(tight, first, infrastructure=True)
    assert tight.job(first).state is State.QUEUED
    assert _held(tight) == PRICE, "the first costs nothing, the second may"
    tight.w.store.queue.pause(True)
    tight.settle()
    tight.w.store.queue.pause(False)
    again = tight.until(first, "succeeded")
    assert len(again.history.attempts) == 2
    full = _running(tight, options={"retries": 1})
    with pytest.raises(OverBudget):
        tight.ask()
    tight.clock.advance(17 * 3600)
    tight.raw.hset("runhook:budget:2027-01-16", "all", 1_000_000)
    tight.raw.expire("runhook:budget:2027-01-16", 60)
    _fails(tight, full, infrastructure=True)
    ended = tight.job(full)
    assert (ended.state, len(ended.history.attempts)) == (State.FAILED, 1)
    assert ended.attempt.error
    assert "It is not paid again: the day's budget" in ended.attempt.error.message
    assert "not paid again" in tight.notes(full)


def test_what_a_failed_attempt_gives_back_is_room_for_the_next(build: Build) -> None:
    house = build(RUNHOOK_BUDGET_DAY="0.40")
    again = _running(house, options={"retries": 1})
    _fails(house, again, infrastructure=True)
    assert house.job(again).state is State.QUEUED
    assert _held(house) == PRICE
    other = build(RUNHOOK_BUDGET_DAY=f"{_official(house)}")
    other.begin_anew()
    onward = _running_with(other, OFFICIAL)
    _fails(other, onward, infrastructure=True)
    assert other.job(onward).current_model == OFFICIAL
    assert _held(other) == _official(other)


def test_an_automatic_resubmit_without_room_gives_the_job_up(build: Build) -> None:
    house = build(RUNHOOK_BUDGET_DAY="0.50", RUNHOOK_UNCONFIRMED="resubmit")
    house.sandbox.faults({"fault": "answer_lost_unaccepted"})
    job = house.until(house.ask(), "unconfirmed")
    house.later(7201)
    ended = house.job(job)
    assert (ended.state, ended.history.risk) == (State.FAILED, False)
    assert ended.attempt.error
    assert "It is not paid again" in ended.attempt.error.message
    assert _held(house) == PRICE


def test_a_price_that_is_not_sure_needs_the_owners_word(tight: House) -> None:
    video = {"prompt": "a", "videoUrl": "https://example.com/a.mp4"}
    for model, given in ((FLOW, {"6.text": "a"}), (LOWEST, video)):
        with pytest.raises(InvalidRequest) as refused:
            tight.ask(model, input=given)
        assert [fault.path for fault in refused.value.faults] == ["options.max_price"]
        assert "RUNHOOK_BUDGET_DAY" in refused.value.faults[0].message
    tight.w.store.queue.pause(True)
    tight.ask(FLOW, input={"6.text": "a"}, options={"max_price": "0.70"})
    assert _held(tight) == Decimal("0.70")


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"model": FLOW, "options": {"instanceType": "huge"}}, ("instanceType", "max_price")),
        ({"model": LOWEST, "input": {"seed": 1}}, ("seed", "prompt", "videoUrl", "max_price")),
        # Another resolution has a price, so nothing needs to be said for it.
        ({"model": IMAGE, "input": {"prompt": "a", "resolution": "9k"}}, ("resolution",)),
    ],
)
def test_a_price_that_its_owner_must_say_is_asked_for_beside_all_other_faults(
    tight: House, asked: dict[str, Any], named: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create.accept(tight.w, asked | {"priority": 12})
    told = {fault.path.rpartition(".")[2] for fault in refused.value.faults}
    assert told == {"priority", *named}


def test_a_workflow_runs_whatever_its_owner_held_for_it_and_is_counted_by_its_bill(
    tight: House,
) -> None:
    job = tight.ask(FLOW, input={"6.text": "a"}, options={"max_price": "0.70"})
    ended = tight.until(job, "succeeded")
    assert ended.cost
    assert _held(tight) == Decimal(ended.cost.money or 0)


def test_an_account_whose_currency_nobody_knows_needs_the_owners_word(build: Build) -> None:
    house = build(
        RUNHOOK_BUDGET_DAY="1.00",
        RUNNINGHUB_BASE_URL="https://www.runninghub.ai",
        RUNHOOK_PUBLIC_URL="",
    )
    house.w.store.queue.pause(True)
    with pytest.raises(InvalidRequest, match="its price is in CNY"):
        house.ask()
    house.ask(options={"max_price": "0.60"})
    assert _held(house) == Decimal("0.60")


def test_an_old_attempt_without_a_price_is_not_paid_again_unseen(tight: House) -> None:
    """One that was made before there was a budget, of a kind that has no price."""
    unbound = tight.w.settings.model_copy(update={"budgets": type(tight.w.settings.budgets)({})})
    job = create.request(
        replace(tight.w, settings=unbound), JobRequest(model=FLOW, input={"6.text": "a"})
    )[1]
    cancel(tight.w, job.id)
    with pytest.raises(InvalidRequest, match=r"options\.max_price"):
        resolve.retry(tight.w, job.id)
    assert tight.job(job).state is State.CANCELLED


def test_a_price_that_rose_before_it_left_is_held_and_paid_if_there_is_room(tight: House) -> None:
    tight.sandbox.faults({"fault": "price", "value": 0.55}, {"fault": "slow", "value": 600})
    job = tight.until(tight.ask(), "running")
    assert _held(tight) == Decimal("0.55")
    assert tight.job(job).attempt.price == "0.55"
    assert "price rose" in tight.notes(job)


def test_a_price_that_rose_beyond_what_is_left_is_not_paid(tight: House) -> None:
    tight.sandbox.faults({"fault": "price", "value": 1.01})
    job = tight.until(tight.ask(), "failed")
    error = tight.job(job).attempt.error
    assert error
    assert (error.code, tight.sandbox.accepted()) == ("budget", 0)
    assert "its price now is 1.01, 0.40 was held" in error.message
    assert "0.60 is left" in error.message
    assert _held(tight) == 0


def test_a_price_that_fell_or_that_nobody_tells_changes_nothing(tight: House) -> None:
    for fault in ({"fault": "price", "value": 0.01}, {"fault": "price_refused"}):
        tight.sandbox.faults(fault, {"fault": "slow", "value": 600})
        tight.until(tight.ask(), "running")
    assert _held(tight) == 2 * PRICE


def _official(house: House) -> Decimal:
    checked = create.trial(house.w, {"model": OFFICIAL, "input": {"prompt": "a cat"}})
    assert checked.quote
    assert checked.quote.money
    return checked.quote.money


def test_a_model_to_go_on_with_holds_its_own_price_when_its_turn_comes(build: Build) -> None:
    house = build(RUNHOOK_BUDGET_DAY="5.00")
    job = _running_with(house, OFFICIAL)
    assert _held(house) == PRICE, "the other may never be needed"
    _fails(house, job, infrastructure=True)
    assert house.job(job).current_model == OFFICIAL
    assert _held(house) == _official(house) == Decimal(house.job(job).attempt.price or 0)


def test_where_no_room_is_left_for_the_other_model_the_job_ends_and_says_why(
    build: Build,
) -> None:
    house = build(RUNHOOK_BUDGET_DAY="0.50")
    job = _running_with(house, OFFICIAL)
    _fails(house, job, infrastructure=True)
    ended = house.job(job)
    assert (ended.state, len(ended.history.attempts)) == (State.FAILED, 1)
    assert ended.attempt.error
    assert "It is not paid again: the day's budget" in ended.attempt.error.message
    assert _held(house) == 0


def test_a_fallback_whose_price_is_not_sure_needs_the_owners_word(tight: House) -> None:
    video = {"prompt": "a", "videoUrl": "https://example.com/a.mp4"}
    with pytest.raises(InvalidRequest) as refused:
        tight.ask("kling-video-o3-std/video-edit", input=video, options={"fallback": [LOWEST]})
    assert "options.max_price" in [fault.path for fault in refused.value.faults]


def _running_with(house: House, other: str) -> Job:
    return _running(house, options={"fallback": [other]})


def _tried(house: House, *lines: dict[str, Any], dry_run: bool = True) -> list[Line]:
    texts = [orjson.dumps({"model": IMAGE, "input": {"prompt": "a"}, **one}) for one in lines]
    return list(batch.accept(house.w, texts, owner="shop", dry_run=dry_run))


def test_a_dry_run_of_a_batch_refuses_what_the_batch_would_be_refused_for(build: Build) -> None:
    tight = build(RUNHOOK_BUDGET_DAY="1.50,shop=1.00")
    tight.w.store.queue.pause(True)
    lines: list[dict[str, Any]] = [{}, {}, {}, {"tenant": "other"}, {"tenant": "other"}]
    dry = _tried(tight, *lines)
    assert _held(tight) == 0, "it holds nothing"
    real = _tried(tight, *lines, dry_run=False)
    for tried, made in zip(dry, real, strict=True):
        assert (tried.checked is not None) == (made.job is not None)
        assert str(tried.error) == str(made.error)
    refused = [line.error for line in dry if line.error]
    assert [one.tenant for one in refused if isinstance(one, OverBudget)] == ["shop", None]
    first, second = (batch.line_view(tight.w, line)["dry_run"]["budgets"] for line in dry[:2])
    assert [(one["tenant"], one["left"]) for one in first] == [(None, "1.50"), ("shop", "1.00")]
    assert [(one["tenant"], one["left"]) for one in second] == [(None, "1.10"), ("shop", "0.60")]


def test_a_dry_run_counts_nothing_for_what_a_key_made_or_makes_once(build: Build) -> None:
    tight = build(RUNHOOK_BUDGET_DAY="0.80")
    tight.w.store.queue.pause(True)
    (made,) = _tried(tight, {"key": "one"}, dry_run=False)
    again, other, first, twin = _tried(
        tight, {"key": "one"}, {"key": "one", "priority": 9}, {"key": "two"}, {"key": "two"}
    )
    assert made.job
    assert again.job
    assert again.job.id == made.job.id
    assert isinstance(other.error, Conflict)
    assert first.checked
    assert twin.checked
    *_, changed = _tried(tight, {"key": "two"}, {"key": "two", "priority": 9})
    assert isinstance(changed.error, Conflict)
