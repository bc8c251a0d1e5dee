"""Groups: counted by state, closed by their size or by the end of their batch, told once."""

from datetime import date
from decimal import Decimal
from typing import Any

import orjson
import pytest

from runhook import Event
from runhook.worker.delivery import subscriptions
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.domain.jobs import Job, State
from runhook.worker.errors import (
    InvalidRequest,
    OverBudget,
    RunhookError,
    StorageUnavailable,
    StoreUnavailable,
)
from runhook.worker.flows import batch
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.forget import forget
from runhook.worker.flows.pump import published
from runhook.worker.flows.resolve import retry
from runhook.worker.store import GroupState, JobFilter
from tests.conftest import IMAGE, Build, House
from tests.receiver import Receiver

VIDEO = "vidu/image-to-video-q2-pro"


@pytest.fixture
def heard() -> list[Event]:
    """What a handler was told."""
    return []


@pytest.fixture
def house(build: Build, heard: list[Event]) -> House:
    """A house with a handler of ended groups."""
    registry = Registry()
    registry.add(Handler(name="sum", types=("group.ended",), model=None, target=heard.append))
    found = build(registry)
    found.w.store.processes.publish_handlers(published(found.w))
    return found


def _state(house: House, name: str = "g", tenant: str = "local") -> GroupState:
    found = house.w.store.groups.state(tenant, name)
    assert found
    return found


def _lines(*prompts: str, group: str = "g") -> list[bytes]:
    return [
        orjson.dumps({"model": IMAGE, "input": {"prompt": prompt}, "group": group})
        for prompt in prompts
    ]


def _counts(state: GroupState) -> dict[str, int]:
    return {name.value: count for name, count in state.states.items() if count}


def test_a_group_counts_its_jobs_by_state(house: House) -> None:
    house.w.store.queue.pause(True)
    first = house.ask(group="g")
    house.ask(group="g")
    house.ask(group="other")
    cancel(house.w, first.id)
    assert _counts(_state(house)) == {"queued": 1, "cancelled": 1}
    assert _state(house).view()["jobs"] == 2
    assert not _state(house).closed
    assert house.w.store.groups.state("local", "none") is None


def test_the_size_closes_it_and_its_end_is_told_once(house: House, heard: list[Event]) -> None:
    house.sandbox.faults({"fault": "failed", "match": "[broken]"})
    jobs = [house.ask(prompt=prompt, group="g", group_size=3) for prompt in ("a", "b")]
    for job in jobs:
        house.until(job, "succeeded")
    assert heard == [], "one is still to come"
    last = house.ask(prompt="[broken]", group="g")
    assert _state(house).closed
    house.until(last, "failed")
    (event,) = heard
    assert (event.type, event.job) == ("group.ended", None)
    assert (event.data["group"], event.data["tenant"]) == ("g", "local")
    assert event.data["states"]["succeeded"] == 2
    assert event.data["states"]["failed"] == 1
    assert event.data["succeeded"] == [job.id for job in jobs]
    assert _state(house).ended_at


def test_a_closed_group_takes_no_more_jobs(house: House) -> None:
    house.ask(group="g", group_size=1)
    with pytest.raises(InvalidRequest, match="g is closed"):
        house.ask(group="g")
    with pytest.raises(InvalidRequest, match="group_size: needs a group"):
        house.ask(group_size=1)


@pytest.mark.parametrize(("size", "said"), [(4, "said 3"), (1, "has 2 jobs without this one")])
def test_a_size_that_cannot_be_is_refused(house: House, size: int, said: str) -> None:
    more: dict[str, Any] = {"group_size": 3} if size == 4 else {}
    house.ask(group="g", **more)
    house.ask(group="g")
    with pytest.raises(InvalidRequest, match=said):
        house.ask(group="g", group_size=size)


def test_the_end_of_the_batch_that_made_it_closes_it(house: House, heard: list[Event]) -> None:
    lines = list(batch.accept(house.w, _lines("a", "b")))
    assert _state(house).closed
    for line in lines:
        assert line.job
        house.until(line.job, "succeeded")
    assert [event.data["states"]["succeeded"] for event in heard] == [2]


def test_a_batch_that_breaks_off_closes_nothing_and_sent_again_it_does(house: House) -> None:
    next(batch.accept(house.w, _lines("a", "b"), key="k"))
    assert not _state(house).closed
    lines = list(batch.accept(house.w, _lines("a", "b"), key="k"))
    assert [line.new for line in lines] == [False, True]
    assert _state(house).closed


def test_a_batch_closes_no_group_that_others_made(house: House) -> None:
    house.ask(group="g")
    list(batch.accept(house.w, _lines("a")))
    assert not _state(house).closed


