"""A Redis that forgets: nothing is paid twice unsaid; an answer counts for its own departure."""

from dataclasses import replace
from typing import Any

import pytest

from runhook.worker import tasks
from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.reports import Accepted, Busy, NeverLeft
from runhook.worker.errors import LostWrites
from runhook.worker.flows.pump import Pump, WorkerProfile
from runhook.worker.flows.steps.departure import DepartureCheck
from runhook.worker.flows.steps.examine import _refused_after_all as _say_refused
from runhook.worker.flows.submit import _settle_answer
from runhook.worker.store import Claim, Lease
from runhook.worker.store.departures import Departures
from runhook.worker.store.durability import WAITS
from tests.claimed import claimed, hold
from tests.conftest import Build, House

REF = "2013508786110730241"
PROFILE = WorkerProfile(role="worker", threads=4)


def _at_its_turn(house: House, **more: Any) -> Job:
    job = house.ask(**more)
    house.lost = ["send"]
    house.settle()
    house.lost = []
    return house.job(job)


def _claimed(house: House, job: Job) -> Claim:
    claim = hold(house.w.store.duties, "send", f"{job.id}/1")
    assert claim
    return claim


def _left(house: House, job: Job) -> Claim:
    claim = _claimed(house, job)
    assert house.w.store.departures.mark_left(house.job(job), claim)
    return claim


Dump = dict[bytes, tuple[int, bytes]]


def _dump(house: House) -> Dump:
    keys = list(house.raw.scan_iter("*"))
    return {key: (max(0, house.raw.pttl(key)), house.raw.dump(key)) for key in keys}


def _go_back(house: House, dump: Dump) -> None:
    house.raw.flushall()
    for key, (ttl, value) in dump.items():
        house.raw.restore(key, ttl, value)


def _rounds(house: House, count: int = 3) -> Pump:
    pump = Pump(house.w, PROFILE)
    for _ in range(count):
        pump.round()
    return pump


def _alerts(house: House) -> list[str]:
    rows = [fields for _, fields in house.raw.xrange("runhook:events")]
    return [row[b"why"].decode() for row in rows if row[b"type"] == b"runhook.alert"]


def test_a_departure_that_redis_forgot_is_not_sent_again(house: House) -> None:
    pump = _rounds(house, 1)
    job = _at_its_turn(house)
    dump = _dump(house)
    _left(house, job)
    _go_back(house, dump)
    for _ in range(3):
        pump.round()
    found = house.job(job)
    assert found.state is State.UNCONFIRMED
    state = house.w.store.queue.state()
    assert state.paused
    assert "lost writes" in state.why_paused
    assert any(job.id in alert for alert in _alerts(house))
    house.later(120)
    assert house.sandbox.accepted() == 0


def test_an_answer_that_redis_forgot_is_written_down_again(house: House) -> None:
    house.sandbox.faults({"fault": "slow"})
    pump = _rounds(house, 1)
    job = house.ask()
    dump = _dump(house)
    house.until(job, "running")
    ref = house.job(job).attempt.ref
    _go_back(house, dump)
    assert house.job(job).state is State.QUEUED
    for _ in range(3):
        pump.round()
    found = house.job(job)
    assert (found.state, found.attempt.ref) == (State.RUNNING, ref)
    assert house.sandbox.accepted() == 1


def test_a_job_that_redis_forgot_altogether_is_named(house: House) -> None:
    pump = _rounds(house, 1)
    dump = _dump(house)
    job = house.until(house.ask(), "succeeded")
    _go_back(house, dump)
    for _ in range(3):
        pump.round()
    assert any(job.id in alert and str(job.attempt.ref) in alert for alert in _alerts(house))


def test_what_redis_says_of_who_may_leave_does_not_count_once_it_forgot(house: House) -> None:
    job = _at_its_turn(house)
    dump = _dump(house)
    claim = _claimed(house, job)
    _go_back(house, dump)
    with pytest.raises(LostWrites):
        house.w.store.departures.mark_left(house.job(job), claim)
    with pytest.raises(LostWrites), claimed(house.w.store.duties, "send", f"{job.id}/1"):
        pass


def test_the_queue_goes_on_when_its_owner_says_so_and_is_stopped_once(house: House) -> None:
    pump = _rounds(house, 1)
    job = _at_its_turn(house)
    dump = _dump(house)
    _left(house, job)
    _go_back(house, dump)
    for _ in range(3):
        pump.round()
    house.w.store.queue.pause(False)
    for _ in range(3):
        pump.round()
    assert not house.w.store.queue.state().paused
    other = house.ask()
    house.later(6)
    house.until(other, "succeeded")


