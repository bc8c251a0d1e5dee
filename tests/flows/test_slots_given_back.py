"""A job in flight whose record is broken: its slot is given back, and what it is stays open."""

from contextlib import suppress

import pytest

from runhook.worker.domain.jobs import Job
from runhook.worker.domain.policy import BACK_OFF
from runhook.worker.errors import UnreadableRecord
from runhook.worker.flows.doctor import examine
from tests.conftest import Build, House, eventually

IN_FLIGHT = pytest.mark.parametrize("state", ["sending", "running", "unconfirmed"])


@pytest.fixture
def narrow(build: Build) -> House:
    """A house with one slot."""
    return build(RUNHOOK_CONCURRENCY=1, RUNHOOK_UNCONFIRMED_AFTER="60")


def _in_flight(house: House, state: str) -> Job:
    """A job that takes the one slot, and does not leave it by itself."""
    fault = "answer_lost" if state == "unconfirmed" else "slow"
    house.sandbox.faults({"fault": fault, "value": 600}, {"fault": "callback_lost"})
    house.lost = ["send"] if state == "sending" else []
    job = house.until(house.ask(), state)
    house.lost = []
    house.sandbox.faults()
    return job


def _spoil(house: House, job: Job) -> bytes:
    """Break a record for every version; what it was."""
    held: bytes = house.raw.hget(f"runhook:job:{job.id}", "life")
    house.raw.hset(f"runhook:job:{job.id}", "life", held[:-9])
    return held


def _mend(house: House, job: Job, held: bytes) -> None:
    house.raw.hset(f"runhook:job:{job.id}", "life", held)


def _wear_out(house: House) -> None:
    """Let duties fail until they are parked."""
    for wait in (60, *BACK_OFF, 60):
        with suppress(UnreadableRecord):
            house.later(wait)
    assert house.w.store.duties.parked()


def _slots(house: House) -> int:
    return house.w.store.queue.state().in_flight


def _says(house: House, what: str) -> str:
    return " ".join(found.says for found in examine(house.w, {}) if found.what == what)


def _alerts(house: House) -> list[str]:
    rows = [fields for _, fields in house.raw.xrange("runhook:events")]
    return [row[b"why"].decode() for row in rows if row[b"type"] == b"runhook.alert"]


@IN_FLIGHT
def test_a_slot_is_given_back_when_nobody_can_read_whose_it_is(narrow: House, state: str) -> None:
    house = narrow
    job = _in_flight(house, state)
    paid = house.sandbox.accepted()
    _spoil(house, job)
    before = house.raw.hgetall(f"runhook:job:{job.id}")
    other = house.ask()
    assert _slots(house) == 1
    _wear_out(house)
    house.until(other, "succeeded")
    assert _slots(house) == 0
    assert house.raw.hgetall(f"runhook:job:{job.id}") == before, "nothing was observed of it"
    assert house.sandbox.accepted() == paid + 1
    assert any(job.id in why and "slot is given back" in why for why in _alerts(house))
    assert "1 unreadable, which hold no slot" in _says(house, "queue")
    assert job.id in _says(house, "records")


@IN_FLIGHT
@pytest.mark.parametrize("how", ["release", "repair"])
def test_it_counts_again_when_its_record_was_mended(narrow: House, state: str, how: str) -> None:
    house = narrow
    job = _in_flight(house, state)
    paid = house.sandbox.accepted()
    held = _spoil(house, job)
    _wear_out(house)
    _mend(house, job, held)
    assert _slots(house) == 0
    duties = house.w.store.duties
    if how == "repair":
        assert house.w.store.upkeep.repair() > 0
    assert duties.release(duties.parked()) > 0
    assert (_slots(house), house.standing(state)) == (1, 1)
    assert house.w.store.upkeep.repair() == 0
    if state == "sending":
        house.until(job, "succeeded")
        paid += 1
    house.later(1)
    assert house.sandbox.accepted() == paid
    assert house.w.store.queue.state().unreadable == 0


def test_a_release_of_what_is_still_broken_takes_the_slot_for_that_one_try(narrow: House) -> None:
    house = narrow
    job = _in_flight(house, "running")
    _spoil(house, job)
    _wear_out(house)
    house.w.store.upkeep.repair()
    house.w.store.duties.release(house.w.store.duties.parked())
    assert _slots(house) == 1
    with suppress(UnreadableRecord):
        house.settle()
    assert _slots(house) == 0
    assert len(_alerts(house)) == 2


def test_news_of_it_after_it_was_mended_needs_no_release(narrow: House) -> None:
    """Its callback wakes it; its end is written down, and its slot is counted once."""
    house = narrow
    house.lost = ["intake"]
    job = house.until(house.ask(), "running")
    eventually(lambda: house.raw.exists(f"runhook:raw:{job.id}/1"))
    held = _spoil(house, job)
    _wear_out(house)
    _mend(house, job, held)
    house.lost = []
    house.later(31)
    assert house.job(job).state == "succeeded"
    assert (_slots(house), house.standing("running"), house.standing("succeeded")) == (0, 0, 1)
    assert house.w.store.queue.state().unreadable == 0
    assert house.w.store.upkeep.repair() == 0


def test_another_probes_in_place_of_a_probe_that_cannot_be_read(narrow: House) -> None:
    house = narrow
    house.sandbox.faults({"fault": "busy", "times": 1})
    probe = house.ask()
    house.settle()
    house.lost = ["send"]
    house.later(6)
    probe = house.job(probe)
    assert (probe.state, house.w.store.queue.state().gate) == ("sending", "probing")
    house.lost = []
    _spoil(house, probe)
    other = house.ask()
    _wear_out(house)
    house.until(other, "succeeded")


def test_a_record_of_a_newer_version_keeps_its_slot(narrow: House) -> None:
    house = narrow
    job = _in_flight(house, "running")
    held = house.raw.hget(f"runhook:job:{job.id}", "life")
    house.raw.hset(f"runhook:job:{job.id}", "life", b'{"v":99,"needs":99,' + held[1:])
    for _ in range(30):
        house.later(60)
    assert _slots(house) == 1
    assert not house.w.store.duties.parked()
