"""Duties: claimed by one, woken by many, never lost."""

import json
from math import inf

import orjson
import pytest

from runhook.worker.domain.lanes import LANES
from runhook.worker.domain.policy import BACK_OFF, DRAINER_SURE_MS, PARKED_AFTER, SOON
from runhook.worker.store import Again
from runhook.worker.store.claims import Claim, Turn
from tests.claimed import claimed, hold
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
    house.raw.delete("runhook:queue:fanout")
    with claimed(duties, "fanout", "a"):
        duties.wake("fanout", "a")
        assert _messages(house) == 0, "whoever holds it hears of it"
    assert _messages(house) == 1
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
    dead = hold(duties, "fanout", "a")
    assert dead
    house.clock.advance(LANES["fanout"].lease + 1)
    house.raw.delete("runhook:queue:fanout")
    assert duties.pump("p", 3).posted == 1
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
    duties = house.w.store.duties
    duties.wake("fanout", "a")
    duties.pump("p", 3)
    assert _messages(house) == 1, "the one that is there will do"
    house.raw.delete("runhook:queue:fanout")
    duties.pump("p", 3)
    assert _messages(house) == 1


def test_what_becomes_due_by_time_wakes_its_lane_and_only_as_often_as_there_are_threads(
    house: House,
) -> None:
    house.w.store.processes.beat("worker", "one", 12)
    for number in range(50):
        house.w.store.duties.wake("send", str(number), after=1)
        house.w.store.duties.wake("fanout", str(number), after=1)
    assert house.w.store.duties.pump("p", 3).posted == 0
    house.clock.advance(2)
    for _ in range(3):
        house.w.store.duties.pump("p", 3)
    assert (_messages(house, "send"), _messages(house)) == (3, LANES["fanout"].drainers)


def test_a_lane_that_somebody_works_through_is_not_woken(house: House) -> None:
    duties = house.w.store.duties
    duties.wake("fanout", "a")
    house.raw.delete("runhook:queue:fanout")
    drainer = duties.claim("fanout")
    assert drainer
    duties.wake("fanout", "b")
    assert duties.pump("p", 3).posted == 0
    drainer.turn.ends = inf
    duties.put_down(drainer)
    following = drainer.turn.next
    assert following
    assert following.id == "b"
    duties.put_down(following)
    duties.wake("fanout", "c")
    assert _messages(house) == 1, "it rests"


def test_a_lane_whose_drainer_was_killed_is_woken_within_seconds(house: House) -> None:
    duties = house.w.store.duties
    duties.wake("fanout", "a")
    house.raw.delete("runhook:queue:fanout")
    assert duties.claim("fanout")
    duties.wake("fanout", "b")
    house.clock.advance(DRAINER_SURE_MS / 1000)
    assert duties.pump("p", 3).posted == 1


def test_a_drainer_that_rests_leaves_what_is_due_to_another(house: House) -> None:
    duties = house.w.store.duties
    drainer = _begun(house)
    house.raw.delete("runhook:queue:fanout")
    duties.put_down(drainer)
    assert drainer.turn.next is None
    assert _messages(house) == 1


def test_what_has_been_due_longest_is_claimed_first(house: House) -> None:
    duties = house.w.store.duties
    for number in (3, 1, 2):
        duties.wake("fanout", str(number), after=number)
    house.clock.advance(5)
    found = [duties.claim("fanout") for _ in range(4)]
    assert [claim and claim.id for claim in found] == ["1", "2", "3", None]


def test_one_process_pumps_at_a_time(house: House) -> None:
    duties = house.w.store.duties
    duties.pump("one", 0.2)
    duties.wake("fanout", "a", after=0.001)
    house.clock.advance(1)
    assert duties.pump("other", 0.2).posted == 0
    house.raw.delete("runhook:pump")
    assert duties.pump("other", 0.2).posted == 1


