"""Who waits for whom: those who hang share few places, those who fail rest, the quick are told."""

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

from runhook.worker.delivery import subscriptions
from runhook.worker.delivery.telling import deliver_to_subscriber
from runhook.worker.domain import policy
from runhook.worker.domain.events import Outcome
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.domain.jobs import Job
from runhook.worker.domain.lanes import LANES
from runhook.worker.domain.receivers import (
    Health,
    Verdict,
    after,
    after_telling,
    share,
)
from runhook.worker.flows.pump import published
from runhook.worker.net.outbound import SECONDS
from runhook.worker.store import Attempted, Claim, DeliveryResult, Hand, Subscription
from tests.claimed import claimed
from tests.conftest import Build, House
from tests.receiver import Receiver


def _subscribe(house: House, url: str, **more: Any) -> tuple[Subscription, str]:
    given = {"url": url, "events": ["job.succeeded"], **more}
    return subscriptions.create(house.w, subscriptions.read_new(house.w, given))


def _held_back(build: Build, receiver: Receiver) -> tuple[House, Subscription]:
    """A house with a subscription whose deliveries nobody works on."""
    house = build(RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_RETRY_SCHEDULE="0,10")
    made, _ = _subscribe(house, receiver.url)
    house.lost = ["subscribers"]
    return house, made


def _ended(house: House, **more: Any) -> Job:
    return house.until(house.ask(**more), "succeeded")


def test_an_endpoint_that_fails_nearly_always_rests_and_one_probe_wakes_it(
    build: Build, receiver: Receiver
) -> None:
    house = build(RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_RETRY_SCHEDULE="0,1,1,1,1,1,1")
    made, _ = _subscribe(house, receiver.url)
    receiver.answers(503)
    for _ in range(policy.LEAST_JUDGED):
        assert house.w.store.subscriptions.health(made.id).rests_until is None
        _ended(house)
    tried = len(receiver.requests)
    _ended(house)
    house.later(3)
    assert len(receiver.requests) == tried, "it is left alone"
    assert house.w.store.subscriptions.health(made.id).rests_until
    house.w.store.duties.wake("subscribers", f"{made.id}/1")
    house.settle()
    assert len(receiver.requests) == tried, "whoever wakes it"
    house.later(3)
    assert len(receiver.requests) == tried + 1, "one probe"
    house.later(6)
    assert len(receiver.requests) == tried + 1, "which failed, so it rests twice as long"
    receiver.answers(200)
    house.later(5)
    house.later(2)
    ends = policy.LEAST_JUDGED + 1
    assert sorted(receiver.types()[-ends:]) == ["job.succeeded"] * ends
    assert house.w.store.deliveries.count("done", made.id) == ends
    assert house.w.store.subscriptions.health(made.id).failing_since is None


def test_an_endpoint_that_rests_is_tried_by_one_slot_at_a_time(
    build: Build, receiver: Receiver
) -> None:
    house = build(RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_RETRY_SCHEDULE="0,1,1")
    house.w.store.processes.beat("worker", "machine:1", 32)
    made, _ = _subscribe(house, receiver.url)
    receiver.answers(500)
    for _ in range(policy.LEAST_JUDGED):
        _ended(house)
    assert house.w.store.subscriptions.health(made.id).rests_until
    house.clock.advance(31)
    duties, store = house.w.store.duties, house.w.store.delivering
    duties.wake("subscribers", f"{made.id}/2")
    with claimed(duties, "subscribers", f"{made.id}/1") as one:
        assert one
        assert store.take(one)
        with claimed(duties, "subscribers", f"{made.id}/2") as two:
            assert two
            assert store.take(two) is None


def test_an_endpoint_that_fails_half_of_the_time_is_never_left_alone(
    build: Build, receiver: Receiver
) -> None:
    house = build(RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_RETRY_SCHEDULE="0" + ",1" * 29)
    made, _ = _subscribe(house, receiver.url)
    receiver.answers(*[500, 500, 200, 500, 200, 200] * 20)
    for _ in range(30):
        _ended(house)
        assert house.w.store.subscriptions.health(made.id).rests_until is None
        house.later(1)
    for _ in range(12):
        house.later(2)
    assert house.w.store.deliveries.count("done", made.id) == 30


def _record(house: House, claim: Claim, hand: Hand, result: DeliveryResult) -> None:
    """Write down how the first that a slot has in hand was told."""
    told = Attempted(taken=hand.taken[0], result=result)

    def judge(health: Health) -> Verdict:
        return after(health, result.outcome, told.taken.delivery.id, house.clock.now())

    closing = house.w.store.duties.closing(claim)
    house.w.store.delivering.record(claim, hand, [told], [], judge=judge, closing=closing)


