"""What giving jobs their turn costs: the line is looked at only where somebody stands in it."""

from runhook.worker.flows.drain import drain
from tests.conftest import Build, House
from tests.trips import trips


def _line_is_due(house: House) -> bool:
    return bool(house.raw.zcard("runhook:due:line"))


def test_the_last_turns_put_the_duty_of_the_line_down_with_them(build: Build) -> None:
    house = build()
    house.ask()
    drain(house.w, "line")  # connections are there, and Redis knows the scripts
    house.ask()
    house.ask()
    # Claimed with those in front, and their turns; the claim behind that is one more where a thread
    # asks for the next duty by itself.
    assert trips(lambda: drain(house.w, "line")) == 2
    assert house.standing("sending") == 3
    assert not _line_is_due(house)


def test_a_slot_that_is_free_again_wakes_the_line_where_somebody_stands_in_it(
    build: Build,
) -> None:
    house = build(RUNHOOK_CONCURRENCY=1)
    first, second = house.ask(), house.ask()
    house.until(first, "succeeded")
    assert house.until(second, "succeeded")


def test_with_nobody_in_line_a_slot_that_is_free_again_wakes_nobody(build: Build) -> None:
    house = build()
    job = house.ask()
    drain(house.w, "line")
    house.lost = ["line"]
    house.until(job, "succeeded")
    assert not _line_is_due(house)
