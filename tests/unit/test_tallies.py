"""What counts add up to: shares and run times, and spans that meet without a gap."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runhook.worker.domain.jobs import State
from runhook.worker.domain.tallies import STEP, Tally, spans_until, together

NOW = datetime(2026, 11, 29, 13, 7, 31, tzinfo=UTC)


def test_spans_meet_and_the_last_one_holds_now() -> None:
    spans = spans_until(NOW, 300, 12)
    assert len(spans) == 12
    assert all(one.end == other.start for one, other in pairwise(spans))
    assert spans[-1].start <= NOW < spans[-1].end
    assert spans[-1].start == datetime(2026, 11, 29, 13, 5, tzinfo=UTC)


def test_days_begin_at_midnight_in_utc() -> None:
    assert [span.start.hour for span in spans_until(NOW, 86_400, 30)] == [0] * 30


def test_the_share_of_success_is_of_those_that_succeeded_or_failed() -> None:
    counts = {"succeeded/callback/40": 3, "failed/detail/-": 1, "cancelled/-/-": 9}
    assert Tally(Counter(counts)).success == 0.75


def test_what_a_user_cancelled_was_not_reconciled() -> None:
    counts = {"succeeded/callback/40": 1, "succeeded/resend/40": 1, "cancelled/user/-": 9}
    assert Tally(Counter(counts)).reconciled == 0.5


def test_of_nothing_nothing_is_known() -> None:
    nothing = Tally()
    assert (nothing.success, nothing.reconciled, nothing.run_time(0.5)) == (None, None, None)


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=300), st.sampled_from([0.5, 0.95]))
def test_a_percentile_is_right_within_a_step(times: list[int], part: float) -> None:
    tally = Tally(Counter(f"succeeded/callback/{_step(ms)}" for ms in times))
    found = tally.run_time(part)
    true = sorted(times)[max(0, -(-round(part * len(times) * 100) // 100) - 1)] / 1000
    assert found
    assert true / STEP**1.01 <= found <= true * STEP**1.01


def _step(ms: int) -> int:
    step = 0
    while STEP ** (step + 1) <= ms:
        step += 1
    return step


@pytest.mark.parametrize("name", ["", "succeeded", "a/b/c/d", "succeeded/callback/9999999", "//٣"])
def test_what_is_no_name_of_ours_breaks_nothing(name: str) -> None:
    tally = together([Tally(Counter({name: 5})), Tally(Counter({"failed/query/-": 1}))])
    tally.run_time(0.95)
    assert (tally.ended(State.FAILED), tally.settled("query")) == (1, 1)


def test_a_span_knows_its_end() -> None:
    (span,) = spans_until(NOW, 3600, 1)
    assert span.end - span.start == timedelta(hours=1)