def test_a_holder_that_is_heard_late_leaves_slot_and_place_to_whoever_has_the_delivery_now(
    build: Build, receiver: Receiver
) -> None:
    house, made = _held_back(build, receiver)
    _ended(house)
    good = Outcome(word="done", took=0.1, status=200)
    told = DeliveryResult(state="done", outcome=good)
    store, duties = house.w.store.delivering, house.w.store.duties
    with claimed(duties, "subscribers", f"{made.id}/1") as first:
        assert first
        late = store.take(first)
        house.clock.advance(LANES["subscribers"].attempt_lost_after + 1)
        with claimed(duties, "subscribers", f"{made.id}/1") as second:
            assert second
            there = store.take(second)
            for claim, taken in ((first, late), (second, there)):
                assert isinstance(taken, Hand)
                _record(house, claim, taken, told)
    assert not house.raw.hgetall(f"runhook:held:{made.id}")
    assert not house.raw.zrange("runhook:telling:subscribers", 0, -1)


def _clog(house: House, count: int) -> list[str]:
    """So many subscribers that get a delivery and do not answer: their ids."""
    house.w.store.processes.beat("worker", "machine:1", 32)
    house.lost = ["subscribers"]
    stuck = [_subscribe(house, "http://127.0.0.1:9/hook")[0].id for _ in range(count)]
    _ended(house)
    for name in stuck:
        looking = claimed(house.w.store.duties, "subscribers", f"{name}/1")
        claim = looking.__enter__()
        assert claim
        if house.w.store.delivering.take(claim) is None:
            looking.__exit__(None, None, None)
    house.lost = []
    return stuck


def test_those_who_hang_hold_only_their_share_and_the_quick_are_told(
    build: Build, receiver: Receiver
) -> None:
    house = build(RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_RETRY_SCHEDULE="0,1")
    quick, _ = _subscribe(house, receiver.url)
    _ended(house)
    mine = share("subscribers", policy.OVERFLOW_THREADS)
    stuck = _clog(house, mine.new + 9)
    assert house.raw.zcard("runhook:telling:subscribers") == mine.new, "however many there are"
    assert house.raw.zcard("runhook:waiting:subscribers:new") == 9
    with claimed(house.w.store.duties, "subscribers", f"{quick.id}/1") as claim:
        assert claim
        deliver_to_subscriber(house.w, claim)
    assert house.w.store.deliveries.count("done", quick.id) == 2
    assert house.w.store.deliveries.count("pending", stuck[-1]) == 1, "it waits for a place"


def test_fifty_handlers_that_hang_from_their_first_event_on_leave_a_new_one_its_place(
    build: Build,
) -> None:
    names = [f"new{number:02d}" for number in range(51)]
    registry = Registry()
    for name in names:
        registry.add(
            Handler(name=name, types=("job.succeeded",), model=None, target=lambda event: None)
        )
    house = build(registry)
    house.w.store.processes.publish_handlers(published(house.w))
    house.w.store.processes.beat("handlers", "machine:1", 16, hands=64)
    house.lost = ["handlers"]
    _ended(house)
    with ExitStack() as held:
        for name in names:
            claim = held.enter_context(claimed(house.w.store.duties, "handlers", f"{name}/1"))
            assert claim
            assert house.w.store.delivering.take(claim), name
            house.clock.advance(0.1)
            again = held.enter_context(claimed(house.w.store.duties, "handlers", f"{name}/2"))
            assert again is None or house.w.store.delivering.take(again) is None, "one is enough"


def test_who_waits_for_a_place_is_called_when_one_is_free(build: Build) -> None:
    house = build(RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_RETRY_SCHEDULE="0,999")
    stuck = _clog(house, share("subscribers", policy.OVERFLOW_THREADS).new + 2)
    waiting = house.raw.zrange("runhook:waiting:subscribers:new", 0, -1)
    assert waiting == [f"{name}/1".encode() for name in stuck[-2:]]
    house.later(LANES["subscribers"].attempt_lost_after + 1)
    for name in stuck[-2:]:
        (delivery,) = next(iter(house.w.store.deliveries.listed("pending", name, None)))
        assert len(delivery.tries) == 1
    assert house.raw.exists("runhook:waiting:subscribers:new", "runhook:telling:subscribers") == 0


def test_one_that_hangs_today_shares_with_the_slow_until_it_is_quick_again() -> None:
    health = Health()
    for took in (0.1, 15.0):
        health = after_telling(health, Outcome(word="done", took=took))
    assert health.pace == "slow"
    for _ in range(4):
        health = after_telling(health, Outcome(word="done", took=0.1))
    assert health.pace == "quick"


