"""What it costs to ask the command line for its help."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.figures import Finding
from tests.bench.plan import Plan

NAME = "start"
WHAT = "`runhook --help`, and Python that does nothing"
HOW = "Each command runs five times a round, in turn; the files are in the machine's memory."
TIMES = 5
RUNHOOK = str(Path(sys.executable).with_name("runhook"))
COMMANDS = {
    "runhook": (RUNHOOK, "--help"),
    "celery": (str(Path(sys.executable).with_name("celery")), "--help"),
    "python": (sys.executable, "-c", "pass"),
}
GOAL = "≤ 0.15 s"


def run(plan: Plan) -> list[Finding]:
    """Measure."""
    finding = Finding(row=NAME, title="`runhook --help`", how=HOW)
    for number in range(plan.rounds + 1):
        for name, command in COMMANDS.items():
            wall, cpu = _run(command)
            if number:  # the first only brings the files into memory
                finding.figure("until it ends", "s", goal=GOAL).add(name, wall)
                finding.figure("CPU", "s").add(name, cpu)
    return [finding]


def _run(command: tuple[str, ...]) -> tuple[float, float]:
    """Seconds until it ends and of CPU, the mean of several."""
    before, start = os.times(), time.perf_counter()
    for _ in range(TIMES):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return (time.perf_counter() - start) / TIMES, cpu / TIMES
