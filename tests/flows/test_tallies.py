"""How jobs ended is counted once, by time, for everybody and for each tenant."""

from pathlib import Path

from runhook.worker.domain.jobs import State
from runhook.worker.domain.tallies import Span, Tally, spans_until, together
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.forget import forget
from runhook.worker.flows.resolve import retry
from runhook.worker.store import Change
from runhook.worker.store.embedded import EmbeddedServer
from runhook.worker.store.tallies import counted, key_of
from tests.conftest import Build, House
from tests.journeys.proxies import Forgetful, proxy

HOUR, DAY, MONTH = (300, 12), (300, 288), (86_400, 30)


def _tallies(house: House, tenant: str = "") -> list[Tally]:
    """Those of the last hour, day and month."""
    now = house.clock.now()
    spans = [spans_until(now, *length) for length in (HOUR, DAY, MONTH)]
    return [together(_counted(house, span, tenant) for span in some) for some in spans]


def _counted(house: House, span: Span, tenant: str) -> Tally:
    return counted(house.raw.hgetall(key_of(span, tenant)))


def _ends(house: House, tenant: str = "") -> list[dict[str, int]]:
    tallies = _tallies(house, tenant)
    return [{state: n for state in State if (n := tally.ended(state))} for tally in tallies]


def _tallied(house: House) -> int:
    return len(house.raw.keys("runhook:tally:*"))


def test_an_end_is_counted_in_the_hour_the_day_and_the_month(house: House) -> None:
    house.until(house.ask(), "succeeded")
    assert _ends(house) == [{"succeeded": 1}] * 3
    assert _ends(house, "local") == [{"succeeded": 1}] * 3
    assert [tally.settled("callback") for tally in _tallies(house)] == [1] * 3
    assert _ends(house, "shop-7") == [{}] * 3


def test_each_tenants_jobs_are_counted_apart(house: House) -> None:
    for tenant in ("shop-7", "shop-8", "shop-8"):
        house.until(house.ask(tenant=tenant), "succeeded")
    assert _ends(house, "shop-8") == [{"succeeded": 2}] * 3
    assert _ends(house) == [{"succeeded": 3}] * 3


def test_what_takes_time_is_known_by_its_run_time(house: House) -> None:
    house.sandbox.faults(callback_lost=1)
    job = house.until(house.ask(), "running")
    house.later(100)
    house.until(job, "succeeded")
    tally = _tallies(house)[0]
    # RunningHub's record, or its answer to a query where that is the earlier.
    assert (tally.settled("detail") + tally.settled("query"), tally.reconciled) == (1, 1.0)
    ran = tally.run_time(0.5)
    assert ran
    assert 85 < ran < 115


def test_a_retried_job_is_counted_by_its_last_end_alone(house: House) -> None:
    house.sandbox.faults({"fault": "failed", "times": 1})
    job = house.until(house.ask(), "failed")
    assert _ends(house) == [{"failed": 1}] * 3
    house.clock.advance(4000)
    retry(house.w, job.id)
    assert _ends(house) == [{}] * 3
    house.until(job, "succeeded")
    assert _ends(house) == [{"succeeded": 1}] * 3


def test_a_job_that_is_forgotten_leaves_no_key_of_it(house: House) -> None:
    job = house.until(house.ask(), "succeeded")
    forget(house.w, job.id)
    assert (_ends(house), _tallied(house)) == ([{}] * 3, 0)


def test_what_retention_removes_is_counted_still(build: Build) -> None:
    house = build(RUNHOOK_RETENTION_DAYS=1)
    house.until(house.ask(), "succeeded")
    house.clock.advance(2 * 86400)
    assert house.w.store.jobs.sweep(house.clock.now()) == 1
    assert _ends(house) == [{}, {}, {"succeeded": 1}]


def test_nothing_is_taken_back_from_a_span_that_is_gone(house: House) -> None:
    job = house.until(house.ask(), "succeeded")
    house.raw.delete(*house.raw.keys("runhook:tally:*"))
    forget(house.w, job.id)
    assert _tallied(house) == 0


def test_a_damaged_span_stops_no_job(house: House) -> None:
    house.until(house.ask(), "succeeded")
    first, *rest = house.raw.keys("runhook:tally:*")
    house.raw.hset(first, "succeeded/callback/99999999", "7")
    for key in rest:
        for field in house.raw.hkeys(key):
            house.raw.hset(key, field, "many")
    house.until(house.ask(), "succeeded")
    assert all(tally.run_time(0.5) is None or tally.counts for tally in _tallies(house))


def test_a_lost_reply_counts_an_end_once(
    build: Build, server: EmbeddedServer, tmp_path: Path
) -> None:
    house, replies = build(), Forgetful(most=1)
    house.w.store.queue.pause(True)
    jobs = [house.ask(), house.ask()]
    cancel(house.w, jobs[0].id)  # so that Redis knows the script
    with proxy(replies, str(server.socket), tmp_path) as path:
        other = build(REDIS_URL=f"unix://{path}")
        cancel(other.w, house.ask().id)
        replies.scripts = 1.0
        cancel(other.w, jobs[1].id)
    assert replies.lost == 1
    assert _ends(house) == [{"cancelled": 3}] * 3


def test_a_change_that_ends_nothing_counts_nothing(house: House) -> None:
    job = house.until(house.ask(), "succeeded")
    house.w.store.jobs.change(job.id, lambda now: Change(job=now, files=True))
    assert _ends(house) == [{"succeeded": 1}] * 3
