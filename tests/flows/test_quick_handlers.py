"""Handlers that take next to no time: few children tell all, until those have too much of it."""

from runhook.worker.domain import policy
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.flows.drain import drain
from runhook.worker.flows.pump import published
from runhook.worker.store import Again
from tests.conftest import Build, House


def _opened_for_three(build: Build, took: str) -> House:
    """A house whose three handlers, which took so long until now, are called for an event."""
    registry = Registry()
    for name in ("one", "two", "three"):
        handler = Handler(name=name, types=("job.succeeded",), model=None, target=lambda _: None)
        registry.add(handler)
    house = build(registry)
    house.w.store.processes.publish_handlers(published(house.w))
    house.w.store.processes.beat("handlers", "machine:1", 16, hands=64)
    for name in registry.names():
        health = {"took": took, "pace": "quick"}
        house.raw.hset(f"runhook:endpoint:{name}", mapping=health)
    house.lost = ["fanout"]
    house.until(house.ask(), "succeeded")
    assert drain(house.w, "fanout") == 1
    return house


def test_handlers_that_take_no_time_are_called_together_and_others_each(build: Build) -> None:
    house = _opened_for_three(build, "0.001")
    assert house.raw.llen("runhook:queue:handlers") == 1
    assert drain(house.w, "handlers") == 3, "whoever comes goes on with the others"
    house.begin_anew()
    house = _opened_for_three(build, "0.300")
    assert house.raw.llen("runhook:queue:handlers") == 3


def test_one_that_hangs_after_all_holds_those_behind_it_up_until_the_pump_looks(
    build: Build,
) -> None:
    house = _opened_for_three(build, "0.001")
    house.raw.delete("runhook:queue:handlers")
    assert house.w.store.duties.claim("handlers"), "and nothing is heard of it"
    for waits in (policy.GATHERS_MS, policy.GATHERS_BUSY_MS - policy.GATHERS_MS):
        house.w.store.duties.pump("test", 3, thorough=False)
        nobody = house.raw.llen("runhook:queue:handlers") == 0
        assert nobody, "who tells them may be between two rounds"
        house.clock.advance(waits / 1000)
    house.w.store.duties.pump("test", 3, thorough=False)
    assert house.raw.llen("runhook:queue:handlers") >= 1


def _two_others_at_it(house: House) -> None:
    """Nobody is called for the lane, and two drainers of other children are sure to work on it."""
    house.raw.delete("runhook:queue:handlers")
    sure = house.w.clock.now().timestamp() * 1000 + policy.DRAINER_SURE_MS
    house.raw.zadd("runhook:drainers:handlers", {"other/1": sure, "other/2": sure})


def test_who_rests_between_rounds_of_quick_handlers_leaves_them_to_two_others(
    build: Build,
) -> None:
    for took, called in (("0.001", 0), ("0.300", 1)):
        house = _opened_for_three(build, took)
        _two_others_at_it(house)
        house.w.store.duties.rest("handlers", at_ease=True)
        assert house.raw.llen("runhook:queue:handlers") == called
        house.begin_anew()


def test_who_stops_in_the_middle_of_its_work_calls_one_in_its_place_although_two_are_at_it(
    build: Build,
) -> None:
    house = _opened_for_three(build, "0.001")
    claim = house.w.store.duties.claim("handlers")
    assert claim
    house.clock.advance(0.001)  # so that those behind it come first
    _two_others_at_it(house)
    house.w.store.duties.put_down(claim, Again(0))
    assert house.raw.llen("runhook:queue:handlers") == 1


def test_a_handlers_health_that_cannot_be_read_keeps_nobody_from_leaving(build: Build) -> None:
    house = _opened_for_three(build, "0.001")
    for name in ("one", "two", "three"):
        house.raw.set(f"runhook:endpoint:{name}", "no hash")
    _two_others_at_it(house)
    house.w.store.duties.rest("handlers", at_ease=True)
    assert house.raw.llen("runhook:queue:handlers") == 1


def test_where_nobody_tells_quick_handlers_the_pump_calls_somebody_sooner(build: Build) -> None:
    house = _opened_for_three(build, "0.001")
    house.raw.delete("runhook:queue:handlers")
    house.clock.advance(policy.GATHERS_MS / 1000)
    house.w.store.duties.pump("test", 3, thorough=False)
    assert house.raw.llen("runhook:queue:handlers") >= 1


def test_who_tells_a_handler_that_takes_time_stands_for_no_other(build: Build) -> None:
    for took, counted in (("0.001", 1), ("0.300", 0)):
        house = _opened_for_three(build, took)
        assert house.w.store.duties.claim("handlers")
        assert house.raw.zcard("runhook:drainers:handlers") == counted
        house.begin_anew()
