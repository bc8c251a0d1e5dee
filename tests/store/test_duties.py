"""Duties: claimed by one, woken by many, never lost."""

import json

import pytest

from runhook.worker.domain.lanes import LANES
from runhook.worker.domain.policy import BACK_OFF, PARKED_AFTER, SOON
from runhook.worker.store import Again
from tests.claimed import claimed
from tests.conftest import Build, House


def _messages(house: House, lane: str = "fanout") -> int:
    return int(house.raw.llen(f"runhook:queue:{lane}"))


def test_a_duty_woken_twice_is_posted_once(house: House) -> None:
    house.w.store.duties.wake("fanout", "a")
    house.w.store.duties.wake("fanout", "a")
    assert _messages(house) == 1


def test_one_of_two_holders_gets_the_duty(house: House) -> None:
    duties = house.w.store.duties
    duties.wake("fanout", "a")
    with claimed(duties, "fanout", "a") as first, claimed(duties, "fanout", "a") as second:
        assert first
        assert second is None


def test_a_duty_that_is_done_cannot_be_claimed_again(house: House) -> None:
    duties = house.w.store.duties
    duties.wake("fanout", "a")
    with claimed(duties, "fanout", "a"):
        pass
    with claimed(duties, "fanout", "a") as again:
        assert again is None


def test_a_wake_up_while_it_is_held_makes_it_run_again(house: House) -> None:
    duties = house.w.store.duties
    duties.wake("fanout", "a")
    with claimed(duties, "fanout", "a"):
        duties.wake("fanout", "a")
    assert _messages(house) == 2
    with claimed(duties, "fanout", "a") as again:
        assert again


def test_a_later_wake_up_while_it_is_held_is_kept_for_its_time(house: House) -> None:
    duties = house.w.store.duties
    duties.wake("fanout", "a")
    with claimed(duties, "fanout", "a"):
        duties.wake("fanout", "a", after=40)
        duties.wake("fanout", "a", after=20)
    with claimed(duties, "fanout", "a") as early:
        assert early is None
    house.clock.advance(20)
    with claimed(duties, "fanout", "a") as due:
        assert due


def test_the_sooner_of_what_holder_and_waker_want_counts(house: House) -> None:
    duties = house.w.store.duties
    duties.wake("fanout", "a")
    with claimed(duties, "fanout", "a") as claim:
        assert claim
        duties.wake("fanout", "a", after=40)
        duties.put_down(claim, Again(10))
    house.clock.advance(10)
    with claimed(duties, "fanout", "a") as due:
        assert due


def test_a_scheduled_duty_is_not_run_early_by_an_old_message(house: House) -> None:
    duties = house.w.store.duties
    duties.wake("fanout", "a")
    with claimed(duties, "fanout", "a") as claim:
        assert claim
        duties.put_down(claim, Again(300))
    with claimed(duties, "fanout", "a") as early:
        assert early is None


def test_a_holder_that_died_loses_the_duty_when_its_lease_runs_out(house: House) -> None:
    duties = house.w.store.duties
    duties.wake("fanout", "a")
    dead = duties.hold("fanout", "a")
    assert dead
    house.clock.advance(LANES["fanout"].lease + 1)
    assert duties.pump("p", 3, [("fanout", 10)]).posted == 1
    with claimed(duties, "fanout", "a") as heir:
        assert heir
        assert int(heir.token) > int(dead.token)
        duties.put_down(dead)
        assert not duties.renew(dead)
        with claimed(duties, "fanout", "a") as third:
            assert third is None, "the dead holder could not put down what the heir holds"


def test_a_block_that_raises_leaves_the_duty_to_be_woken_again(house: House) -> None:
    duties = house.w.store.duties
    duties.wake("fanout", "a")
    with pytest.raises(RuntimeError), claimed(duties, "fanout", "a"):
        raise RuntimeError
    house.clock.advance(LANES["fanout"].lease + 1)
    with claimed(duties, "fanout", "a") as again:
        assert again


def test_a_lost_message_is_posted_again_by_the_pump(house: House) -> None:
    house.w.store.duties.wake("fanout", "a")
    house.raw.delete("runhook:queue:fanout")
    house.w.store.duties.pump("p", 3, [("fanout", 10)])
    assert _messages(house) == 0, "it still has its thirty seconds"
    house.clock.advance(31)
    house.w.store.duties.pump("p", 3, [("fanout", 10)])
    assert _messages(house) == 1


def test_the_pump_fills_a_queue_to_its_measure_and_no_further(house: House) -> None:
    for number in range(50):
        house.w.store.duties.wake("fanout", str(number), after=1)
    house.clock.advance(2)
    for _ in range(3):
        house.w.store.duties.pump("p", 3, [("fanout", 8)])
    assert _messages(house) == 8


def test_one_process_pumps_at_a_time(house: House) -> None:
    duties = house.w.store.duties
    duties.wake("fanout", "a", after=0.001)
    house.clock.advance(1)
    room = [("fanout", 10)]
    assert duties.pump("one", 0.2, []).posted == 0
    assert duties.pump("other", 0.2, room).posted == 0
    house.raw.delete("runhook:pump")
    assert duties.pump("other", 0.2, room).posted == 1


