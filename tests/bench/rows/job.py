"""A whole job with three handlers, in a burst: what it costs everywhere together."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import machine
from tests.bench.figures import Finding
from tests.bench.plan import Plan
from tests.bench.systems import HANDLERS, Provider, System, lean_provider, naive, runhook
from tests.bench.usage import families, usage

NAME = "job"
WHAT = "a whole job with three handlers, in a burst"
HOW = (
    "A burst of jobs is asked for over HTTP by four kept connections; a provider that costs next "
    "to nothing ends each task after 0.2 s and calls back; three handlers append a line to a file. "
    "Both systems are up at once and take turns. CPU is user and system time of web, worker, "
    "handlers and Redis with all their children, from /proc; the provider and the client that asks "
    "are not in it, yet they share the two cores, so jobs a second say less than CPU."
)
ASKING = 4  # connections
SECONDS = 0.2  # that a task takes
WARM = 40  # jobs before anything is counted: connections, scripts and children are there then
LOOK_EVERY = 0.05  # seconds between two looks whether all were told
STILL = 30.0  # seconds without any handler told after which no more is hoped for
QUIET = 1.0  # seconds after the last handler in which the rest is written down


def run(plan: Plan) -> list[Finding]:
    """Measure bursts of each size."""
    found = []
    for count in plan.bursts:
        with TemporaryDirectory() as folder:
            found.append(_bursts(Path(folder), plan, count))
    return found


def _bursts(folder: Path, plan: Plan, count: int) -> Finding:
    finding = Finding(row=f"{NAME}-{count}", title=f"A burst of {count:,} jobs", how=HOW)
    with both(folder, plan) as (upstream, systems):
        for system in systems:
            burst(system, WARM)
        for number in range(plan.rounds):
            for system in plan.turn(systems, number):
                _measure(finding, system, upstream, count)
                plan.say(f"{finding.row} {number + 1}/{plan.rounds} {system.name}")
        for system in systems:
            _memory(finding, system)
        _families(finding, systems[0], WARM + count * plan.rounds)
    return finding


@contextmanager
def both(folder: Path, plan: Plan) -> Iterator[tuple[Provider, list[System]]]:
    """The provider, runhook and the naive service."""
    with (
        lean_provider(folder, SECONDS) as upstream,
        runhook(folder, upstream.url) as ours,
        naive(folder, upstream.url, plan.pool) as theirs,
    ):
        yield upstream, [ours, theirs]


def burst(system: System, count: int) -> float:
    """Have so many jobs made and every handler told of each; the seconds that took."""
    before, start = system.told_count(), time.monotonic()
    ask_many(system, count)
    wait_for(system, before + HANDLERS * count)
    return time.monotonic() - start


def ask_many(system: System, count: int) -> None:
    """Ask for so many jobs, over some connections at once."""
    share = [count // ASKING + (number < count % ASKING) for number in range(ASKING)]
    threads = [threading.Thread(target=_ask, args=(system, part)) for part in share]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def wait_for(system: System, wanted: int) -> None:
    """Until handlers have written so many lines; looked at seldom, so that it costs nothing."""
    told, moved = system.told_count(), time.monotonic()
    while told < wanted:
        time.sleep(LOOK_EVERY)
        if system.told_count() > told:
            told, moved = system.told_count(), time.monotonic()
        elif time.monotonic() - moved > STILL:
            raise RuntimeError(f"{system.name} stands still at {told} of {wanted}")


def _ask(system: System, count: int) -> None:
    connection = system.connection()
    for number in range(count):
        system.ask(connection, number)
    connection.close()


def _measure(finding: Finding, system: System, upstream: Provider, count: int) -> None:
    sessions, name = system.sessions, system.name
    before = {role: machine.cpu([session]) for role, session in sessions.items()}
    provider, redis = machine.cpu([upstream.session]), usage(system.client)
    seconds = burst(system, count)
    time.sleep(QUIET)
    spent = {role: machine.cpu([session]) - before[role] for role, session in sessions.items()}
    used = usage(system.client).since(redis)
    cpu = finding.figure("CPU a job", "ms", goal="≤ 7.6 ms, half of naive")
    cpu.add(name, 1000 * sum(spent.values()) / count)
    for role, cost in spent.items():
        finding.figure(f"of it {role}", "ms").add(name, 1000 * cost / count)
    rate = finding.figure("jobs a second", "", goal="2 × naive", more=True)
    rate.add(name, count / seconds)
    trips = finding.figure("round trips to Redis a job", "", goal="≤ 17")
    trips.add(name, used.trips / count)
    finding.figure("scripts a job", "").add(name, used.scripts / count)
    if used.scripts >= count:  # Celery itself runs one now and then
        each = used.script_us / used.scripts
        finding.figure("server time of each script", "µs").add(name, each)
    finding.figure("Redis memory a job", "bytes").add(name, used.memory / count)
    if used.log > 0:  # else the file was written anew meanwhile
        finding.figure("append-only file a job", "bytes").add(name, used.log / count)
    upstream_cpu = machine.cpu([upstream.session]) - provider
    finding.figure("provider, not counted: CPU a job", "ms").add(name, 1000 * upstream_cpu / count)


def _memory(finding: Finding, system: System) -> None:
    total = finding.figure("PSS of all processes afterwards", "MB", goal="≤ naive")
    for role, session in system.sessions.items():
        size = machine.pss([session]) / 1e6
        finding.figure(f"PSS of {role}", "MB").add(system.name, size)
    total.add(system.name, machine.pss(system.sessions.values()) / 1e6)


def _families(finding: Finding, system: System, jobs: int) -> None:
    """What an ended job leaves behind, by kind of key."""
    sizes = families(system.client, "runhook:")
    whole = finding.figure("keys of an ended job", "bytes", goal="≤ 5,120")
    whole.add(system.name, sum(sizes.values()) / jobs)
    for kind, size in sizes.most_common(8):
        finding.figure(f"of it {kind}", "bytes").add(system.name, size / jobs)
