"""Quick handlers are told many events in a row, and no delivery of a row costs another one."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import pytest

from runhook import Event
from runhook.worker.delivery import handlers
from runhook.worker.delivery.telling import Row, Told, deliver_to_handler
from runhook.worker.domain import policy
from runhook.worker.domain.events import Outcome
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.domain.lanes import LANES
from runhook.worker.errors import StoreUnavailable
from runhook.worker.flows import follow_up
from runhook.worker.flows.drain import drain
from runhook.worker.flows.pump import published
from runhook.worker.store import (
    Attempted,
    Claim,
    DeliveryResult,
    Hand,
    JobFilter,
    Lease,
    Left,
)
from runhook.worker.store.claims import FIRST, Turn
from tests.claimed import hold
from tests.conftest import Build, House, eventually

Function = Callable[[Event], object]


def _house(build: Build, *functions: Function, waiting: int, **settings: object) -> House:
    """A house with handlers of a known quick pace, for each of which so many events wait."""
    registry = Registry()
    for function in functions:
        handler = Handler(
            name=function.__name__, types=("job.succeeded",), model=None, target=function
        )
        registry.add(handler)
    house = build(registry, **settings)
    house.w.store.processes.publish_handlers(published(house.w))
    house.w.store.processes.beat("handlers", "machine:1", 16)
    for name in registry.names():
        house.raw.hset(f"runhook:endpoint:{name}", mapping={"took": "0.001", "pace": "quick"})
    house.lost = ["handlers"]
    for _ in range(waiting):
        house.until(house.ask(), "succeeded")
    house.lost = []
    return house


def _publishing(build: Build, *, waiting: int) -> tuple[House, list[str]]:
    """The same with one handler, and the jobs that it heard of."""
    heard: list[str] = []

    def publish(event: Event) -> None:
        heard.append(event.job.id)

    return _house(build, publish, waiting=waiting), heard


def _taken(house: House, slot: str) -> tuple[Claim, Hand]:
    claim = hold(house.w.store.duties, "handlers", slot)
    assert claim
    hand = house.w.store.delivering.take(claim)
    assert isinstance(hand, Hand)
    return claim, hand


def _states(house: House) -> list[tuple[str, int]]:
    """What became of every delivery, and how many attempts at it began."""
    found = [one for page in house.w.store.deliveries.listed(None, None, None) for one in page]
    return sorted((one.state, one.begun) for one in found)


def test_a_row_is_taken_and_recorded_in_one_round_trip_each(build: Build) -> None:
    house, heard = _publishing(build, waiting=5)
    house.raw.config_resetstat()
    drain(house.w, "handlers")
    calls = house.raw.info("commandstats")
    assert (len(heard), len(set(heard))) == (5, 5)
    assert calls["cmdstat_fcall"]["calls"] <= 4
    assert _states(house) == [("done", 1)] * 5


def test_one_that_hangs_in_a_row_is_waited_for_by_none_behind_it(build: Build) -> None:
    heard: list[str] = []

    def publish(event: Event) -> None:
        heard.append(event.job.id)
        if len(heard) == 2:
            eventually(lambda: len(heard) == 5, 10)

    house = _house(build, publish, waiting=5)

    def another_child() -> None:
        eventually(lambda: house.raw.hlen("runhook:held:publish") == 1 and len(heard) == 2, 10)
        assert [state for state, _ in _states(house)].count("done") == 1, "what it told is recorded"
        drain(house.w, "handlers")

    other = threading.Thread(target=another_child)
    other.start()
    drain(house.w, "handlers")
    other.join()
    assert len(set(heard)) == len(heard) == 5
    assert _states(house) == [("done", 1)] * 5
    assert not house.raw.hgetall("runhook:held:publish")
    assert not house.raw.zrange("runhook:telling:handlers", 0, -1)


def test_a_process_killed_in_a_row_costs_no_attempt(build: Build) -> None:
    house, heard = _publishing(build, waiting=4)
    _, hand = _taken(house, "publish/1")
    assert len(hand.taken) == 4
    house.later(31)
    assert len(set(heard)) == len(heard) == 4
    assert _states(house) == [("done", 1)] * 4


class _Killed(BaseException):
    """A child's end: nothing is recorded, and nobody cleans up."""


