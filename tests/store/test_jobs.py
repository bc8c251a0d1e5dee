"""Job records: changed by compare-and-set, listed, swept."""

import pytest

from runhook.worker.domain import jobs, moves
from runhook.worker.domain.jobs import State
from runhook.worker.domain.moves import Move
from runhook.worker.errors import Conflict, NotFound
from runhook.worker.store import Change, JobFilter
from tests.conftest import IMAGE, House


def test_two_deciders_cannot_both_make_a_move(house: House) -> None:
    asked = house.ask()
    seen = 0

    def decide(job: jobs.Job) -> Change | None:
        nonlocal seen
        seen += 1
        if seen == 1:  # somebody else is faster
            house.w.store.jobs.change(asked.id, _turn)
        return _turn(job)

    def _turn(job: jobs.Job) -> Change | None:
        if not moves.may(job, Move.DISPATCH):
            return None
        return Change(job=moves.move(job, Move.DISPATCH, house.clock.now()), turn=True)

    word, job = house.w.store.jobs.change(asked.id, decide)
    assert (word, job.state, seen) == ("kept", State.SENDING, 2)


def test_the_same_key_and_request_is_the_same_job(house: House) -> None:
    from runhook.worker.flows import create
    from runhook.worker.flows.create import JobRequest

    first = create.request(house.w, JobRequest(model=IMAGE, input={"prompt": "a"}), key="k")
    again = create.request(house.w, JobRequest(model=IMAGE, input={"prompt": "a"}), key="k")
    assert first[0]
    assert not again[0]
    assert first[1].id == again[1].id
    with pytest.raises(Conflict):
        create.request(house.w, JobRequest(model=IMAGE, input={"prompt": "b"}), key="k")
    other = create.request(
        house.w, JobRequest(model=IMAGE, input={"prompt": "a"}), key="k", owner="other"
    )
    assert other[0], "keys are each token's own"


def test_pages_go_from_the_newest_to_the_oldest_without_gap(house: House) -> None:
    made = [house.ask(prompt=str(number)).id for number in range(7)]
    seen, cursor, wanted = [], None, JobFilter(states=("queued",), model=IMAGE)
    while True:
        page = house.w.store.listing.page(wanted, cursor, 3)
        seen += [job.id for job in page.jobs]
        if page.next is None:
            break
        cursor = page.next
    assert seen == made[::-1]


def test_a_queued_job_knows_its_place(house: House) -> None:
    first, second = house.ask(), house.ask(priority=9)
    line = house.w.store.queue
    assert line.place("main", second.id).position == 1
    assert line.place("main", first.id).position == 2


def test_what_ended_long_ago_is_swept_with_all_that_is_its_own(house: House) -> None:
    job = house.until(house.ask(), "succeeded")
    waiting = house.ask()
    house.lost = ["line"]
    house.clock.advance(31 * 86400)
    house.w.store.duties.wake("reconcile", "sweep")
    house.settle()
    with pytest.raises(NotFound):
        house.w.store.jobs.get(job.id)
    assert not [key for key in house.raw.scan_iter("*") if job.id.encode() in key]
    assert house.job(waiting).state is State.QUEUED, "what has not ended stays"


def test_a_job_whose_handler_was_never_told_is_not_swept(house: House) -> None:
    from runhook.worker.store import Published

    house.w.store.processes.publish_handlers([Published("away", ("job.succeeded",), None)])
    house.lost = ["handlers"]
    job = house.until(house.ask(), "succeeded")
    house.clock.advance(31 * 86400)
    house.w.store.duties.wake("reconcile", "sweep")
    house.settle()
    assert house.job(job).state is State.SUCCEEDED


def test_the_p95_of_a_models_last_jobs_decides_when_one_is_overdue(house: House) -> None:
    from runhook.worker.flows.steps.first_look import first_look

    job = house.ask()
    assert first_look(house.w, job) == 60
    house.raw.lpush(f"runhook:durations:{IMAGE}", *[n * 1000 for n in range(1, 41)])
    house.raw.expire(f"runhook:durations:{IMAGE}", 90)
    assert first_look(house.w, job) == 60, "what was seen a moment ago is believed"
    house.clock.advance(60)
    assert first_look(house.w, job) == 39
    house.raw.lpush(f"runhook:durations:{IMAGE}", *[99_000] * 40)
    house.clock.advance(-3600)
    assert first_look(house.w, job) == 99, "a clock that was put back is no reason to believe on"


@pytest.mark.parametrize("held", ["no list", ["no number"]])
def test_a_paid_answer_is_written_down_though_nobody_can_say_how_long_jobs_take(
    house: House, held: str | list[str]
) -> None:
    key = f"runhook:durations:{IMAGE}"
    if isinstance(held, str):
        house.raw.set(key, held)
    else:
        house.raw.rpush(key, *held)
    house.raw.expire(key, 90)
    job = house.ask()
    house.settle()
    assert house.job(job).attempt.ref
