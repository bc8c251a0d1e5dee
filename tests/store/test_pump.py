"""The pump: how much it posts, and what it begins with."""

import pytest
import redis

from runhook.worker.domain.lanes import LANES
from runhook.worker.errors import StoreUnavailable
from runhook.worker.flows.pump import Pump, WorkerProfile
from runhook.worker.store.connection import reaching
from tests.conftest import House, eventually


def _due(house: House, lane: str) -> None:
    for number in range(100):
        house.w.store.duties.wake(lane, f"{lane}{number}", after=0.001)


def test_a_lane_is_woken_as_often_as_threads_of_all_its_processes_work_through_it(
    house: House,
) -> None:
    house.w.store.processes.beat("worker", "other", 12)
    for lane in ("fanout", "send", "handlers"):
        _due(house, lane)
    house.clock.advance(1)
    Pump(house.w, WorkerProfile(role="handlers", threads=2)).round()
    lengths = {lane: house.raw.llen(f"runhook:queue:{lane}") for lane in ("send", "handlers")}
    assert lengths == {"send": 3, "handlers": 2}
    assert house.raw.llen("runhook:queue:fanout") == LANES["fanout"].drainers


def test_a_process_begins_by_waking_what_must_run_once_it_is_there(house: House) -> None:
    pump = Pump(house.w, WorkerProfile(role="worker", threads=12, opening=(("fanout", "first"),)))
    pump.round()
    pump.round()
    assert house.raw.llen("runhook:queue:fanout") == 1


def test_a_dead_process_holds_nothing_any_more(house: House) -> None:
    beat = house.w.store.processes.beat
    assert beat("worker", "dies", 12) == {"worker": 12, "handlers": 0}
    house.clock.advance(20)
    assert beat("worker", "lives", 4) == {"worker": 4, "handlers": 0}


def test_the_pump_goes_on_after_an_error_that_nobody_foresaw(house: House) -> None:
    pump = Pump(house.w, WorkerProfile(role="worker", threads=12))
    house.raw.set("runhook:due:fanout", "no sorted set")
    pump.start()
    try:
        eventually(lambda: house.raw.exists("runhook:alive:worker"))
        house.raw.delete("runhook:due:fanout")
        house.w.store.duties.wake("fanout", "a", after=0.001)
        house.clock.advance(1)
        eventually(lambda: house.raw.llen("runhook:queue:fanout") == 1)
    finally:
        pump.stop()


def test_a_redis_that_runs_somebodys_slow_script_is_only_away() -> None:
    with pytest.raises(StoreUnavailable, match="BUSY"), reaching():
        raise redis.ResponseError("BUSY Redis is busy running a script.")
