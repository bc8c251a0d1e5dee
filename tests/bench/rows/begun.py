"""From a callback to the first handler that begins, where nothing else happens."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.figures import Finding
from tests.bench.plan import Plan
from tests.bench.rows.job import both, burst
from tests.bench.systems import HANDLERS, Provider, System
from tests.conftest import eventually

NAME = "begun"
WHAT = "from callback to handler begun, on an idle system"
HOW = (
    "One job at a time, with half a second of silence before each. From the moment at which the "
    "provider opens or takes up its connection to the first line that a handler writes, by one "
    "clock; both systems are up and take turns job by job."
)
JOBS = 20  # a round, of each system
SILENCE = 0.5  # seconds; long enough for every process to have gone to sleep
WARM = 5  # jobs of which nobody keeps the time
GOAL = "≤ 2 × naive"


def run(plan: Plan) -> list[Finding]:
    """Measure."""
    finding = Finding(row=NAME, title="From a callback to the handler that begins", how=HOW)
    with TemporaryDirectory() as folder, both(Path(folder), plan) as (upstream, systems):
        for system in systems:
            burst(system, WARM)
        for number in range(plan.rounds):
            waits: dict[str, list[float]] = {system.name: [] for system in systems}
            for _ in range(JOBS):
                for system in plan.turn(systems, number):
                    waits[system.name].append(_one(system, upstream))
            for name, found in waits.items():
                for share, what in ((0.5, "p50"), (0.99, "p99")):
                    wait = sorted(found)[int(len(found) * share)]
                    finding.figure(what, "ms", goal=GOAL).add(name, 1000 * wait)
            plan.say(f"{NAME} {number + 1}/{plan.rounds}")
    return [finding]


def _one(system: System, upstream: Provider) -> float:
    """Seconds from one callback to the first of its handlers."""
    time.sleep(SILENCE)
    before = system.told_count()
    connection = system.connection()
    job = system.ask(connection, 0)
    connection.close()
    eventually(lambda: system.told_count() >= before + HANDLERS, 30)
    begun = min(float(moment) for _, of, moment in system.told() if of == job)
    (called,) = [at for at, url in upstream.printed() if f"/{job}" in url]
    return begun - called
