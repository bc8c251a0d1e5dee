"""More and more worker processes against one Redis: the curve, and where it bends."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from runhook.worker.cli.processes import COMMANDS
from tests.bench import machine
from tests.bench.figures import Finding
from tests.bench.plan import Plan
from tests.bench.rows.job import SECONDS, burst
from tests.bench.systems import System, lean_provider, runhook
from tests.bench.usage import usage

NAME = "workers"
WHAT = "1, 2, 4 and 8 worker processes against one Redis"
HOW = (
    "The same burst with so many `worker` and as many `handlers` processes of two children each. "
    "On two cores more processes bring no more jobs a second; what they show is whether a job "
    "costs Redis more when more workers compete for it. On paper, one Redis carries as many jobs a "
    "second as its time for one fits into a second."
)
JOBS = 200
WARM = 40
QUIET = 1.0  # seconds in which the rest is written down
HANDLERS = (*COMMANDS["handlers"][: COMMANDS["handlers"].index("--autoscale")], "-c", "2")
QUEUE = ("-Q", "handlers")


def run(plan: Plan) -> list[Finding]:
    """Measure once for each number."""
    finding = Finding(row=NAME, title="Many workers, one Redis", how=HOW)
    for count in plan.workers:
        commands = {"web": COMMANDS["web"]}
        for number in range(count):
            commands[f"worker-{number}"] = COMMANDS["worker"]
            commands[f"handlers-{number}"] = (*HANDLERS, *QUEUE)
        with (
            TemporaryDirectory() as folder,
            lean_provider(Path(folder), SECONDS) as upstream,
            runhook(Path(folder), upstream.url, commands) as ours,
        ):
            burst(ours, WARM)
            _measure(finding, ours, f"{count} of each")
        plan.say(f"{NAME} {count}")
    return [finding]


def _measure(finding: Finding, system: System, name: str) -> None:
    sessions = system.sessions
    before, redis = machine.cpu(sessions.values()), machine.cpu([sessions["redis"]])
    used = usage(system.client)
    seconds = burst(system, JOBS)
    time.sleep(QUIET)
    used = usage(system.client).since(used)
    finding.figure("jobs a second", "", more=True).add(name, JOBS / seconds)
    cpu = machine.cpu(sessions.values()) - before
    finding.figure("CPU a job", "ms").add(name, 1000 * cpu / JOBS)
    mine = machine.cpu([sessions["redis"]]) - redis
    finding.figure("of it Redis", "ms").add(name, 1000 * mine / JOBS)
    finding.figure("round trips a job", "").add(name, used.trips / JOBS)
    finding.figure("jobs a second that Redis alone could carry", "", more=True).add(
        name, JOBS / mine
    )
