"""Records in columns: whole lines in a pipe, what fits on a terminal."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from runhook import Job, Runhook
from runhook.worker import catalogue
from runhook.worker.cli.console import WIDE
from runhook.worker.cli.demo_scenes import SCENES
from runhook.worker.cli.job_tables import LONGEST_SHOWN, job_page, jobs_table
from runhook.worker.cli.model_tables import models_table
from runhook.worker.cli.tables import GAP, Rows, particulars
from runhook.worker.client.jobs import job_of
from runhook.worker.domain.events import sample
from runhook.worker.domain.views import job_view


def _job() -> Job:
    found = sample("job.succeeded", datetime.now(UTC)).job
    assert found
    return job_of(job_view(found), Runhook("http://127.0.0.1:9"))


def _lines(shown: object, width: int | None = None) -> list[str]:
    """What is printed: on a terminal so wide, or in a pipe."""
    file = io.StringIO()
    terminal = width is not None
    Console(file=file, force_terminal=terminal, color_system=None, width=width or WIDE).print(shown)
    return file.getvalue().splitlines()


def test_in_a_pipe_each_model_is_one_line() -> None:
    found = catalogue.search("")
    lines = _lines(models_table(found))
    assert [line.split("\t")[0] for line in lines] == [model.endpoint for model in found]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_on_a_terminal_a_record_is_one_line_that_fits(width: int) -> None:
    job = _job()
    for table, count in (
        (models_table(catalogue.search("")), len(catalogue.search(""))),
        (jobs_table([job] * 3), 3),
    ):
        lines = _lines(table, width)
        assert len(lines) == count + 1
        assert max(map(len, lines)) <= width


def test_on_a_usual_terminal_a_models_price_says_what_it_is_for() -> None:
    head, *lines = _lines(models_table(catalogue.search("vidu text-to-video q3")), 80)
    assert head.split() == ["endpoint", "makes", "price"]
    assert lines
    assert all(line.rstrip().endswith("CNY a second") for line in lines)


def test_columns_give_way_by_importance() -> None:
    job = _job()
    heads = {width: _lines(jobs_table([job]), width)[0].split() for width in (60, 80, 160)}
    assert {"job", "model", "state"} <= set(heads[60])
    assert set(heads[60]) < set(heads[80]) <= set(heads[160])
    assert "ref" in heads[160]
    assert "succeeded" in _lines(jobs_table([job]), 60)[1]


def test_particulars_are_whole_on_a_terminal_as_in_a_pipe() -> None:
    table = particulars()
    table.add_row("dashboard", "http://127.0.0.1:8080/jobs/job_1")
    assert _lines(table) == ["dashboard\thttp://127.0.0.1:8080/jobs/job_1"]
    assert _lines(table, 80)[0].split() == ["dashboard", "http://127.0.0.1:8080/jobs/job_1"]


def test_a_terminal_shows_as_much_of_ids_as_tells_them_apart_and_long_cells_below() -> None:
    table = Rows("job", "output", shortened="job", below="output")
    for end in ("a1", "a2"):
        table.add_row(f"job_01a224d32642{end}", f"http://127.0.0.1/{'x' * 90}/{end}")
    lines = [line.rstrip() for line in _lines(table, 40)]
    assert lines[0] == "job"
    assert [lines[1], lines[5]] == ["job_01a224d32642a1", "job_01a224d32642a2"]
    assert "".join(map(str.strip, lines[2:5])) == f"http://127.0.0.1/{'x' * 90}/a1"
    assert _lines(table)[0].split("\t")[0] == "job_01a224d32642a1"


def test_a_particular_that_is_cut_is_marked_as_cut() -> None:
    entry = {"at": "2026-11-22T10:00:00.123Z", "what": "asked RunningHub", "status": 200}
    bodies = ("x" * LONGEST_SHOWN, "x" * (LONGEST_SHOWN + 1))
    told = _lines(job_page(_job(), "", (), [entry | {"answer": body} for body in bodies]))[-2:]
    assert [line.endswith("…") for line in told] == [False, True]


def test_what_a_cell_holds_cannot_end_its_line_or_colour_it() -> None:
    table = Rows("job", "why")
    table.add_row("a", "[red]first\nsecond\tthird\x1b[31m")
    assert _lines(table) == ["a\t[red]first second third [31m"]


def test_the_demo_tables_fit_a_usual_terminal() -> None:
    stories = max(len(scene.story) for scene in SCENES)
    names = max(len(scene.name) for scene in SCENES)
    # A mark, the widest of each of the others, and what stands between them.
    widths = (1, names, stories, len("succeeded"), len("callback"), len("3 of 3, 2 again"))
    assert sum(widths) + GAP * (len(widths) - 1) <= 80