def test_no_attempt_counts_as_lost_while_it_may_still_come_back() -> None:
    assert LANES["subscribers"].attempt_lost_after > SECONDS
    assert LANES["handlers"].attempt_lost_after > policy.HANDLER_LONGEST + 10


def test_a_delivery_whose_record_is_gone_keeps_none_behind_it_waiting(
    build: Build, receiver: Receiver
) -> None:
    house = build(RUNHOOK_ALLOW_PRIVATE_URLS="true")
    made, _ = _subscribe(house, receiver.url)
    house.lost = ["subscribers"]
    _ended(house)
    (lost,) = house.raw.zrange(f"runhook:outbox:{made.id}", 0, -1)
    house.raw.delete(b"runhook:delivery:" + lost)
    _ended(house)
    house.lost = []
    house.settle()
    assert len(receiver.requests) == 1
    assert house.raw.zcard(f"runhook:outbox:{made.id}") == 0


def test_an_outcome_whose_writing_is_sent_again_counts_once(
    build: Build, receiver: Receiver
) -> None:
    house, made = _held_back(build, receiver)
    job = _ended(house)
    outcome = Outcome(word="failed", took=0.1, why="it answered HTTP 500", status=500)
    turn = DeliveryResult(state="pending", outcome=outcome, again_in=10)
    with claimed(house.w.store.duties, "subscribers", f"{made.id}/1") as claim:
        assert claim
        taken = house.w.store.delivering.take(claim)
        assert isinstance(taken, Hand)
        for _ in range(2):
            _record(house, claim, taken, turn)
    assert house.w.store.subscriptions.health(made.id).recent == "-"
    assert house.notes(job).count("delivery failed") == 1


def test_two_slots_that_fail_together_both_count(build: Build, receiver: Receiver) -> None:
    house = build(RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_RETRY_SCHEDULE="0,10")
    house.w.store.processes.beat("worker", "machine:1", 32)
    made, _ = _subscribe(house, receiver.url)
    _ended(house)
    house.lost = ["subscribers"]
    _ended(house)
    _ended(house)
    outcome = Outcome(word="failed", took=0.1, why="it answered HTTP 500", status=500)
    turn = DeliveryResult(state="pending", outcome=outcome, again_in=10)
    duties, store = house.w.store.duties, house.w.store.delivering
    with claimed(duties, "subscribers", f"{made.id}/1") as one:
        assert one
        first = store.take(one)
        with claimed(duties, "subscribers", f"{made.id}/2") as two:
            assert two
            second = store.take(two)
            assert isinstance(first, Hand)
            assert isinstance(second, Hand)
            for claim, taken in ((one, first), (two, second)):
                _record(house, claim, taken, turn)
    health = house.w.store.subscriptions.health(made.id)
    assert (health.recent, len(health.failed)) == ("+--", 2)


def test_who_never_came_back_shares_with_the_slow(build: Build, receiver: Receiver) -> None:
    house = build(RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_RETRY_SCHEDULE="0,10")
    stuck = _clog(house, 1)
    house.clock.advance(LANES["subscribers"].attempt_lost_after + 1)
    house.lost = ["subscribers"]
    with claimed(house.w.store.duties, "subscribers", f"{stuck[0]}/1") as claim:
        assert claim
        assert house.w.store.delivering.take(claim)
    now = str(round(house.clock.now().timestamp() * 1000))
    assert house.raw.zcount("runhook:slow:subscribers", "-inf", now) == 1, "from the first moment"


def test_a_probe_that_heard_ends_the_rest_but_not_what_was_asked_for() -> None:
    health, now = Health(), datetime.now(UTC)
    for number in range(policy.LEAST_JUDGED):
        health = after(health, Outcome(word="failed", took=0.1), f"dlv_{number}", now).health
    assert (health.rest, health.rests_until) == (
        policy.RECEIVER_REST,
        now + timedelta(seconds=policy.RECEIVER_REST),
    )
    asks = Outcome(word="again", took=0.1, after=60.0)
    health = after(health, asks, "dlv_0", now + timedelta(seconds=policy.RECEIVER_REST)).health
    assert health.rest == 2 * policy.RECEIVER_REST
    heard = after(
        health, Outcome(word="done", took=0.1), "dlv_0", now + timedelta(seconds=20)
    ).health
    assert (heard.recent, heard.rest, heard.failing_since) == ("+", None, None)
    assert heard.left_alone_until == now + timedelta(seconds=policy.RECEIVER_REST + 60)
