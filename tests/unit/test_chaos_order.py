"""The order of ends in a run of chaos: whether a job that is kept back held others up."""

from datetime import UTC, datetime, timedelta

from runhook.worker.domain.jobs import Attempt, Job, JobHistory, JobSpec, State
from tests.chaos.order import TRIED, Order

BEGUN = datetime(2027, 1, 15, 8, tzinfo=UTC)
LIMIT = 10  # in flight at once
TORN = "n 1 [file-torn]"  # a job that can never be sent


def _job(prompt: str, ended: float) -> Job:
    spec = JobSpec(model="vidu/x", kind="video", input={"prompt": prompt}, created_at=BEGUN)
    at = BEGUN + timedelta(seconds=ended)
    history = JobHistory(updated_at=at, ended_at=at, attempts=(Attempt(n=1),))
    return Job(id=f"job_{prompt}", spec=spec, state=State.FAILED, history=history, rev=1)


def _held_up(before: int, after: int) -> list[str]:
    """What is said where so many jobs ended while one was kept back, and so many after it."""
    torn = _job(TORN, 60)
    others = [_job("n 2", 10 + n / 1000) for n in range(before)]
    others += [_job("n 3", 100) for _ in range(after)]
    tried = [BEGUN + timedelta(seconds=1 + n) for n in range(TRIED)]
    order = Order(jobs=[torn, *others], tasks=[], kept_back={torn.id: tried}, limit=LIMIT)
    return order.breaches()["held up those behind"]


def test_one_after_which_most_of_those_behind_it_ended_held_them_up() -> None:
    assert _held_up(before=0, after=20)
    assert not _held_up(before=15, after=5)


def test_in_a_long_queue_none_is_held_up_where_more_end_than_were_in_flight() -> None:
    assert _held_up(before=LIMIT, after=500)
    assert not _held_up(before=LIMIT + 1, after=500)