def test_every_message_has_a_tag_of_its_own(house: House) -> None:
    for number in range(3):
        house.w.store.duties.wake("fanout", str(number))
    tags = {
        json.loads(message)["properties"]["delivery_tag"]
        for message in house.raw.lrange("runhook:queue:fanout", 0, -1)
    }
    assert len(tags) == 3


def _failing(house: House, duty: str = "a", lane: str = "fanout") -> bool:
    """Have a duty that is due fail; whether it could be claimed."""
    with claimed(house.w.store.duties, lane, duty) as claim:
        if claim is None:
            return False
        raise ZeroDivisionError("no \ud83d way")


def test_a_claim_whose_answer_was_lost_is_the_claimers_when_it_asks_again(house: House) -> None:
    duties = house.w.store.duties
    duties.wake("fanout", "a")
    asked = ("claim", "fanout", "a", 30_000, "c0ffee", PARKED_AFTER, "me", 0)
    scripts = duties._scripts
    first, again = scripts.words(*asked), scripts.words(*asked)
    assert first == again
    assert first[0] == "claimed"
    assert scripts.words(*asked[:4], "beef", PARKED_AFTER, "me", 0)[0] == "held"


def test_what_fails_is_looked_at_again_ever_later_and_parked_in_the_end(house: House) -> None:
    duties = house.w.store.duties
    duties.wake("fanout", "a")
    for wait in BACK_OFF:
        with pytest.raises(ZeroDivisionError):
            _failing(house)
        house.clock.advance(wait - 1)
        assert not _failing(house)
        house.clock.advance(1)
    with pytest.raises(ZeroDivisionError):
        _failing(house)
    (parked,) = duties.parked()
    assert (parked.lane, parked.id, parked.failures) == ("fanout", "a", PARKED_AFTER)
    assert parked.why == "ZeroDivisionError: no � way"
    house.clock.advance(3600)
    assert not _failing(house)
    assert house.events() == ["runhook.alert"]


def test_a_parked_duty_that_is_released_has_one_more_try(house: House) -> None:
    duties = house.w.store.duties
    duties.wake("fanout", "a")
    for wait in (*BACK_OFF, 0):
        with pytest.raises(ZeroDivisionError):
            _failing(house)
        house.clock.advance(wait)
    assert duties.release(duties.parked()) == 1
    assert duties.release(duties.parked()) == 0
    with pytest.raises(ZeroDivisionError):
        _failing(house)
    assert len(duties.parked()) == 1
    duties.wake("fanout", "a")
    with claimed(duties, "fanout", "a") as claim:
        assert claim
    assert duties.parked() == []


def test_a_duty_that_kills_whoever_works_on_it_is_parked_too(house: House) -> None:
    duties = house.w.store.duties
    duties.wake("fanout", "a")
    for _ in range(PARKED_AFTER):
        assert duties.hold("fanout", "a")
        house.clock.advance(LANES["fanout"].lease + 1)
    with claimed(duties, "fanout", "a") as claim:
        assert claim is None
    assert [parked.id for parked in duties.parked()] == ["a"]


def test_the_pump_counts_those_who_never_came_back(house: House) -> None:
    duties = house.w.store.duties
    duties.wake("fanout", "a")
    for _ in range(PARKED_AFTER):
        duties.pump("p", 3, [("fanout", 10)])
        house.raw.delete("runhook:queue:fanout")
        assert duties.hold("fanout", "a")
        house.clock.advance(LANES["fanout"].lease + 1)
    duties.pump("p", 3, [("fanout", 10)])
    with claimed(duties, "fanout", "a") as claim:
        assert claim is None
    assert [parked.id for parked in duties.parked()] == ["a"]


def test_success_forgives_earlier_failures(house: House) -> None:
    duties = house.w.store.duties
    for _ in range(PARKED_AFTER + 1):
        duties.wake("fanout", "a")
        with pytest.raises(ZeroDivisionError):
            _failing(house)
        house.clock.advance(BACK_OFF[0])
        with claimed(duties, "fanout", "a") as claim:
            assert claim
    assert duties.parked() == []


def test_what_everybody_depends_on_is_never_parked(house: House) -> None:
    duties = house.w.store.duties
    for _ in range(PARKED_AFTER + 2):
        duties.wake("line", "line")
        with pytest.raises(ZeroDivisionError):
            _failing(house, "line", lane="line")
        house.clock.advance(SOON)
    for _ in range(PARKED_AFTER + 2):
        assert duties.hold("line", "line")
        house.clock.advance(LANES["line"].lease + 1)
    assert duties.parked() == []


def test_another_process_loads_no_scripts_of_its_own(house: House, build: Build) -> None:
    def cached() -> int:
        return int(house.raw.info("memory")["number_of_cached_scripts"])

    house.w.store.duties.wake("fanout", "a")
    before = cached()
    other = build(RUNHOOK_CONCURRENCY=3, CELERY_BROKER_URL="memory://")
    other.w.store.duties.wake("fanout", "b")
    assert cached() == before
