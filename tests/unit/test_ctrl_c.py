"""Ctrl-C at whatever moment ends the command line with 130 and a line at most, and no traceback."""

import os
import subprocess
import sys

import pytest

# Ctrl-C comes at the very moment at which a module is about to be imported.
PROGRAM = """
import importlib.abc, os, signal, sys
sys.argv = ["runhook", *sys.argv[2:]]

class At(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == moment:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

moment = os.environ["MOMENT"]
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, At())
from runhook.worker.cli import main
main()
"""


def _broken_off(moment: str, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "-", *words],
        env=os.environ | {"MOMENT": moment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    "moment", ["click", "runhook.worker.cli.root", "runhook.worker.cli.models"]
)
def test_ctrl_c_while_a_command_is_imported_ends_it_without_a_word(moment: str) -> None:
    done = _broken_off(moment, "models", "vidu")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_ctrl_c_while_a_command_works_is_answered_in_one_line() -> None:
    done = _broken_off("runhook.worker.client.over_http", "jobs")
    assert done.returncode == 130
    assert done.stderr.splitlines() == [
        "broken off here; what the service has begun goes on without you"
    ]


def test_who_was_started_to_ignore_ctrl_c_goes_on() -> None:
    program = PROGRAM.replace("signal.default_int_handler", "signal.SIG_IGN")
    done = subprocess.run(
        [sys.executable, "-c", program, "-", "--version"],
        env=os.environ | {"MOMENT": "click"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, "runhook" in done.stdout) == (0, True), done.stderr
