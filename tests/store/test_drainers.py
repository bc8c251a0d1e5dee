"""Working through a lane: nothing that is due waits for somebody who is not there."""

import threading
import time
from math import inf
from typing import Any

import orjson
import pytest

from runhook.worker.delivery import subscriptions, telling
from runhook.worker.domain import policy
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.domain.lanes import LANES
from runhook.worker.errors import LostWrites, StoreUnavailable
from runhook.worker.flows import follow_up
from runhook.worker.flows.drain import Shift, drain
from runhook.worker.flows.lanes import FLOWS
from runhook.worker.flows.pump import published
from runhook.worker.net.watch import Watch
from runhook.worker.store import Arrival, Change, Claim, records
from runhook.worker.store.claims import Turn
from tests.conftest import Build, House, eventually
from tests.receiver import Receiver
from tests.store.test_lost_replies import Line, line

__all__ = ["line"]  # a fixture of that file
NEWER = records.VERSION + 1


def _messages(house: House, lane: str) -> int:
    return int(house.raw.llen(f"runhook:queue:{lane}"))


def _begun(house: House, lane: str, *duties: str) -> Claim:
    """Duties of a lane, the first of them claimed by somebody who takes the next too."""
    for duty in duties:
        house.w.store.duties.wake(lane, duty)
    claim = house.w.store.duties.claim(lane)
    assert claim
    claim.turn.ends = inf
    return claim


def _linger(house: House) -> None:
    """Have this thread linger in a lane in which nothing is due."""
    claim = _begun(house, "fanout", "a")
    claim.turn.lingers = True
    house.w.store.duties.put_down(claim)
    house.raw.delete("runhook:queue:fanout")


def _seconds_until_woken(house: House, lane: str) -> float:
    waited = 0.0
    while not _messages(house, lane) and waited < 20:
        house.clock.advance(0.5)
        waited += 0.5
        house.w.store.duties.pump("p", 3)
    return waited


def test_a_change_whose_reply_was_lost_is_done_once_and_said_to_be(line: Line) -> None:
    job = line.house.ask()
    line.house.w.store.jobs.change(job.id, lambda found: Change(job=found))
    store = line.asks_twice()
    word, _ = store.jobs.change(job.id, lambda found: Change(job=found))
    assert (line.lost, word) == (1, "done")


def test_what_took_longer_than_a_task_may_is_its_last(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "DRAIN_SECONDS", 0.05)
    begun: list[str] = []

    def flow(_: Any, claim: Claim) -> None:
        begun.append(claim.id)
        time.sleep(policy.DRAIN_SECONDS)

    monkeypatch.setitem(FLOWS, "handlers", flow)
    for name in "ab":
        house.w.store.duties.wake("handlers", name)
    drain(house.w, "handlers")
    assert begun == ["a"]
    assert _messages(house, "handlers") >= 1, "another task goes on"


