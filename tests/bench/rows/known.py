"""From a task's end to its owner's knowing, and how often RunningHub is asked for it."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import polling
from tests.bench.figures import Finding
from tests.bench.plan import Plan
from tests.bench.systems import (
    HANDLERS,
    IMAGE,
    Provider,
    System,
    lean_provider,
    runhook,
    sandbox,
)
from tests.conftest import eventually

NAME = "known"
WHAT = "from a task's end to its owner's knowing, beside a client that polls"
HOW = (
    "Four tasks at once, of one, two, three and four seconds. The polling client asks every five "
    "seconds, as the provider's kits do; runhook is called back. Known is the first handler that "
    "begins, or the answer that says so. A client that polls a video of ten minutes asks 120 "
    "times; runhook's calls do not grow with the time a task takes. Lost are callbacks at the "
    "sandbox, which keeps books of what it is asked."
)
TASKS = 4
OVERDUE = "5"  # seconds after which a callback that does not come is made good
GOAL = "≤ polling / 100"


def run(plan: Plan) -> list[Finding]:
    """Measure."""
    finding = Finding(row=NAME, title="From a task's end to its owner's knowing", how=HOW)
    with (
        TemporaryDirectory() as folder,
        lean_provider(Path(folder), 1.0, TASKS) as upstream,
        runhook(Path(folder), upstream.url) as ours,
    ):
        _called_back(ours, upstream)  # nobody counts the first
        for number in range(plan.rounds):
            _note(finding, "runhook", *_called_back(ours, upstream))
            _note(finding, "polling", *_polled(upstream))
            plan.say(f"{NAME} {number + 1}/{plan.rounds}")
    lost = finding.figure("calls a job, every callback lost", "", goal="≤ 3")
    lost.add("runhook", _all_lost())
    later = finding.figure("known after, p50", "ms")
    times = later.median("polling") / later.median("runhook")
    finding.notes.append(f"The client that polls knows {times:,.0f} times later.")
    return [finding]


def _note(finding: Finding, name: str, waits: list[float], calls: float) -> None:
    """Keep the seconds after which tasks were known, and the calls a job."""
    waits = sorted(waits)
    known = finding.figure("known after, p50", "ms", goal=GOAL)
    known.add(name, 1000 * waits[len(waits) // 2])
    finding.figure("known after, longest", "ms").add(name, 1000 * waits[-1])
    finding.figure("calls a job", "", goal="1.0").add(name, calls)


def _polled(upstream: Provider) -> tuple[list[float], float]:
    before = len(upstream.printed())
    with ThreadPoolExecutor(TASKS) as pool:
        parameters = {"prompt": "a harbour at dawn"}
        futures = [
            pool.submit(polling.known, upstream.url, IMAGE, parameters) for _ in range(TASKS)
        ]
        found = {known.task: known.at for known in (future.result() for future in futures)}
    asked = upstream.printed()[before:]
    ends = {task: moment for moment, task in asked}
    return [at - ends[task] for task, at in found.items()], 1 + len(asked) / TASKS


def _called_back(system: System, upstream: Provider) -> tuple[list[float], float]:
    before, printed = system.told_count(), len(upstream.printed())
    jobs = _asked(system)
    eventually(lambda: system.told_count() >= before + HANDLERS * len(jobs), 60)
    lines = upstream.printed()[printed:]
    waits = []
    for job in jobs:
        begun = min(float(moment) for _, of, moment in system.told() if of == job)
        waits += [begun - at for at, url in lines if f"/{job}/" in url]
    return waits, (TASKS + sum("/" not in what for _, what in lines)) / TASKS


def _asked(system: System) -> list[str]:
    connection = system.connection()
    jobs = [system.ask(connection, number) for number in range(TASKS)]
    connection.close()
    return jobs


def _all_lost() -> float:
    """Calls a job when no callback comes at all."""
    with (
        TemporaryDirectory() as folder,
        sandbox(Path(folder), pace=1.0, callback_lost=1.0) as upstream,
        runhook(Path(folder), upstream.url, RUNHOOK_OVERDUE_AFTER=OVERDUE) as ours,
    ):
        time.sleep(1)  # what is asked once, at the start, has been asked
        before = sum(upstream.books()["calls"].values())
        _asked(ours)
        eventually(lambda: ours.told_count() >= HANDLERS * TASKS, 60)
        return float(sum(upstream.books()["calls"].values()) - before) / TASKS