@pytest.mark.parametrize("schedule", ["0", "0,1,1,1"])
def test_one_that_kills_its_child_ends_by_its_schedule_and_costs_the_others_a_repetition(
    build: Build, monkeypatch: pytest.MonkeyPatch, schedule: str
) -> None:
    heard: list[str] = []

    def publish(event: Event) -> None:
        heard.append(event.job.id)
        if event.job.id == killer:
            raise _Killed

    def unprotected(function: Function, event: Any, _: object) -> Outcome:
        function(event)
        return Outcome(word="done", took=0)

    monkeypatch.setattr(handlers, "run", unprotected)
    house = _house(build, publish, waiting=6, RUNHOOK_RETRY_SCHEDULE=schedule)
    fifth = house.raw.zrange("runhook:outbox:publish", 0, -1)[4]
    killer = house.raw.hget(b"runhook:delivery:" + fifth, "job").decode()
    for _ in range(12):
        with suppress(_Killed):
            house.settle()
        house.clock.advance(31)
    attempts = len(schedule.split(","))
    assert _states(house) == [("dead", attempts + 1)] + [("done", 1)] * 5
    told = Counter(heard)
    assert told.pop(killer) == attempts + 1, "once in the row, where nobody knew which it was"
    assert max(told.values()) == 2


