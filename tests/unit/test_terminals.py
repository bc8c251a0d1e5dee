"""What others wrote is shown as text: it moves no cursor, colours nothing, begins no line."""

import io
import json
import os
import pty
import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from rich.console import Console, Group
from rich.text import Text

from runhook import Runhook
from runhook.worker.cli.commands import show_faults
from runhook.worker.cli.console import WIDE, console_of, escaped
from runhook.worker.cli.job_tables import jobs_table
from runhook.worker.cli.listen import event_line, forward_line
from runhook.worker.cli.process_log import readable
from runhook.worker.cli.stages import Stage
from runhook.worker.cli.submission import Submission, submit
from runhook.worker.cli.tables import Rows
from runhook.worker.cli.trees import tree_of
from runhook.worker.client.errors import InvalidRequest, error_of
from runhook.worker.client.jobs import job_of
from runhook.worker.domain.events import Outcome, cloud_event, sample
from runhook.worker.domain.problems import problem_view
from runhook.worker.domain.views import job_view
from runhook.worker.errors import Fault
from runhook.worker.errors import InvalidRequest as Faulty

NASTY = {
    "escape": "\x1b[2J",
    "link": "\x1b]8;;https://evil.example\x07",
    "c1": "\x9b31m",
    "bidi": "\u202egnp.exe",
    "return": "good\rbad",
    "delete": "\x7f\x08",
    "separator": "a\u2028b",
}
COLOUR = re.compile(r"\x1b\[[\d;]*m")  # our own
MARKUP = "[/x] [red]a[/red] [link=https://evil.example]b :boom:"


def _shown(*things: object) -> str:
    file = io.StringIO()
    console = console_of(file, width=WIDE)
    for thing in things:
        console.print(thing)
    return file.getvalue()


def _refused(fault: Fault) -> InvalidRequest:
    error = error_of(problem_view(Faulty([fault])))
    assert isinstance(error, InvalidRequest)
    return error


def _obeyed(text: str) -> list[str]:
    return [char for char in text if char != "\n" and not char.isprintable()]


@pytest.mark.parametrize("name", NASTY)
def test_nothing_that_is_printed_reaches_a_terminal_with_its_control_characters(name: str) -> None:
    event = sample("runhook.alert", datetime.now(UTC))
    event.detail["alert"] = NASTY[name]
    refused = _refused(
        Fault(path=NASTY[name], message=NASTY[name], allowed=(), nearest=NASTY[name])
    )
    file = io.StringIO()
    show_faults(console_of(file, width=WIDE), refused)
    said = _shown(
        NASTY[name],
        Text(NASTY[name]),
        Group(Text(NASTY[name], "bold"), NASTY[name]),
        event_line(cloud_event(event, "")),
        forward_line(Outcome(word="failed", took=1.0, why=NASTY[name])),
    )
    assert _obeyed(said + file.getvalue()) == []


@pytest.mark.parametrize("name", NASTY)
def test_the_id_of_a_new_job_is_one_clean_line(
    name: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    found = sample("job.queued", datetime.now(UTC)).job
    assert found
    rh = Runhook("http://127.0.0.1:9")
    job = job_of(job_view(found) | {"id": f"job_{NASTY[name]}\nanother"}, rh)
    monkeypatch.setattr(rh, "submit", lambda *_, **__: job)
    submit(rh, Submission(model="x", input={}, parts={}, key=None), as_json=False)
    said = capfd.readouterr().out
    assert (_obeyed(said), len(said.splitlines())) == ([], 1)


@pytest.mark.parametrize("name", NASTY)
def test_what_is_drawn_live_is_clean_by_itself(name: str) -> None:
    """Rich draws it past the console that would clean it."""
    found = sample("job.running", datetime.now(UTC)).job
    assert found
    nasty = {"model": NASTY[name], "ref": NASTY[name], "metadata": {NASTY[name]: NASTY[name]}}
    job = job_of(job_view(found) | nasty, Runhook("http://127.0.0.1:9"))
    stage = Stage(job)
    stage.nobody_answers(NASTY[name])
    file = io.StringIO()
    console = Console(file=file, width=WIDE)
    for shown in (tree_of([job]), stage, jobs_table([job])):
        console.print(shown)
    assert [char for char in _obeyed(file.getvalue()) if char != "\t"] == []


def test_what_is_printed_is_never_taken_for_markup() -> None:
    assert _shown(MARKUP) == f"{MARKUP}\n"


def test_a_fault_cannot_begin_a_line_of_its_own() -> None:
    file = io.StringIO()
    fault = Fault(path="prompt", message="is bad\nRefused; nothing\rwas paid")
    show_faults(console_of(file, width=WIDE), _refused(fault))
    assert len(file.getvalue().splitlines()) == 2


@pytest.mark.parametrize("name", NASTY)
def test_json_says_the_same_without_what_a_terminal_obeys(name: str) -> None:
    text = json.dumps({"prompt": NASTY[name] + " ä 海 \U000e0041"}, ensure_ascii=False)
    assert _obeyed(escaped(text)) == []
    assert json.loads(escaped(text)) == json.loads(text)
    assert "ä 海" in escaped(text)


@pytest.mark.parametrize("name", NASTY)
def test_up_shows_each_line_of_a_process_as_one(name: str) -> None:
    forged = f"{NASTY[name]}\nweb       process.started"
    entry = {"event": "alert", "why": forged, "exception": f"Trace\nValueError: {NASTY[name]}"}
    first, *trace = [COLOUR.sub("", line) for line in readable(json.dumps(entry))]
    assert _obeyed(first) == []
    assert "process.started" in first
    assert all(row.startswith("  ") and not _obeyed(row) for row in trace)
    assert _obeyed("".join(readable(f"print of a handler {NASTY[name]}"))) == []


LOGS = """
from runhook.worker.telemetry import configure, report
configure()
try:
    raise ValueError("no\\n2026-11-24 10:00:00 [info     ] job.moved\\x1b[2J")
except ValueError:
    report("alert", why="a\\x1b]0;owned\\x07b\\n2026 forged", exc_info=True)
"""


def test_a_log_line_on_a_terminal_holds_what_its_fields_say() -> None:
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, "-c", LOGS], stderr=theirs, check=True, timeout=60)
    os.close(theirs)
    said = b""
    try:
        while piece := os.read(ours, 65536):
            said += piece
    except OSError:  # the end of a terminal that nobody holds
        pass
    os.close(ours)
    assert b"\x1b]" not in said
    assert b"\x1b[2J" not in said
    forged = [line for line in said.splitlines() if line.startswith((b"2026-11-24 10", b"2026 f"))]
    assert forged == []
    assert b"job.moved" in said


def test_cells_in_a_pipe_are_still_parted_by_tabs() -> None:
    table = Rows("job", "prompt")
    table.add_row("a", f"{NASTY['escape']}\tb")
    assert _shown(table) == "a\t [2J b\n"
