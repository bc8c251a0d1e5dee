"""Every callback is lost: how long until all jobs are settled all the same."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from runhook.worker.domain import policy
from tests.bench.figures import Finding
from tests.bench.plan import Plan
from tests.bench.rows.job import ask_many, wait_for
from tests.bench.systems import HANDLERS, runhook, sandbox

NAME = "recovery"
WHAT = "jobs whose callbacks were all lost, until the last is settled"
HOW = (
    "Jobs are asked for at once, the sandbox loses every callback, and each job is overdue after "
    "ten seconds. Measured is from the moment at which the first is overdue until the last handler "
    f"was told. The questions alone take what they take at {policy.PACE_MOST} a second, the most "
    "that runhook asks; it begins with fewer, and asks more as long as it is answered."
)
OVERDUE = 10.0  # seconds


def run(plan: Plan) -> list[Finding]:
    """Measure, once: it takes as long as it takes."""
    finding = Finding(row=NAME, title=f"{plan.lost:,} callbacks lost", how=HOW)
    with (
        TemporaryDirectory() as folder,
        sandbox(Path(folder), pace=0.1, callback_lost=1.0) as upstream,
        runhook(Path(folder), upstream.url, RUNHOOK_OVERDUE_AFTER=str(OVERDUE)) as ours,
    ):
        start = time.monotonic()
        ask_many(ours, plan.lost)
        wait_for(ours, HANDLERS * plan.lost)
        seconds = time.monotonic() - start - OVERDUE
        calls = upstream.books()["calls"]
    finding.figure("until all are settled", "s").add("runhook", seconds)
    finding.figure("settled a second", "", more=True).add("runhook", plan.lost / seconds)
    beside = finding.figure("times as long as the questions alone", "", goal="≤ 3")
    beside.add("runhook", seconds * policy.PACE_MOST / plan.lost)
    asked = sum(calls.values()) / plan.lost
    finding.figure("calls a job", "", goal="≤ 3").add("runhook", asked)
    return [finding]
