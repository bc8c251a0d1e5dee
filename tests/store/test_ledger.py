"""The ledger in Redis: sent twice or unanswered it counts once, and it has an end."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from runhook.worker.domain import moves, policy
from runhook.worker.domain.jobs import Job
from runhook.worker.domain.reports import Cost, Error
from runhook.worker.errors import OverBudget
from runhook.worker.flows import create, resolve
from runhook.worker.flows.costs import costs
from runhook.worker.flows.create import JobRequest
from runhook.worker.flows.steps import books
from runhook.worker.flows.steps.budgets import budgets_today
from runhook.worker.money.amounts import money_text
from runhook.worker.money.rows import RowFilter
from runhook.worker.store import Change, sources
from runhook.worker.store.embedded import EmbeddedServer
from tests.conftest import IMAGE, Build, House
from tests.journeys.proxies import Forgetful, proxy

DAY = "2027-01-15"
BUDGET = {"RUNHOOK_BUDGET_DAY": "1.00", "RUNHOOK_INDEX_METADATA": "order"}
ASKED = JobRequest(model=IMAGE, input={"prompt": "a cat"}, metadata={"order": 7})


def _counted(house: House) -> tuple[str, int, str]:
    """Money, attempts, and what is held."""
    found = costs(house.w, RowFilter())
    money, attempts = "0.00", 0
    for total in found.totals:
        money, attempts = money_text(total.money), total.attempts
    return money, attempts, f"{budgets_today(house.w)[0].held:f}"


def _told_cost(house: House, job: Job, money: str) -> None:
    """A change that brings a cost."""

    def decide(now: Job) -> Change:
        cost = Cost(money=money)
        changed = moves.with_attempt(now, 1, house.clock.now(), cost=cost, ref="7")
        return Change(job=changed)

    house.w.store.jobs.change(job.id, decide)


class Forgetting:
    """Two houses on one Redis; the second loses the reply of its next script."""

    def __init__(self, house: House, other: House, replies: Forgetful) -> None:
        self.house, self._other, self.replies = house, other, replies

    def loses_one(self) -> House:
        """The house that loses a reply, from now on."""
        self.replies.scripts = 1.0
        return self._other


@pytest.fixture
def forgetting(build: Build, server: EmbeddedServer, tmp_path: Path) -> Iterator[Forgetting]:
    """With the scripts in Redis already, so that what is lost is no word of loading them."""
    house, replies = build(**BUDGET), Forgetful(most=1)
    house.w.store.queue.pause(True)
    _told_cost(house, create.request(house.w, ASKED)[1], "0.10")
    with proxy(replies, str(server.socket), tmp_path) as path:
        yield Forgetting(house, build(**BUDGET, REDIS_URL=f"unix://{path}"), replies)


def test_a_job_that_is_made_twice_because_nobody_answered_is_held_once(
    forgetting: Forgetting,
) -> None:
    create.request(forgetting.loses_one().w, ASKED)
    assert forgetting.replies.lost == 1
    assert _counted(forgetting.house) == ("0.10", 1, "0.50")


def test_a_cost_whose_reply_is_lost_counts_once(forgetting: Forgetting) -> None:
    job = create.request(forgetting.house.w, ASKED)[1]
    _told_cost(forgetting.loses_one(), job, "0.30")
    assert forgetting.replies.lost == 1
    assert _counted(forgetting.house) == ("0.40", 2, "0.40")
    assert not books.compare(forgetting.house.w).differing


def test_a_refusal_whose_reply_is_lost_is_the_same_refusal(forgetting: Forgetting) -> None:
    create.request(forgetting.house.w, ASKED)
    create.request(forgetting.house.w, ASKED)
    with pytest.raises(OverBudget):
        create.request(forgetting.loses_one().w, ASKED)
    assert forgetting.replies.lost == 1
    assert _counted(forgetting.house) == ("0.10", 1, "0.90")


def test_a_retry_whose_reply_is_lost_is_held_once(forgetting: Forgetting) -> None:
    job = create.request(forgetting.house.w, ASKED)[1]

    def decide(now: Job) -> Change:
        error = Error(code="rejected", message="")
        changed = moves.move(now, moves.Move.CANCEL, forgetting.house.clock.now(), error=error)
        return Change(job=changed)

    forgetting.house.w.store.jobs.change(job.id, decide)
    assert _counted(forgetting.house)[2] == "0.10"
    resolve.retry(forgetting.loses_one().w, job.id)
    assert forgetting.replies.lost == 1
    assert _counted(forgetting.house)[2] == "0.50"


def test_a_script_that_is_sent_twice_counts_once(build: Build) -> None:
    house = build(**BUDGET)
    house.w.store.queue.pause(True)
    job = create.request(house.w, ASKED)[1]
    jobs = house.w.store.jobs
    for _ in range(2):
        assert jobs.create(job, "local", ())[:2] == ("created", job.id)
    assert _counted(house) == ("0.00", 0, "0.40")
    (held,) = jobs.look([job.id])
    cost = moves.with_attempt(job, 1, house.clock.now(), cost=Cost(money="0.25"), ref="7")
    args, _ = jobs._move(held, Change(job=cost), None)  # type: ignore[arg-type]
    for _ in range(2):
        assert house.w.store.jobs._scripts.answers("move", 2, *args)[0] == b"done"
    assert _counted(house) == ("0.25", 1, "0.25")


def test_two_who_change_a_job_at_once_count_what_the_record_says(build: Build) -> None:
    house = build(**BUDGET)
    house.w.store.queue.pause(True)
    job = create.request(house.w, ASKED)[1]
    first = [True]

    def decide(now: Job) -> Change:
        if first.pop() if first else False:
            _told_cost(house, job, "0.11")
        return Change(
            job=moves.with_attempt(now, 1, house.clock.now(), cost=Cost(money="0.22"), ref="7")
        )

    house.w.store.jobs.change(job.id, decide)
    assert _counted(house) == ("0.22", 1, "0.22")


def test_rows_of_metadata_end_at_a_bound_and_nothing_of_the_money_is_lost(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Low, because it is the same for a thousand; scripts are read anew with it.
    monkeypatch.setattr(policy, "LABELLED_ROWS", 3)
    sources.source.cache_clear()
    sources.function.cache_clear()
    house = build(RUNHOOK_INDEX_METADATA="order")
    house.w.store.queue.pause(True)
    for number in range(6):
        asked = _with(ASKED, {"order": number % 5})
        _told_cost(house, create.request(house.w, asked)[1], "0.10")
    sources.source.cache_clear()
    sources.function.cache_clear()
    found = costs(house.w, RowFilter(), by=("metadata.order",)).sums
    told = [
        (sum.group["metadata.order"], sum.others, sum.jobs, money_text(sum.money)) for sum in found
    ]
    assert told == [
        ("0", False, 2, "0.20"),
        ("1", False, 1, "0.10"),
        ("2", False, 1, "0.10"),
        (None, True, 2, "0.20"),
    ]
    assert not books.compare(house.w).differing


def _with(asked: JobRequest, metadata: dict[str, Any]) -> JobRequest:
    return asked.model_copy(update={"metadata": metadata})


def test_days_are_read_for_as_long_as_they_are_kept_and_no_longer(build: Build) -> None:
    house = build(**BUDGET)
    house.w.store.queue.pause(True)
    _told_cost(house, create.request(house.w, ASKED)[1], "0.10")
    for key in (f"runhook:costs:{DAY}", f"runhook:budget:{DAY}"):
        assert house.raw.ttl(key) == policy.DAYS_KEPT_S
    days = house.w.store.ledger.days(date(2026, 1, 1), date(2027, 1, 31))
    assert [day.name for day in days] == [DAY]


def test_a_job_that_an_older_process_changed_is_counted_by_its_next_change(build: Build) -> None:
    """That one keeps what it does not know, and counts nothing."""
    house = build(**BUDGET)
    house.w.store.queue.pause(True)
    job = create.request(house.w, ASKED)[1]
    (held,) = house.w.store.jobs.look([job.id])
    cost = moves.with_attempt(job, 1, house.clock.now(), cost=Cost(money="0.25"), ref="7")
    args, _ = house.w.store.jobs._move(held, Change(job=cost), None)  # type: ignore[arg-type]
    order = orjson.loads(args[0])
    del order["ledger"]
    house.w.store.jobs._scripts.answers("move", 2, orjson.dumps(order), *args[1:])
    assert _counted(house) == ("0.00", 0, "0.40")
    assert books.compare(house.w).unbooked == [job.id]
    _told_cost(house, job, "0.25")
    assert _counted(house) == ("0.25", 1, "0.25")
    assert not books.compare(house.w).unbooked