def test_a_wake_up_names_a_duty_that_is_due_for_workers_that_look_at_no_other(house: House) -> None:
    """Those of the release before do."""

    def named() -> list[str]:
        found = house.raw.lrange("runhook:queue:fanout", 0, -1)
        house.raw.delete("runhook:queue:fanout")
        return [json.loads(json.loads(message)["body"])[0][0] for message in found]

    duties = house.w.store.duties
    duties.wake("fanout", "a")
    assert named() == ["a"]
    duties.pump("p", 3)
    assert named() == ["a"]
    claim = duties.claim("fanout")
    assert claim
    duties.wake("fanout", "b")
    duties.put_down(claim)
    assert named() == ["b"], "whoever rests names the next"


def test_a_wake_up_begins_with_the_duty_that_it_names(house: House) -> None:
    duties = house.w.store.duties
    for name in "ab":
        duties.wake("fanout", name)
    first = duties.claim("fanout", first="b")
    then = duties.claim("fanout", first="b")
    assert first
    assert then
    assert (first.id, then.id) == ("b", "a")


def test_every_message_has_a_tag_of_its_own(house: House) -> None:
    house.w.store.processes.beat("worker", "one", 12)
    for number in range(3):
        house.w.store.duties.wake("send", str(number))
    tags = {
        json.loads(message)["properties"]["delivery_tag"]
        for message in house.raw.lrange("runhook:queue:send", 0, -1)
    }
    assert len(tags) == 3


def _begun(house: House) -> Claim:
    """A duty that is held, while another of its lane has come."""
    duties = house.w.store.duties
    duties.wake("fanout", "a")
    claim = duties.claim("fanout")
    assert claim
    duties.wake("fanout", "b")
    return claim


def _failing(house: House, duty: str = "a", lane: str = "fanout") -> bool:
    """Have a duty that is due fail; whether it could be claimed."""
    with claimed(house.w.store.duties, lane, duty) as claim:
        if claim is None:
            return False
        raise ZeroDivisionError("no \ud83d way")


def test_a_claim_whose_answer_was_lost_is_the_claimers_when_it_asks_again(house: House) -> None:
    duties = house.w.store.duties
    duties.wake("fanout", "a")
    _, who = duties._claimer("fanout", Turn())

    def asked(**other: str) -> list[bytes]:
        return list(duties._scripts.run("claim", orjson.dumps(who | other))[0])

    answer = asked()
    assert answer[:2] == [b"claimed", b"a"]
    assert asked() == asked(first="a") == answer
    assert asked(nonce="beef") == asked(nonce="beef", first="a") == [b"none"]


def test_the_next_duty_whose_name_was_lost_is_the_drainers_when_it_asks_again(house: House) -> None:
    duties = house.w.store.duties
    claim = _begun(house)
    claim.turn.ends = inf
    order = orjson.dumps(duties.closing(claim).order)
    first, again = (duties._scripts.run("finish", order) for _ in range(2))
    assert first[0] == b"done"
    assert again == [b"stale", first[1]]


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
    assert parked.why == "an unforeseen error: no � way"
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
        assert hold(duties, "fanout", "a")
        house.clock.advance(LANES["fanout"].lease + 1)
    with claimed(duties, "fanout", "a") as claim:
        assert claim is None
    assert [parked.id for parked in duties.parked()] == ["a"]


def test_the_pump_counts_those_who_never_came_back(house: House) -> None:
    duties = house.w.store.duties
    duties.wake("fanout", "a")
    for _ in range(PARKED_AFTER):
        duties.pump("p", 3)
        house.raw.delete("runhook:queue:fanout")
        assert duties.claim("fanout")
        house.clock.advance(LANES["fanout"].lease + 1)
    duties.pump("p", 3)
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
        assert hold(duties, "line", "line")
        house.clock.advance(LANES["line"].lease + 1)
    assert duties.parked() == []


def test_another_process_loads_no_scripts_of_its_own(house: House, build: Build) -> None:
    def cached() -> int:
        return int(house.raw.info("memory")["number_of_cached_scripts"])

    house.w.store.duties.wake("fanout", "a")
    before = cached()
    other = build(RUNHOOK_CONCURRENCY=3, CELERY_BROKER_URL="amqp://127.0.0.1:1//")
    other.w.store.duties.wake("fanout", "b")
    assert cached() == before
