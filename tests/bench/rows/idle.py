"""Many jobs that run, and nothing happens: what waiting costs."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import machine
from tests.bench.clones import Mould, cast
from tests.bench.figures import Finding
from tests.bench.plan import Plan
from tests.bench.systems import System, lean_provider, naive, runhook
from tests.bench.usage import usage
from tests.conftest import eventually

NAME = "idle"
WHAT = "10,000 jobs that run, while nothing happens"
HOW = (
    "Running jobs with their deadlines far away are written into Redis, each as the real processes "
    "wrote the one they are made after; then the same 20 s are watched in every system. `naive` "
    "has no jobs: it is Celery waiting. CPU is of one core, of all processes and Redis."
)
NEVER = 7200.0  # seconds that a task takes
WATCHED = 20.0  # seconds
SETTLED = 5.0  # seconds in which the last of what was done is over


def run(plan: Plan) -> list[Finding]:
    """Measure."""
    title = f"{plan.running:,} running jobs, and nothing happens"
    finding = Finding(row=NAME, title=title, how=HOW)
    with (
        TemporaryDirectory() as folder,
        lean_provider(Path(folder), NEVER) as upstream,
        runhook(Path(folder), upstream.url, RUNHOOK_OVERDUE_AFTER="7000") as ours,
        naive(Path(folder), upstream.url) as theirs,
    ):
        connection = ours.connection()
        job = ours.ask(connection, 0)
        eventually(lambda: ours.job(job)["state"] == "running", 30)
        connection.close()
        _watch(finding, {"runhook, no jobs": ours})
        cast(ours.client, ours.server.socket, [Mould(ours.client, job)], plan.running)
        for number in range(plan.rounds):
            _watch(finding, {"runhook": ours, "naive": theirs})
            plan.say(f"{NAME} {number + 1}/{plan.rounds}")
    above = finding.figure("CPU of one core", "%")
    share = above.median("runhook") - above.median("naive")
    finding.notes.append(f"That is {share:.2f} % of a core above idle Celery.")
    return [finding]


def _watch(finding: Finding, systems: dict[str, System]) -> None:
    """All of them in the same seconds."""
    time.sleep(SETTLED)
    before = {
        name: (machine.cpu(system.sessions.values()), usage(system.client))
        for name, system in systems.items()
    }
    time.sleep(WATCHED)
    for name, system in systems.items():
        cpu, redis = before[name]
        spent = machine.cpu(system.sessions.values()) - cpu
        used = usage(system.client).since(redis)
        share = finding.figure("CPU of one core", "%", goal="≤ 0.5 % above idle Celery")
        share.add(name, 100 * spent / WATCHED)
        commands = finding.figure("Redis commands a second, inside scripts too", "", goal="≤ 20")
        commands.add(name, used.commands / WATCHED)
        trips = finding.figure("round trips a second", "")
        trips.add(name, used.trips / WATCHED)