def test_a_refusal_of_an_earlier_departure_says_nothing_of_the_later_one(house: House) -> None:
    job = _at_its_turn(house)
    first = _left(house, job)
    _settle_answer(
        house.w,
        job.id,
        1,
        Busy(code="421", message="full"),
        house.w.store.memory.departure(first.token),
    )
    house.w.store.duties.put_down(first)
    assert house.job(job).state is State.QUEUED
    house.lost = ["send"]
    house.later(6)
    house.lost = []
    second = _left(house, house.job(job))
    _settle_answer(
        house.w,
        job.id,
        1,
        Busy(code="421", message="full"),
        house.w.store.memory.departure(first.token),
    )
    assert house.job(job).state is State.SENDING
    house.later(31)
    assert house.job(job).state is State.UNCONFIRMED
    _settle_answer(
        house.w,
        job.id,
        1,
        Busy(code="421", message="full"),
        house.w.store.memory.departure(first.token),
    )
    assert house.job(job).state is State.UNCONFIRMED, "doubt is never dropped without proof"
    _settle_answer(house.w, job.id, 1, Accepted(REF), house.w.store.memory.departure(second.token))
    assert house.job(job).attempt.ref == REF


@pytest.mark.parametrize("renewed", [0.0, 100.0])
def test_a_process_that_was_stopped_past_its_lease_sends_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, renewed: float
) -> None:
    """Also when its lease was renewed as soon as it woke."""
    job = _at_its_turn(house)
    claim = _claimed(house, job)
    mark, lease = house.w.store.departures.mark_left, Lease(claim.until)

    def stopped_meanwhile(*args: Any) -> bool:
        said = mark(*args)
        woke = claim.until + 1
        monkeypatch.setattr("runhook.worker.flows.steps.departure.boot_time", lambda: woke)
        lease.until += renewed
        return said

    monkeypatch.setattr(house.w.store.departures, "mark_left", stopped_meanwhile)
    departing = DepartureCheck(house.w, claim, lease, house.job(job))
    assert not departing.may_leave()
    assert departing.held_up
    _settle_answer(
        house.w,
        job.id,
        1,
        NeverLeft(why="held up", again_in=5),
        house.w.store.memory.departure(claim.token),
    )
    assert house.job(job).state is State.QUEUED
    assert house.job(job).attempt.left_at is None


def test_the_server_is_asked_whether_a_departure_is_on_disk(build: Build) -> None:
    house = build(RUNHOOK_DURABLE="fsync")
    house.until(house.ask(), "succeeded")
    calls = house.raw.info("commandstats")
    assert calls["cmdstat_waitaof"]["calls"] >= 1


def test_without_a_replica_nothing_leaves_where_one_is_wanted(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WAITS, "replica", ("WAIT", 1, 50))
    house = build(RUNHOOK_DURABLE="replica")
    job = house.ask()
    house.settle()
    found = house.job(job)
    assert (found.state, found.attempt.left_at) == (State.QUEUED, None)
    assert house.sandbox.accepted() == 0
    state = house.w.store.queue.state()
    assert state.gate == "closed"
    assert "RUNHOOK_DURABLE" in state.why


def test_a_loss_is_noticed_however_far_others_have_counted_meanwhile(
    house: House, build: Build
) -> None:
    other = build()
    pump = _rounds(house, 1)
    job = _at_its_turn(house)
    dump = _dump(house)
    _left(house, job)
    _go_back(house, dump)
    for number in range(10):
        other.w.store.duties.wake("fanout", f"1-{number}")
    other.settle()
    for _ in range(3):
        pump.round()
    assert house.w.store.queue.state().paused
    assert house.job(job).state is State.UNCONFIRMED


def test_what_left_twice_before_anybody_noticed_is_a_risk_and_said(
    house: House, build: Build
) -> None:
    other = build()
    pump = _rounds(house, 1)
    job = _at_its_turn(house)
    dump = _dump(house)
    _left(house, job)
    _go_back(house, dump)
    assert other.w.store.departures.mark_left(other.job(job), _claimed(other, job))
    for _ in range(3):
        pump.round()
    assert house.job(job).history.risk
    assert any("left again" in alert for alert in _alerts(house))


def test_the_same_dump_restored_twice_is_two_losses(house: House) -> None:
    pump = _rounds(house, 1)
    job = _at_its_turn(house)
    dump = _dump(house)
    _left(house, job)
    for _ in range(2):
        _go_back(house, dump)
        for _ in range(3):
            pump.round()
        assert house.job(job).state is State.UNCONFIRMED
        assert house.w.store.queue.state().paused
    house.w.store.queue.pause(False)
    house.later(40)
    assert house.sandbox.accepted() == 0


def _refused_after_all(house: House, prover: House) -> Job:
    """A job that RunningHub answered with a task and a refusal, in the line again by proof."""
    house.sandbox.faults({"fault": "answer_both_refused", "times": 1})
    job = house.until(house.ask(), "unconfirmed")
    house.w.store.queue.pause(True)
    for wait in (2, 8, 20, 30):
        house.clock.advance(wait)
        prover.clock._seconds = house.clock._seconds
        prover.settle()
    assert "refused after all" in house.notes(job)
    assert house.job(job).state is State.QUEUED
    return job