def test_one_that_stood_still_in_a_row_tells_nothing_once_its_lease_is_over(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []

    def publish(event: Event) -> None:
        heard.append(event.job.id)
        if len(heard) == 2:
            leases[0].until = 0
            house.clock.advance(31)
            other = threading.Thread(target=house.settle)
            other.start()
            other.join()

    house = _house(build, publish, waiting=8)
    leases: list[Lease] = []
    renewing = house.w.store.duties.renewing

    def watched(claim: Claim, *more: Any) -> AbstractContextManager[Lease]:
        return _noted(renewing(claim, *more), leases)

    monkeypatch.setattr(house.w.store.duties, "renewing", watched)
    house.later(1)
    assert (len(heard), len(set(heard))) == (10, 8), "the two that it had told, and no more"


@contextmanager
def _noted(renewed: AbstractContextManager[Lease], leases: list[Lease]) -> Iterator[Lease]:
    with renewed as lease:
        leases.append(lease)
        yield lease


def test_what_a_row_told_is_recorded_once_redis_is_back(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, heard = _publishing(build, waiting=3)
    record, away = house.w.store.delivering.record, [StoreUnavailable("away")] * 2

    def refused(*told: Any, **more: Any) -> Any:
        if away:
            raise away.pop()
        return record(*told, **more)

    monkeypatch.setattr(house.w.store.delivering, "record", refused)
    drain(house.w, "handlers")
    assert _states(house) == [("done", 1)] * 3
    house.later(60)
    assert len(heard) == 3


def test_what_is_no_exception_of_pythons_is_an_outcome_too(build: Build) -> None:
    def publish(_: Event) -> None:
        raise asyncio.CancelledError

    house = _house(build, publish, waiting=2, RUNHOOK_RETRY_SCHEDULE="0")
    drain(house.w, "handlers")
    assert _states(house) == [("dead", 1)] * 2


def test_a_row_whose_answer_was_lost_is_given_again(build: Build) -> None:
    house = _house(build, _named("publish"), waiting=3)
    turn = Turn()
    both = [house.w.store.duties.claim("handlers", turn) for _ in range(2)]
    hands = [house.w.store.delivering.take(claim) for claim in both if claim]
    assert hands[0] == hands[1]
    assert isinstance(hands[0], Hand)
    assert len(hands[0].taken) == 3
    assert [begun for _, begun in _states(house)] == [1, 1, 1]


def test_one_in_a_row_that_cannot_be_read_here_is_left_uncounted(build: Build) -> None:
    house, heard = _publishing(build, waiting=3)
    ids = house.raw.zrange("runhook:outbox:publish", 0, -1)
    for place in (0, 1):
        house.raw.hset(b"runhook:delivery:" + ids[place], "opened", "x")
    drain(house.w, "handlers")
    assert len(heard) == 1
    assert [int(house.raw.hget(b"runhook:delivery:" + one, "begun")) for one in ids] == [0, 0, 1]
    assert not house.raw.hgetall("runhook:held:publish")


def test_one_in_a_row_whose_record_is_broken_keeps_no_other_from_being_told(build: Build) -> None:
    house, heard = _publishing(build, waiting=4)
    broken = b"runhook:delivery:" + house.raw.zrange("runhook:outbox:publish", 0, -1)[2]
    house.raw.delete(broken)
    house.raw.set(broken, "of another type")
    house.later(60)
    assert len(heard) == 3
    assert not house.raw.hgetall("runhook:parked:handlers")


def test_one_that_hung_and_was_killed_with_its_child_counts_as_begun(build: Build) -> None:
    house = _house(build, _named("publish"), waiting=3)
    claim, hand = _taken(house, "publish/1")
    row = Row(house.w, claim, hand)
    first = row.next()
    assert first
    row.add(first, Told(DeliveryResult(state="done", outcome=Outcome(word="done", took=0))))
    hangs = row.next()
    assert hangs
    row.let_go()
    house.clock.advance(400)
    _, again = _taken(house, "publish/1")
    assert [(one.delivery.id, one.n) for one in again.taken] == [(hangs.delivery.id, 2)]


def test_what_is_let_go_of_is_so_once_though_it_is_said_again(build: Build) -> None:
    house = _house(build, _named("publish"), waiting=4)
    claim, hand = _taken(house, "publish/1")
    heard, fails, behind, _ = hand.taken
    done, failed = Outcome(word="done", took=0), Outcome(word="failed", took=0, why="closed")
    told = [
        Attempted(taken=heard, result=DeliveryResult(state="done", outcome=done)),
        Attempted(taken=fails, result=DeliveryResult(state="pending", outcome=failed, again_in=5)),
    ]
    seen = []
    for _ in range(2):
        left = [Left(behind.delivery.id)]
        house.w.store.delivering.record(claim, hand, told, left, judge=None, closing=None)
        seen.append((_states(house), house.raw.zrange("runhook:outbox:publish", 0, -1)))
    assert seen[0] == seen[1]


def test_a_delivery_that_ended_is_told_no_more_though_it_stands_in_the_outbox(
    build: Build,
) -> None:
    house, heard = _publishing(build, waiting=2)
    names = house.raw.zrange("runhook:outbox:publish", 0, -1, withscores=True)
    drain(house.w, "handlers")
    house.raw.zadd("runhook:outbox:publish", dict(names))  # a script broke off in its middle
    house.w.store.duties.wake("handlers", "publish/1")
    house.later(60)
    assert len(heard) <= 4
    assert house.raw.zcard("runhook:outbox:publish") == 0


def test_a_delivery_opened_when_a_lease_was_over_is_told_though_its_holder_comes_back(
    build: Build,
) -> None:
    house, heard = _publishing(build, waiting=0)
    house.w.store.duties.wake("handlers", "publish/1")
    claim = hold(house.w.store.duties, "handlers", "publish/1")
    assert claim
    house.clock.advance(LANES["handlers"].lease + 1)
    house.lost = ["handlers"]
    house.until(house.ask(), "succeeded")
    house.w.store.duties.put_down(claim)
    house.lost = []
    house.later(300)
    assert len(heard) == 1


def test_what_a_handler_does_to_its_event_no_other_handler_sees(build: Build) -> None:
    seen: list[Any] = []

    def first(event: Event) -> None:
        event.job.input["prompt"] = "changed"
        event.data["outputs"].clear()

    def second(event: Event) -> None:
        seen.append((event.job.input["prompt"], len(event.data["outputs"])))

    house = _house(build, first, second, waiting=1)
    prompt = house.w.store.listing.page(JobFilter(), None, 1).jobs[0].spec.input["prompt"]
    drain(house.w, "handlers")
    assert seen == [(prompt, 1)]


def test_what_becomes_due_in_a_round_waits_for_the_next(build: Build) -> None:
    house = _house(build, _named("publish"), waiting=0)
    duties = house.w.store.duties
    duties.wake("handlers", "a")
    claim = duties.claim("handlers", Turn(round=FIRST))
    assert claim
    house.clock.advance(policy.ROUND / 2)
    duties.wake("handlers", "b")
    claim.turn.ends = float("inf")
    duties.put_down(claim)
    assert (claim.turn.next, claim.turn.later) == (None, True)
    following = duties.claim("handlers", Turn(round=FIRST))
    assert following
    assert following.id == "b"


def test_behind_a_full_row_the_next_is_not_waited_for(build: Build) -> None:
    house = _house(build, _named("publish"), waiting=policy.TOLD_IN_A_ROW + 1)
    claim = house.w.store.duties.claim("handlers", Turn(round=FIRST))
    assert claim
    house.clock.advance(policy.ROUND / 2)
    claim.turn.ends = float("inf")
    deliver_to_handler(house.w, claim, follow_up.submitter)
    following = claim.turn.next
    assert following
    hand = house.w.store.delivering.take(following)
    assert isinstance(hand, Hand)
    assert len(hand.taken) == 1


def test_a_handler_that_takes_its_time_is_told_the_next_event_at_once(build: Build) -> None:
    many = 4  # twice as many as it has slots; what it usually takes is halved with each
    house = _house(build, _named("publish"), waiting=many)
    house.raw.hset("runhook:endpoint:publish", "took", "0.100")
    claim = house.w.store.duties.claim("handlers", Turn(round=FIRST))
    for _ in range(many - 1):
        assert claim, "no row gathers for it"
        house.clock.advance(policy.ROUND / many)
        claim.turn.ends = float("inf")
        deliver_to_handler(house.w, claim, follow_up.submitter)
        claim = claim.turn.next
    assert claim


def _named(name: str) -> Function:
    """A handler of this name that does nothing."""

    def handler(_: Event) -> None: ...

    handler.__name__ = name
    return handler
