"""A command whose words cannot be written says so in one line, and shows no traceback."""

import subprocess
import sys

import pytest

RUNHOOK = (sys.executable, "-m", "runhook.worker.cli")


@pytest.mark.parametrize("asked", ["models", "models --json", "--help"])
def test_a_full_disk_is_told_in_one_line(asked: str) -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [*RUNHOOK, *asked.split()], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "runhook: this could not be written: No space left on device"
    ]


def test_who_closed_the_output_gets_the_work_done_in_silence() -> None:
    closed = f"exec {' '.join(RUNHOOK)} models >&-"
    ended = subprocess.run(["sh", "-c", closed], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