@pytest.mark.parametrize("same", [True, False], ids=["here", "elsewhere"])
def test_a_refusal_that_was_proved_is_not_doubted_when_other_writes_are_lost(
    house: House, build: Build, same: bool
) -> None:
    job = _refused_after_all(house, house if same else build())
    dump = _dump(house)
    house.w.store.duties.wake("fanout", "1-1")
    house.settle()
    _go_back(house, dump)
    _rounds(house)
    assert house.w.store.queue.state().why_paused
    assert house.job(job).state is State.QUEUED
    assert not any(job.id in alert for alert in _alerts(house))
    house.w.store.queue.pause(False)
    house.raw.delete("runhook:pump")
    house.later(6)
    house.until(job, "succeeded")
    assert not house.job(job).history.risk
    assert house.sandbox.accepted() == 1


def test_a_departure_after_a_proved_refusal_is_not_the_second_of_two(
    house: House, build: Build
) -> None:
    job = _refused_after_all(house, build())
    house.w.store.queue.pause(False)
    house.later(6)
    house.until(job, "succeeded")
    dump = _dump(house)
    house.w.store.duties.wake("fanout", "1-1")
    house.settle()
    _go_back(house, dump)
    _rounds(house)
    assert not house.job(job).history.risk
    assert not any(job.id in alert for alert in _alerts(house))


def test_a_refusal_that_was_proved_here_is_known_although_redis_forgot_it(house: House) -> None:
    house.w.store.queue.pause(True)
    asked = house.ask()
    dump = _dump(house)
    house.w.store.queue.pause(False)
    house.sandbox.faults({"fault": "answer_both_refused", "times": 1})
    job = house.until(asked, "unconfirmed")
    house.w.store.queue.pause(True)
    for wait in (2, 8, 20, 30):
        house.later(wait)
    assert "refused after all" in house.notes(job)
    _go_back(house, dump)
    _rounds(house)
    assert house.job(job).state is State.QUEUED


def test_a_proof_against_an_earlier_departure_says_nothing_of_the_later_one(house: House) -> None:
    house.sandbox.faults({"fault": "answer_lost"}, {"fault": "callback_lost"})
    job = house.until(house.ask(), "unconfirmed")
    attempt = house.job(job).attempt
    _say_refused(house.w, job.id, replace(attempt, left_by="7.earlier"))
    assert house.job(job).state is State.UNCONFIRMED
    _say_refused(house.w, job.id, attempt)
    assert house.job(job).state is State.FAILED


def _a_child(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """This house is a child that runs handlers: it has no pump."""
    monkeypatch.setattr(tasks.process, "_wiring", house.w)
    monkeypatch.setattr(tasks.process, "pump", None)


@pytest.mark.parametrize("late", [False, True], ids=["at once", "after its owner went on"])
def test_a_child_without_a_pump_works_again_after_a_loss(
    house: House, build: Build, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    child, duties = build(), house.w.store.duties
    dump = _dump(house)
    for each in (house, child):
        duties.wake("fanout", "1-1")
        with claimed(each.w.store.duties, "fanout", "1-1") as claim:
            assert claim
    _go_back(house, dump)
    if late:
        _rounds(house)
        house.w.store.queue.pause(False)
    _a_child(child, monkeypatch)
    for _ in range(2):
        duties.wake("fanout", "1-2")
        tasks.attend("fanout", "1-2")
    assert not house.raw.zscore("runhook:due:fanout", "1-2")
    assert house.w.store.queue.state().paused is not late, "its owner knows of this loss already"


def test_an_answer_to_a_job_that_redis_forgot_meanwhile_is_said_with_its_task(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = _dump(house)
    job = house.ask()
    kind = type(house.w.client)
    submit = kind.submit

    def forgotten_meanwhile(*args: Any) -> Any:
        answer = submit(*args)
        _go_back(house, dump)
        return answer

    monkeypatch.setattr(kind, "submit", forgotten_meanwhile)
    with pytest.raises(LostWrites):  # the duty is of a Redis that is no more
        house.settle()
    (alert,) = _alerts(house)
    assert job.id in alert
    assert "as task" in alert


def test_a_request_whose_turn_was_over_before_it_knew_that_it_may_leave_never_left(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, mark_left = _at_its_turn(house), Departures.mark_left

    def hung(self: Departures, asked: Job, claim: Claim) -> bool:
        monkeypatch.setattr(Departures, "mark_left", mark_left)
        assert mark_left(self, asked, claim), "Redis wrote it down, and its reply is lost"
        house.later(60)
        assert house.job(job).state is State.UNCONFIRMED, "another holder decided meanwhile"
        return mark_left(self, asked, claim)

    monkeypatch.setattr(Departures, "mark_left", hung)
    house.later(60)
    house.later(6)
    house.until(job, "succeeded")
    assert house.sandbox.accepted() == 1
    assert house.job(job).attempt.n == 1


def test_what_a_paid_request_was_answered_is_kept_though_memory_ran_out(house: House) -> None:
    job = _at_its_turn(house)
    departure = house.w.store.memory.departure(_left(house, job).token)
    house.raw.config_set("maxmemory", 1)
    try:
        _settle_answer(house.w, job.id, 1, Accepted(REF), departure)
    finally:
        house.raw.config_set("maxmemory", 0)
    assert house.job(job).state is State.RUNNING