def test_a_batch_closes_no_group_that_another_one_still_makes(house: House) -> None:
    first = batch.accept(house.w, _lines("a", "b", "c"), key="k")
    assert not next(first).error
    (second,) = batch.accept(house.w, _lines("d"))
    assert not second.error
    assert not _state(house).closed
    assert [line.error for line in first] == [None, None]
    assert _state(house).closed


def test_a_group_that_the_release_before_made_is_closed_by_any_batch(house: House) -> None:
    next(batch.accept(house.w, _lines("a", "b")))
    house.raw.hset("runhook:group:local:g", "batch", "1")
    list(batch.accept(house.w, _lines("b")))
    assert _state(house).closed


def test_a_batch_whose_jobs_have_all_ended_before_it_tells_the_end(
    house: House, heard: list[Event]
) -> None:
    lines = batch.accept(house.w, [*_lines("a"), b"no job"])
    job = next(lines).job
    assert job
    house.until(job, "succeeded")
    assert heard == []
    assert len(list(lines)) == 1
    house.settle()
    assert len(heard) == 1


def test_a_batch_is_over_with_its_last_line_whoever_asks_for_no_more(house: House) -> None:
    bodies = _lines("a", "b")
    for _, line in zip(bodies, batch.accept(house.w, [*bodies, b" "]), strict=False):
        assert line.job
    assert _state(house).closed


