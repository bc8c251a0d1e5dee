"""The pump: how much it posts, what it begins with, and what it costs while nothing is due."""

import pytest
import redis

from runhook.worker.domain.lanes import LANES
from runhook.worker.domain.policy import BACK_OFF
from runhook.worker.errors import LostWrites, StoreUnavailable
from runhook.worker.flows.pump import Pump, WorkerProfile
from runhook.worker.store import Again
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


def _posted(house: House) -> int:
    """What a round wakes that looks only where something is known to be due."""
    house.raw.delete("runhook:queue:fanout")
    return house.w.store.duties.pump("p", 3, thorough=False).posted


def test_it_looks_where_something_is_due_whatever_made_it_so(house: House) -> None:
    duties, lease = house.w.store.duties, LANES["fanout"].lease
    duties.wake("fanout", "later", after=5)
    assert _posted(house) == 0
    house.clock.advance(5)
    assert _posted(house) == 1
    held = duties.claim("fanout")
    assert held
    house.clock.advance(lease)
    assert _posted(house) == 1, "its lease ran out"
    held = duties.claim("fanout")
    assert held
    duties.put_down(held, Again(7))
    assert _posted(house) == 0
    house.clock.advance(7)
    assert _posted(house) == 1, "it was put down until now"
    held = duties.claim("fanout")
    assert held
    duties.fail(held, ZeroDivisionError())
    assert _posted(house) == 0
    house.clock.advance(BACK_OFF[0])
    assert _posted(house) == 1, "it failed, and is tried again"
    assert _posted(house) == 1, "and its message was lost"


def test_what_the_release_before_made_due_is_found_by_a_thorough_look(house: House) -> None:
    house.raw.zadd("runhook:due:fanout", {"theirs": 1})
    assert _posted(house) == 0
    assert house.w.store.duties.pump("p", 3).posted == 1


def test_while_nothing_is_due_a_round_is_a_few_commands_however_many_lanes(house: House) -> None:
    duties = house.w.store.duties
    for lane in LANES:
        duties.wake(lane, "later", after=3600)
    duties.pump("p", 3)

    def commands(process: str) -> int:
        before = int(house.raw.info("stats")["total_commands_processed"])
        duties.pump(process, 3, thorough=False)
        return int(house.raw.info("stats")["total_commands_processed"]) - before - 1

    assert commands("p") == 6
    duties.pump("other", 3)
    house.raw.set("runhook:pump", "one", px=60_000)
    duties.pump("other", 3)
    duties.pump("other", 3, thorough=False)  # opens a connection
    assert commands("other") == 3, "another process pumps"


def test_every_other_round_only_asks_whether_anything_is_due(house: House) -> None:
    pump = Pump(house.w, WorkerProfile(role="worker", threads=12))
    pump.round()
    before = house.raw.info("commandstats")["cmdstat_evalsha"]
    pump.round()
    assert house.raw.info("commandstats")["cmdstat_evalsha"]["calls"] == before["calls"]
    house.w.store.duties.wake("fanout", "a")
    pump.round()
    house.raw.delete("runhook:queue:fanout")
    assert pump.round() == 1, "what is due is looked at in each"


def test_whoever_only_looks_on_takes_over_and_notices_what_redis_lost(house: House) -> None:
    duties = house.w.store.duties
    duties.wake("fanout", "a")
    assert duties.claim("fanout")
    house.raw.set("runhook:pump", "another", px=60_000)
    assert duties.pump("p", 3).posted == 0
    house.raw.hset("runhook:line", "losses", 7)
    assert duties.pump("p", 3, thorough=False).loss == 7
    house.raw.hdel(f"runhook:hands:{house.w.store.memory.process}", "seen")
    with pytest.raises(LostWrites):
        duties.pump("p", 3, thorough=False)
    house.w.store.memory._fence = 0
    house.raw.delete("runhook:pump")
    duties.pump("p", 3, thorough=False)
    assert house.raw.get("runhook:pump") == b"p"


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
