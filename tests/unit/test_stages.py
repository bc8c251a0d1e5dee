"""How waiting is drawn: a job's stage, its time beside the usual one, and never a percentage."""

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from runhook import Job, Runhook
from runhook.worker.cli.console import console_of
from runhook.worker.cli.stages import SCALE, Stage, scale, stage_line
from runhook.worker.client.jobs import Progress, job_of
from runhook.worker.domain.events import sample
from runhook.worker.domain.lengths import lasted
from runhook.worker.domain.views import job_view


def _job(state: str, **more: object) -> Job:
    found = sample(f"job.{state}", datetime.now(UTC)).job
    assert found
    document = job_view(found) | {"price": {"money": "1.35", "currency": "CNY"}} | more
    return job_of(document, Runhook("http://127.0.0.1:9"))


def _drawn(stage: Stage, width: int = 100) -> str:
    file = io.StringIO()
    console_of(file, width=width).print(stage)
    return file.getvalue()


def test_a_job_in_the_queue_shows_its_place_and_price() -> None:
    drawn = _drawn(Stage(_job("queued", queue_position=3)))
    for words in ("queued", "○ sending", "○ running", "place 3 in local's queue", "price 1.35 CNY"):
        assert words in drawn
    assert "%" not in drawn


def test_a_running_job_stands_on_the_scale_of_its_models_times() -> None:
    job = replace(_job("running"), progress=Progress(elapsed=12, usual=10, p95=25))
    drawn = _drawn(Stage(job))
    for words in ("✓ queued", "✓ sending", "12 s", "half take 10 s, 19 of 20 25 s", "task 19"):
        assert words in drawn
    assert "usually 10 s" in stage_line(job).plain
    first = replace(job, progress=Progress(elapsed=1))
    assert "no job of this model has ended here yet" in _drawn(Stage(first))


@pytest.mark.parametrize(
    ("elapsed", "place"), [(0, 0), (5, SCALE // 2), (10, SCALE - 1), (99, SCALE - 1)]
)
def test_the_scale_ends_where_nineteen_of_twenty_had_ended(elapsed: float, place: int) -> None:
    drawn = scale(elapsed, 5, 10, 100).plain
    assert drawn.index("●") == place
    assert len(drawn.partition("┤")[0]) == SCALE
    assert ("takes longer" in drawn) == (elapsed > 10)


@pytest.mark.parametrize("elapsed", [1, 7, 11])
@pytest.mark.parametrize("usual", [4, 95, 5400])
@pytest.mark.parametrize("width", [80, 100])
def test_how_long_it_takes_stays_on_its_line(elapsed: float, usual: float, width: int) -> None:
    times = Progress(elapsed=elapsed * usual / 5, usual=usual, p95=2 * usual)
    drawn = _drawn(Stage(replace(_job("running"), progress=times)), width)
    (line,) = [line for line in drawn.splitlines() if "half take" in line]
    assert "19 of 20" in line
    assert ("takes longer" in line) == (elapsed > 10)


def test_who_does_not_answer_is_said_beside_what_was_known() -> None:
    stage = Stage(_job("running"))
    stage.nobody_answers("no answer from http://127.0.0.1:9")
    assert "no answer from http://127.0.0.1:9; asked again" in _drawn(stage)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (99, "99 s"), (100, "1 min"), (7200, "2 h"), (200_000, "2 d")],
)
def test_a_time_is_told_in_one_unit(seconds: float, text: str) -> None:
    assert lasted(seconds) == text