@pytest.mark.parametrize(
    "fault",
    [
        StoreUnavailable("away"),
        StorageUnavailable("away"),
        OverBudget(
            tenant=None, limit=Decimal(1), left=Decimal(0), needs=Decimal(1), day=date(2026, 1, 1)
        ),
    ],
)
def test_a_line_that_may_be_taken_later_keeps_its_group_open_for_the_repeat(
    house: House, monkeypatch: pytest.MonkeyPatch, fault: RunhookError
) -> None:
    given, create = _lines("a", "b", "c"), house.w.store.jobs.create

    def once_away(job: Job, *args: Any, **more: Any) -> Any:
        if job.spec.input["prompt"] == "b":
            raise fault
        return create(job, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(house.w.store.jobs, "create", once_away)
        first = list(batch.accept(house.w, [*given, *_lines("d", group="h")], key="k"))
    assert [line.error for line in first] == [None, fault, None, None]
    assert not _state(house).closed
    assert _state(house, "h").closed, "no line of it is left"
    again = list(batch.accept(house.w, given, key="k"))
    assert [line.new for line in again] == [False, True, False]
    assert _state(house).closed


def test_a_line_refused_for_one_that_may_be_taken_later_keeps_its_group_open_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    pic = {"as": "pic", "model": IMAGE, "input": {"prompt": "a"}}
    film = {"model": VIDEO, "input": {"prompt": "b", "imageUrl": "output:@pic/0"}, "group": "g"}
    given = [*_lines("x"), orjson.dumps(pic), orjson.dumps(film)]

    def away(job: Job, *args: Any, **more: Any) -> Any:
        if job.spec.group is None:
            raise StoreUnavailable("away")
        return create(job, *args, **more)

    create = house.w.store.jobs.create
    with monkeypatch.context() as patched:
        patched.setattr(house.w.store.jobs, "create", away)
        list(batch.accept(house.w, given, key="k"))
    assert not _state(house).closed
    assert [line.error for line in batch.accept(house.w, given, key="k")] == [None] * 3
    assert _state(house).closed


def test_a_dry_run_of_a_batch_refuses_what_its_groups_would_not_take(house: House) -> None:
    house.w.store.queue.pause(True)
    house.ask(group="begun")
    groups = (
        {"group": "full", "group_size": 2, "key": "one"},
        {"group": "full", "group_size": 3},
        {"group": "full", "key": "two"},
        {"group": "full", "key": "one", "group_size": 2},
        {"group": "full"},
        {"group": "full", "tenant": "other"},
        {"group": "begun", "group_size": 1},
        {"group": "begun", "group_size": 2},
        {"group": "begun"},
    )
    lines = [orjson.dumps({"model": IMAGE, "input": {"prompt": "a"}, **one}) for one in groups]
    dry = list(batch.accept(house.w, lines, dry_run=True))
    assert _state(house, "begun").made == 1, "it keeps nothing"
    real = list(batch.accept(house.w, lines))
    dry_views, real_views = (
        [batch.line_view(house.w, one) for one in told] for told in (dry, real)
    )
    assert [one.get("error") for one in dry_views] == [one.get("error") for one in real_views]
    assert [bool(line.error) for line in dry] == [
        *(False, True, False, False, True, False),
        *(True, False, True),
    ]


def test_a_bad_line_keeps_no_group_open(house: House) -> None:
    bad = orjson.dumps({"model": "no/such", "group": "g"})
    list(batch.accept(house.w, [*_lines("a"), bad], key="k"))
    assert _state(house).closed


def test_a_job_that_is_retried_after_the_end_tells_no_second_end(
    house: House, heard: list[Event]
) -> None:
    house.w.store.queue.pause(True)
    job = house.ask(group="g", group_size=1)
    cancel(house.w, job.id)
    house.settle()
    assert len(heard) == 1
    retry(house.w, job.id)
    house.w.store.queue.pause(False)
    house.until(job, "succeeded")
    house.settle()
    assert len(heard) == 1
    assert _counts(_state(house)) == {"succeeded": 1}


def test_two_tenants_groups_of_one_name_are_two(house: House) -> None:
    house.ask(group="g", group_size=1, tenant="one")
    house.ask(group="g", tenant="two")
    assert _state(house, tenant="one").closed
    assert not _state(house, tenant="two").closed


def test_a_group_is_listed_by_its_index(house: House) -> None:
    house.w.store.queue.pause(True)
    made = [house.ask(group="g").id for _ in range(3)]
    house.ask()
    cancel(house.w, made[0])
    page = house.w.store.listing.page(JobFilter(group="g"), None, 2)
    assert [job.id for job in page.jobs] == made[:0:-1]
    rest = house.w.store.listing.page(JobFilter(group="g"), page.next, 2)
    assert ([job.id for job in rest.jobs], rest.next) == ([made[0]], None)
    queued = JobFilter(group="g", states=("queued",))
    assert len(house.w.store.listing.page(queued, None, 9).jobs) == 2
    assert house.w.store.listing.page(JobFilter(group="h"), None, 9).jobs == ()


def test_a_tree_is_listed_by_its_root(house: House) -> None:
    house.w.store.queue.pause(True)
    first, alone = house.ask(), house.ask()
    second = house.ask(parent=first.id)
    listing = house.w.store.listing
    assert [j.id for j in listing.page(JobFilter(root=first.id), None, 9).jobs] == [
        second.id,
        first.id,
    ]
    assert [j.id for j in listing.page(JobFilter(root=alone.id), None, 9).jobs] == [alone.id]
    assert listing.page(JobFilter(root=second.id), None, 9).jobs == ()
    cancelled = JobFilter(root=first.id, states=("cancelled",))
    assert listing.page(cancelled, None, 9).jobs == ()


def test_with_the_last_job_goes_what_is_known_of_the_group(house: House) -> None:
    house.until(house.ask(group="g", group_size=1), "succeeded")
    house.clock.advance(31 * 86400)
    house.w.store.duties.wake("reconcile", "sweep")
    house.settle()
    assert house.w.store.groups.state("local", "g") is None
    assert not list(house.raw.scan_iter("runhook:group*"))


def test_a_job_that_is_forgotten_before_the_end_of_its_group_still_counts(
    house: House, heard: list[Event]
) -> None:
    first = house.until(house.ask(group="g", group_size=2), "succeeded")
    forget(house.w, first.id)
    assert house.raw.ttl("runhook:group:local:g") > 29 * 86400
    assert (_state(house).made, _state(house).closed) == (1, False)
    second = house.until(house.ask(prompt="b", group="g"), "succeeded")
    assert house.raw.pttl("runhook:group:local:g") == -1
    assert [event.data["succeeded"] for event in heard] == [[second.id]]
    forget(house.w, second.id)
    assert house.w.store.groups.state("local", "g") is None


def test_repair_makes_a_group_right_and_tells_an_end_that_was_missed(
    house: House, heard: list[Event]
) -> None:
    house.lost = ["fanout"]
    job = house.until(house.ask(group="g", group_size=1), "succeeded")
    house.raw.hdel("runhook:group:local:g", "ended")
    house.raw.delete("runhook:grouped:succeeded:local:g")
    house.raw.zadd("runhook:grouped:running:local:g", {job.id: 0})
    house.lost = []
    assert house.w.store.upkeep.repair() > 0
    assert _counts(_state(house)) == {"succeeded": 1}
    assert house.w.store.upkeep.repair() == 0
    house.settle()
    assert len(heard) == 2
    assert house.job(job).state is State.SUCCEEDED


def test_a_subscriber_gets_the_end_of_a_group_as_its_test_shows_it(
    open_house: House, receiver: Receiver
) -> None:
    given = {"url": receiver.url, "events": ["group.ended"], "models": ["no/such-*"]}
    made, _ = subscriptions.create(open_house.w, subscriptions.read_new(open_house.w, given))
    subscriptions.try_out(open_house.w, made, "group.ended")
    job = open_house.until(open_house.ask(group="g", group_size=1, tenant="shop"), "succeeded")
    shown, told = (request.event for request in receiver.requests)
    assert told["subject"] == "g"
    assert told["data"]["succeeded"] == [job.id]
    assert set(told["data"]) == set(shown["data"])
    listed, _ = open_house.w.store.events.after(None, 100, types=["group.ended"])
    assert [event.data("")["tenant"] for event in listed] == ["shop"]