def test_a_process_that_ends_asks_for_no_other_duty(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    shift, begun = Shift(duties=9, seconds=60), []

    def flow(_: Any, claim: Claim) -> None:
        begun.append(claim.id)
        shift.over.set()

    monkeypatch.setitem(FLOWS, "fanout", flow)
    for name in "abc":
        house.w.store.duties.wake("fanout", name)
    house.raw.delete("runhook:queue:fanout")
    drain(house.w, "fanout", lingers=True, shift=shift)
    assert begun == ["a", "b"], "one came with the end of the other"
    assert house.raw.llen("runhook:queue:fanout") == 1, "another is called for the rest"


def test_news_of_a_duty_whose_lease_ran_out_is_kept(house: House) -> None:
    duties = house.w.store.duties
    claim = _begun(house, "intake", "a")
    house.clock.advance(LANES["intake"].lease + 1)
    duties.wake("intake", "a")
    duties.put_down(claim)  # it looked before the news
    assert claim.turn.next
    assert claim.turn.next.id == "a"


def test_a_callback_that_comes_while_another_ones_taker_is_held_up_is_taken_in(
    house: House,
) -> None:
    job = house.ask()
    house.settle()
    duties, callbacks = house.w.store.duties, house.w.store.callbacks
    callbacks.take(job.id, 1, "callback", b"{}")
    claim = duties.claim("intake")
    assert claim
    seen = callbacks.of(claim)
    house.clock.advance(LANES["intake"].lease + 1)
    arrival = Arrival(job_id=job.id, attempt=1, via="callback", body=b'{"second": 1}')
    assert callbacks.take_each([arrival]) == ["taken"]
    callbacks.drop(claim, claim.id, seen)
    duties.put_down(claim)
    assert house.raw.zscore("runhook:due:intake", f"{job.id}/1")


def test_a_redis_that_forgets_what_a_closing_gave_is_noticed(house: House) -> None:
    claim = _begun(house, "fanout", "a", "b")
    hands = f"runhook:hands:{house.w.store.memory.process}"
    mark, fence = house.raw.hget(hands, "seen"), house.raw.get("runhook:fence")
    house.w.store.duties.put_down(claim)
    assert claim.turn.next
    house.raw.hset(hands, "seen", mark)
    house.raw.set("runhook:fence", fence)
    with pytest.raises(LostWrites):
        house.w.store.duties.claim("fanout")


def test_the_mark_of_a_process_that_works_for_weeks_is_kept(house: House) -> None:
    """A child that tells handlers has no pump that would see to it."""
    duties, hands = house.w.store.duties, f"runhook:hands:{house.w.store.memory.process}"
    for _ in range(3):
        duties.wake("fanout", "a")
        claim = duties.claim("fanout")
        assert claim
        duties.put_down(claim)
        assert house.raw.pttl(hands) > policy.MARK_KEPT_MS - policy.MARK_RENEWED_MS
        house.raw.pexpire(hands, 2 * policy.MARK_RENEWED_MS)
        house.clock.advance(policy.MARK_RENEWED_MS / 1000 + 1)


def test_a_call_that_ends_late_takes_no_others_time_limit_away() -> None:
    watch, ended = Watch(), []
    names = [watch.start(time.monotonic(), lambda: ended.append("late")) for _ in range(2)]
    eventually(lambda: len(ended) == 2)
    others = [watch.start(time.monotonic() + 0.2, lambda: ended.append("other")) for _ in range(5)]
    for name in names:
        watch.stop(name)
    assert not set(names) & set(others)
    eventually(lambda: ended.count("other") == 5)


def test_an_end_that_raises_ends_no_others(house: House) -> None:
    watch, ended = Watch(), []

    def fails() -> None:
        raise ZeroDivisionError

    watch.start(time.monotonic(), fails)
    watch.start(time.monotonic() + 0.05, lambda: ended.append("other"))
    eventually(lambda: ended)


def test_a_subscription_that_cannot_be_read_here_uses_up_no_attempt(
    open_house: House, receiver: Receiver
) -> None:
    house = open_house
    wish = {"url": receiver.url, "events": ["job.succeeded"]}
    made, _ = subscriptions.create(house.w, subscriptions.read_new(house.w, wish))
    house.lost.append("subscribers")
    job = house.until(house.ask(), "succeeded")
    house.lost.clear()
    house.raw.hset(f"runhook:subscription:{made.id}", mapping={"v": NEWER, "needs": NEWER})
    for _ in range(6):
        house.later(policy.UNREADABLE_LOOK + 1)
    (waiting,) = house.w.store.deliveries.of_job(job.id)
    assert (waiting.begun, waiting.state) == (0, "pending")
    assert house.raw.zcard("runhook:telling:subscribers") == 0
    house.raw.hset(f"runhook:subscription:{made.id}", mapping={"v": 1, "needs": 1})
    for _ in range(3):
        house.later(policy.UNREADABLE_LOOK + 1)
    (told,) = house.w.store.deliveries.of_job(job.id)
    assert (told.state, len(receiver.requests)) == ("done", 1)


def test_after_a_move_to_another_broker_scripts_push_nothing_into_redis(build: Build) -> None:
    old = build()
    new = build(CELERY_BROKER_URL="amqp://guest@127.0.0.1:1//")
    assert not old.raw.exists("runhook:wakeups")
    old.w.store.processes.beat("worker", "old", 4)  # its last sign of life
    new.w.store.processes.beat("worker", "new", 4)
    new.w.store.duties.wake("send", "job_x/1")
    assert not new.raw.exists("runhook:wakeups", "runhook:queue:send")


def test_handlers_that_take_seconds_stand_for_no_child_that_is_free(house: House) -> None:
    duties = house.w.store.duties
    house.w.store.processes.beat("handlers", "one", 2, hands=8)
    for number in range(2):
        duties.wake("handlers", f"slow/{number}")
    held = [threading.Thread(target=duties.claim, args=("handlers",)) for _ in range(2)]
    for thread in held:
        thread.start()
        thread.join()
    house.raw.delete("runhook:queue:handlers")
    duties.wake("handlers", "quick/1")
    assert _messages(house, "handlers") == 1


def test_the_next_duty_is_not_stranded_by_a_lost_reply_and_anothers_change(house: House) -> None:
    duties, jobs = house.w.store.duties, house.w.store.jobs
    job = house.ask()
    claim = _begun(house, "reconcile", f"{job.id}/1", "other/1")
    closing = duties.closing(claim)
    held = jobs._held(job.id)
    args, _ = jobs._move(held, Change(job=held.job), closing)
    jobs._scripts.answers("move", 2, *args)  # done, and its reply is lost
    jobs.change(job.id, lambda found: Change(job=found))
    assert jobs._scripts.answers("move", 2, *args)[0] == b"stale"
    duties.put_down(claim)
    assert claim.turn.next
    assert claim.turn.next.id == "other/1"


def test_a_first_try_that_redis_reads_late_takes_no_duty_for_nobody(house: House) -> None:
    duties = house.w.store.duties
    claim = _begun(house, "fanout", "a", "b", "c")
    closing = duties.closing(claim)
    _, following = duties._scripts.answers("finish", 2, orjson.dumps(closing.order))
    closing.done(following)
    second = claim.turn.next
    assert second
    duties.put_down(second)
    duties._scripts.answers("finish", 2, orjson.dumps(closing.order))  # the first try
    assert not house.raw.hgetall("runhook:claims:fanout")


def test_drainers_of_a_clock_that_was_ahead_stand_for_nobody(house: House) -> None:
    duties = house.w.store.duties
    house.w.store.processes.beat("worker", "one", 4)
    _begun(house, "fanout", "a")
    house.raw.delete("runhook:queue:fanout")
    house.clock.advance(-600)
    duties.wake("fanout", "x")
    assert _messages(house, "fanout") == 1


def test_a_job_that_stands_aside_has_its_turn_though_others_went_meanwhile(house: House) -> None:
    house.lost[:] = ["reconcile"]
    house.w.store.queue.pause(True)
    aside, expires = house.ask(), house.ask(options={"expires_in": 60})
    house.settle()
    house.w.store.queue.put_aside(aside.id, 600)
    house.clock.advance(61)
    house.w.store.queue.pause(False)
    house.settle()
    assert house.job(expires).state == "failed"
    house.later(600)
    assert house.job(aside).state != "queued"


def test_duties_that_are_to_be_parked_hide_none_behind_them(house: House) -> None:
    duties = house.w.store.duties
    for number in range(policy.PARKED_AT_ONCE):
        duties.wake("intake", f"bad{number}")
        house.raw.hset("runhook:failures:intake", f"bad{number}", policy.PARKED_AFTER)
    house.clock.advance(1)
    duties.wake("intake", "good")
    house.raw.delete("runhook:queue:intake")
    assert duties.claim("intake", Turn(lingers=True)) is None
    assert _messages(house, "intake") == 1


def test_a_lane_in_which_redis_went_away_is_woken_within_seconds(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setitem(FLOWS, "fanout", away)
    house.raw.hset("runhook:slots", "fanout:drainers", 1)
    for name in "ab":
        house.w.store.duties.wake("fanout", name)
    house.raw.delete("runhook:queue:fanout")
    with pytest.raises(StoreUnavailable):
        drain(house.w, "fanout")
    assert _seconds_until_woken(house, "fanout") <= 2


def test_whoever_lingers_is_called_and_costs_no_wake_up(house: House) -> None:
    duties = house.w.store.duties
    _linger(house)
    duties.wake("fanout", "b")
    assert duties.listen()
    assert _messages(house, "fanout") == 0
    called = duties.claim("fanout")
    assert called
    assert called.id == "b"


def test_whoever_lingered_in_vain_stands_for_nobody(house: House) -> None:
    duties = house.w.store.duties
    _linger(house)
    assert not duties.listen()
    house.clock.advance(policy.LINGER_MS / 1000)
    duties.wake("fanout", "b")
    assert _messages(house, "fanout") == 1


def test_whoever_goes_on_with_a_handler_that_takes_its_time_leaves_a_call_for_the_others(
    build: Build,
) -> None:
    registry = Registry()
    for name in "ab":
        registry.add(Handler(name=name, types=("job.succeeded",), model=None, target=print))
    house = build(registry)
    house.w.store.processes.publish_handlers(published(house.w))
    shares = {"handlers:common": 9, "handlers:new": 9, "handlers:slow": 9, "handlers:short": 2}
    house.raw.hset("runhook:slots", mapping={"handlers": 2, "handlers:drainers": 2, **shares})
    for name in "ab":
        house.raw.hset(f"runhook:endpoint:{name}", mapping={"took": 1, "pace": "quick"})
    house.lost = ["handlers"]
    for _ in range(3):
        house.until(house.ask(), "succeeded")
    claim = house.w.store.duties.claim("handlers", Turn(), first="a/1")
    assert claim
    claim.turn.ends = inf
    house.raw.delete("runhook:queue:handlers")
    another = house.clock.now().timestamp() * 1000 + policy.DRAINER_SURE_MS / 2
    house.raw.zadd("runhook:drainers:handlers", {"another child": another})
    house.raw.zrem("runhook:due:handlers", "a/2")  # that one has it in hand
    house.raw.zincrby("runhook:due:handlers", -1, "b/1")
    telling.deliver_to_handler(house.w, claim, follow_up.submitter)
    assert claim.turn.next, "this child has another one's in hand, and perhaps for minutes"
    assert house.raw.zscore("runhook:due:handlers", "a/1")
    assert _messages(house, "handlers") == 1
