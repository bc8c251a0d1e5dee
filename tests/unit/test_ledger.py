"""What jobs count for: any life of a job, in whatever steps, leaves what its record says."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runhook.worker.domain.jobs import Attempt, Job, JobHistory, JobSpec, State
from runhook.worker.domain.reports import Cost, Error
from runhook.worker.money.budgets import holds_of
from runhook.worker.money.ledger import (
    Line,
    difference,
    lines_of,
    packed,
    submitted_on,
    summed,
    unpacked,
)
from runhook.worker.money.rows import Row
from runhook.worker.money.rows import summed as added_up
from runhook.worker.money.standing import Bill, bill_of

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
FAILED = Error(code="failed", message="")
texts = st.decimals(min_value=0, max_value=10**6, places=9, allow_nan=False).map(
    lambda amount: f"{amount:f}"
)
costs = st.none() | st.builds(
    Cost,
    money=st.none() | texts,
    coins=st.none() | texts,
    seconds=st.none() | texts,
    currency=st.sampled_from([None, "CNY"]),
)
attempts: st.SearchStrategy[list[dict[str, object]]] = st.lists(
    st.builds(
        dict,
        ref=st.sampled_from([None, "7"]),
        state=st.sampled_from([None, *State]),
        cost=costs,
        error=st.sampled_from([None, FAILED, Error(code="unconfirmed", message="")]),
        submitted_at=st.sampled_from([None, NOON, NOON + timedelta(days=1)]),
        price=st.none() | texts,
        held=st.none() | texts,
    ),
    min_size=1,
    max_size=3,
)


def _job(state: State = State.RUNNING, *several: dict[str, object], kind: str = "image") -> Job:
    made = tuple(
        Attempt(n=n, held_on="2026-11-28", **one)  # type: ignore[arg-type]
        for n, one in enumerate(several, start=1)
    )
    spec = JobSpec(model="m", kind=kind, input={}, created_at=NOON)
    history = JobHistory(updated_at=NOON, attempts=made)
    return Job(id="job_1", spec=spec, state=state, history=history)


lives = st.builds(lambda state, several: _job(state, *several), st.sampled_from(State), attempts)


@given(st.lists(lives, min_size=1, max_size=6))
def test_differences_lead_from_any_life_to_any_other_and_so_to_the_last(life: list[Job]) -> None:
    days: Counter[object] = Counter()
    before: list[Line] = []
    for job in life:
        lines = unpacked(packed(lines_of(job, "CNY")))
        assert lines == lines_of(job, "CNY")
        for row, counts in difference(before, lines).items():
            for name, count in counts.items():
                days[row, name] += count
        before = lines
    wanted = summed(lines_of(life[-1], "CNY"))
    assert +days == +wanted
    assert -days == -wanted


@given(lives)
def test_what_nobody_charged_is_not_counted_and_what_is_told_is(job: Job) -> None:
    lines = lines_of(job, None)
    assert sum(line.jobs for line in lines) == bool(lines)
    told = [a.cost.money for a in job.history.attempts if a.cost]
    assert [line.money for line in lines if line.money] == [money for money in told if money]
    assert all(count >= 0 for count in holds_of(job).values())


@pytest.mark.parametrize(
    ("state", "attempt", "kind", "bill"),
    [
        (State.QUEUED, {}, "image", Bill.NOT_SENT),
        (State.SENDING, {}, "image", Bill.NOT_SENT),
        (State.RUNNING, {"ref": "7"}, "image", Bill.COMING),
        (State.UNCONFIRMED, {}, "image", Bill.UNPROVED),
        (State.SUCCEEDED, {"ref": "7"}, "image", Bill.UNPROVED),
        (State.SUCCEEDED, {"ref": "7", "cost": Cost(money="0")}, "image", Bill.TOLD),
        (State.FAILED, {"ref": "7", "error": FAILED}, "image", Bill.UNCHARGED),
        (State.FAILED, {"ref": "7", "error": FAILED}, "workflow", Bill.UNPROVED),
        (State.FAILED, {"error": Error(code="rejected", message="")}, "image", Bill.NONE),
        (State.FAILED, {"ref": "7", "error": Error(code="rejected", message="")}, "app", Bill.NONE),
        (State.FAILED, {"error": Error(code="expired", message="")}, "image", Bill.NONE),
        (State.FAILED, {"error": Error(code="unconfirmed", message="")}, "image", Bill.UNPROVED),
        (State.FAILED, {"ref": "7", "error": Error(code="no_output", message="")}, "image", None),
        (State.FAILED, {"ref": "7", "error": Error(code="timeout", message="")}, "image", None),
        (State.CANCELLED, {}, "image", Bill.NONE),
        (State.CANCELLED, {"ref": "7"}, "image", Bill.UNPROVED),
    ],
)
def test_every_end_says_what_is_known_of_its_bill(
    state: State, attempt: dict[str, object], kind: str, bill: Bill | None
) -> None:
    job = _job(state, attempt, kind=kind)
    assert bill_of(job, job.attempt) is (bill or Bill.UNPROVED)


def test_a_time_out_whose_task_failed_there_later_costs_nothing_by_the_call() -> None:
    error = Error(code="timeout", message="", detail={"ended_there": "failed"})
    job = _job(State.FAILED, {"ref": "7", "error": error})
    assert bill_of(job, job.attempt) is Bill.UNCHARGED


def test_an_attempt_belongs_to_the_utc_day_of_its_submit() -> None:
    late = NOON.replace(hour=23, minute=59)
    job = _job(State.RUNNING, {"ref": "7", "submitted_at": late, "queued_at": NOON})
    assert submitted_on(job, job.attempt) == "2026-11-28"
    assert submitted_on(job, Attempt(n=1, left_at=NOON + timedelta(days=1))) == "2026-11-29"
    assert submitted_on(job, Attempt(n=1)) == "2026-11-28", "its job's birth"


def test_rows_of_two_currencies_are_two_sums_and_unproved_ones_stand_apart() -> None:
    def row(currency: str | None, labels: dict[str, str] | None = None, **counts: int) -> Row:
        return Row(
            day="2026-11-28",
            model="m",
            tenant="t",
            currency=currency,
            labels=labels if labels is not None else {},
            counts={"a": 1, **{name.replace("_", "-"): n for name, n in counts.items()}},
        )

    rows = [row("CNY", m_6=140000), row(None, m_6=5), row("CNY", {"k": "v"}, m_6=1)]
    assert [(sum.currency, sum.money) for sum in added_up(rows, ())] == [
        ("CNY", Decimal("0.140001")),
        (None, Decimal("0.000005")),
    ]
    risky = row(None)
    risky = Row(**{**vars(risky), "counts": {"a": 2, "u": 2, "rCNY|-6": 280000, "r|-6": 1}})
    (sum,) = added_up([risky], ("day",))
    assert sum.risk == {"CNY": Decimal("0.28"), "": Decimal("0.000001")}
    assert sum.money == 0
