"""The table of moves, walked: every state and every move."""

import itertools
from datetime import UTC, datetime

import pytest

from runhook.worker.domain import jobs, moves
from runhook.worker.domain.jobs import Job, JobHistory, JobSpec, State
from runhook.worker.domain.moves import TABLE, Move
from runhook.worker.domain.reports import Cost
from runhook.worker.errors import ImpossibleMove
from tests.every_move import MOVES, PAGE, STATES, page

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def _job(state: State) -> Job:
    return Job(
        id="job_1",
        spec=JobSpec(model="m", kind="image", input={}, created_at=NOW),
        state=state,
        history=JobHistory(updated_at=NOW),
    )


@pytest.mark.parametrize(("state", "how"), list(itertools.product(State, Move)))
def test_a_move_is_in_the_table_or_impossible(state: State, how: Move) -> None:
    job = _job(state)
    if (state, how) in TABLE:
        moved = moves.move(job, how, NOW)
        assert moved.state is TABLE[state, how]
        assert (moved.history.ended_at is not None) == moved.state.ended
    else:
        assert not moves.may(job, how)
        with pytest.raises(ImpossibleMove, match=f"{state}.*{how}"):
            moves.move(job, how, NOW)


def test_the_page_of_states_tells_every_state_and_every_move_of_the_table() -> None:
    assert set(STATES) == set(State)
    assert set(MOVES) == set(TABLE)
    assert PAGE.read_text() == page(), "it is stale: make states"


def test_an_end_is_left_only_by_late_success_and_by_the_users_retry() -> None:
    out = {(state, how) for state, how in TABLE if state.ended}
    assert out == {
        (State.FAILED, Move.SUCCEED),
        (State.FAILED, Move.RETRY),
        (State.CANCELLED, Move.RETRY),
    }


def test_every_state_can_be_reached_and_every_one_that_has_not_ended_can_be_left() -> None:
    assert set(TABLE.values()) == set(State)
    assert {state for state, _ in TABLE} >= {state for state in State if not state.ended}


def test_only_the_user_or_the_owners_setting_makes_a_second_attempt() -> None:
    to_queue = {how for (_, how), target in TABLE.items() if target is State.QUEUED}
    assert to_queue == {Move.RETURN, Move.RESUBMIT, Move.RETRY, Move.FALL_BACK}


def test_no_other_model_is_paid_for_while_an_attempt_is_unconfirmed() -> None:
    assert {state for state, how in TABLE if how is Move.FALL_BACK} == {
        State.SENDING,
        State.RUNNING,
    }


def test_costs_are_added_exactly() -> None:
    total = jobs.total(
        [
            Cost(money="0.1", currency=None, coins=None, seconds="3"),
            Cost(money="0.2", currency="CNY", coins="17", seconds=None),
        ]
    )
    assert total == Cost(money="0.3", currency="CNY", coins="17", seconds="3")
    assert jobs.total([]) is None


def test_back_in_the_line_an_attempt_is_as_if_it_never_left() -> None:
    sending = moves.move(_job(State.QUEUED), Move.DISPATCH, NOW)
    assert moves.back_to_queue(sending, NOW).attempt == jobs.Attempt(n=1)


def test_ids_sort_by_their_birth() -> None:
    ids = [jobs.new_id("job") for _ in range(200)]
    assert all(name.startswith("job_") for name in ids)
    assert ids == sorted(ids)
    assert len(set(ids)) == 200
