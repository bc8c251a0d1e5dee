"""How everything stands: each figure says what the jobs say, and a tenant sees its own alone."""

from datetime import timedelta

import pytest

from runhook.worker.domain.jobs import State
from runhook.worker.flows import overview as flow
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.overview import Overview
from runhook.worker.money.amounts import money_text
from tests.conftest import IMAGE, Build, House
from tests.trips import trips

BROKEN = {"fault": "failed", "times": 1}


def _overview(house: House, only: str | None = None) -> Overview:
    return flow.overview(house.w, only)


def _some_of_each(house: House) -> None:
    """Of shop-7 one failed, one succeeded and one queued job; of shop-8 one cancelled one."""
    house.sandbox.faults(BROKEN)
    house.until(house.ask(tenant="shop-7"), "failed")
    house.until(house.ask(tenant="shop-7"), "succeeded")
    house.w.store.queue.pause(True)
    house.ask(tenant="shop-7")
    cancel(house.w, house.ask(tenant="shop-8").id)


def test_figures_are_everybodys(house: House) -> None:
    _some_of_each(house)
    found = _overview(house)
    there = {state.value: count for state, count in found.states.items() if count}
    assert there == {"failed": 1, "succeeded": 1, "queued": 1, "cancelled": 1}
    assert found.last_day.success == 0.5
    assert found.queue
    assert (found.queue.paused, found.in_flight) == (True, 0)


def test_a_tenant_sees_its_own_jobs_and_nothing_of_others(house: House) -> None:
    _some_of_each(house)
    found = _overview(house, "shop-8")
    there = {state.value: count for state, count in found.states.items() if count}
    assert there == {"cancelled": 1}
    assert (found.last_day.success, found.oldest, found.queue, found.dead) == (None,) * 4
    assert (found.today, found.this_month, found.by_day) == ([], [], [])
    assert _overview(house, "shop-7").oldest


def test_the_oldest_queued_job_says_how_long_the_queue_waits(house: House) -> None:
    house.w.store.queue.pause(True)
    job = house.ask(tenant="shop-7")
    house.ask(tenant="shop-8")
    for only in (None, "shop-7"):
        assert _overview(house, only).oldest == house.job(job).spec.created_at


def test_the_hour_the_day_and_the_month_add_up_to_their_jobs(house: House) -> None:
    for ago in (40 * 86_400, 20 * 86_400, 5 * 3600, 1200, 0):
        house.until(house.ask(), "succeeded")
        house.clock.advance({40 * 86_400: 20, 20 * 86_400: 20}.get(ago, 0) * 86_400)
        house.clock.advance({5 * 3600: 4 * 3600 + 2400, 1200: 1200}.get(ago, 0))
    found = _overview(house)
    counts = [
        sum(tally.ended(State.SUCCEEDED) for _, tally in part)
        for part in (found.hour, found.day, found.month)
    ]
    assert counts == [2, 3, 4]
    assert [len(part) for part in (found.hour, found.day, found.month)] == [12, 24, 30]


def test_days_are_cut_at_whole_hours_and_end_now(house: House) -> None:
    found = _overview(house)
    spans = [span for span, _ in found.day]
    assert all((span.start.minute, span.start.second) == (0, 0) for span in spans)
    assert spans[-1].start <= found.now < spans[-1].end
    assert spans[0].end > found.now - timedelta(hours=24)


def test_money_is_todays_and_this_months(house: House) -> None:
    house.until(house.ask(), "succeeded")
    found = _overview(house)
    (today,), (month,) = found.today, found.this_month
    assert money_text(today.money) == money_text(month.money) != "0.00"
    house.later(86_400)
    later = _overview(house)
    assert (later.today, len(later.this_month), len(later.by_day)) == ([], 1, 1)


@pytest.mark.parametrize(("settings", "count"), [({}, 3), ({"RUNHOOK_BUDGET_DAY": "5"}, 4)])
def test_an_overview_costs_three_round_trips_and_a_fourth_with_budgets(
    build: Build, settings: dict[str, str], count: int
) -> None:
    house = build(**settings)
    _some_of_each(house)
    _overview(house)  # gives Redis the script
    assert trips(lambda: _overview(house)) == count
    assert trips(lambda: _overview(house, "shop-7")) == 3


def test_a_tenants_jobs_of_all_models_are_counted(house: House) -> None:
    house.w.store.queue.pause(True)
    for model in (IMAGE, "vidu/text-to-video-q3-turbo"):
        house.ask(model, tenant="shop-7")
    assert _overview(house, "shop-7").states[State.QUEUED] == 2
