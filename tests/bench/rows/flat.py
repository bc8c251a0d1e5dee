"""What each operation costs Redis, with few jobs kept and with very many."""

import os
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from runhook.config.settings import Settings
from runhook.worker.flows.sweep import sweep
from runhook.worker.secrets.signing import callback_url
from runhook.worker.store import SetClock
from runhook.worker.wiring import assemble
from tests.bench import machine, stalls
from tests.bench.clones import Mould, cast
from tests.bench.figures import Finding
from tests.bench.load import post, send
from tests.bench.plan import Plan
from tests.bench.rows.job import burst
from tests.bench.systems import IMAGE, System, runhook, sandbox
from tests.bench.usage import Usage, usage
from tests.conftest import SECRET, eventually

NAME = "flat"
WHAT = "each operation's cost in Redis at 1,000 jobs kept and at 100,000"
HOW = (
    "Ended jobs are written into Redis, each as the real processes wrote the one it is made after; "
    "half of them failed and are of another model. The sizes are up together and take turns: jobs "
    "run through, nothing happens for a while, pages are read, jobs are asked for and callbacks "
    "sent with no worker left to take them. At last a sweep removes all, a month later. All is "
    "counted by Redis itself: `commands` has those inside scripts too, CPU is its main thread's. "
    "Before it is counted Redis has grown its tables and rewritten its file, which it does not do "
    "meanwhile. The longest command is by the clock, so one in which the server was put aside for "
    "others counts as long. So the two servers share a core on which nothing else of this runs; "
    "the machine's own work still does. How late a process on the other core that sleeps a "
    "millisecond at a time woke at most in the sweep stands beside it."
)
OTHER = "rhart-text-g-25-flash/text-to-text"
FAILS = "this one fails"  # in a prompt
JOBS = 40  # that run through
READS = 100  # of each page
WATCHED = 5.0  # seconds in which nothing happens
PAUSE = 2.0  # seconds in which Redis begins what it has put off
SETTLING = 600.0  # seconds at most until Redis is at rest: a million jobs are 20 GB of its file
SLOW, SLOW_ONES = 500, 10_000  # µs from which the server keeps a command, and how many of them
SERVERS_CORE, OTHER_CORE = {0}, {1}
LONG = 5000  # µs that no command should take
PAGES = {
    "a page of jobs": "/v1/jobs?limit=50",
    "a page of one state": "/v1/jobs?state=succeeded&limit=50",
    "a filtered page, nothing found": f"/v1/jobs?state=succeeded&model={OTHER}",
    "counts of the queue": "/v1/queue",
    "counts of handlers": "/v1/handlers",
    "a page of deliveries": "/v1/deliveries?limit=50",
    "a page of events": "/v1/events?limit=50",
}
COUNTED: dict[str, Callable[[Usage], int]] = {
    "commands": lambda used: used.commands,
    "bytes": lambda used: used.network,
    "CPU µs": lambda used: used.cpu_us,
}


def run(plan: Plan) -> list[Finding]:
    """Measure; the sizes are up together, for one minute of a machine is not as another."""
    finding = Finding(row=NAME, title="Whether costs stay flat", how=HOW)
    with machine.kept_to(OTHER_CORE), crowds(plan, finding) as systems:
        machine.pinned([system.sessions["redis"] for system in systems.values()], SERVERS_CORE)
        _in_turns(finding, plan, systems)
        for kept, name in zip(plan.kept, systems, strict=True):
            _longest(finding, systems[name], name, "longest command of all this")
            with stalls.longest() as late:
                _swept(finding, systems[name], name, kept)
            _longest(finding, systems[name], name, "longest command of the sweep")
            figure = finding.figure("latest that a process which only sleeps woke meanwhile", "ms")
            figure.add(name, late.value)
    return [finding]


@contextmanager
def crowds(plan: Plan, finding: Finding) -> Iterator[dict[str, System]]:
    """A system for each size, by the name under which its figures stand, filled and at rest."""
    names = [f"{kept:,} kept" for kept in plan.kept]
    finding.compared = (f"times that at {plan.kept[0]:,}", names[0], names[-1])
    with TemporaryDirectory() as folder, ExitStack() as stack:
        upstream = stack.enter_context(sandbox(Path(folder), pace=0.1))
        upstream.faults({"fault": "failed", "match": FAILS})
        systems = {}
        for kept, name in zip(plan.kept, names, strict=True):
            place = Path(folder) / str(kept)
            place.mkdir()
            systems[name] = stack.enter_context(runhook(place, upstream.url))
            _crowded(systems[name], kept)
            plan.say(f"{finding.row} {name}")
        yield systems


def _in_turns(finding: Finding, plan: Plan, systems: dict[str, System]) -> None:
    """Each size in each round: first with workers, then what is read and taken without."""
    for number in range(plan.rounds):
        for name in plan.turn(list(systems), number):
            _worked(finding, systems[name], name)
    end_workers(systems)
    for number in range(plan.rounds):
        for name in plan.turn(list(systems), number):
            _asked_of_web(finding, systems[name], name)
        plan.say(f"{NAME} round {number + 1} of {plan.rounds}")


def end_workers(systems: dict[str, System]) -> None:
    """From now on only web runs."""
    for system in systems.values():
        for role in ("worker", "handlers"):
            system.end(role)


def _crowded(system: System, kept: int) -> None:
    """Fill it with ended jobs, half of which failed."""
    moulds = []
    for model, prompt in ((IMAGE, "a harbour"), (OTHER, FAILS)):
        connection = system.connection()
        job = system.ask(connection, 0, model, {"prompt": prompt})
        connection.close()
        eventually(partial(_has_ended, system, job), 30)
        time.sleep(1)  # its handlers have been told by now
        moulds.append(Mould(system.client, job))
    cast(system.client, system.server.socket, moulds, kept)
    burst(system, JOBS)
    _at_rest(system.client)


def _at_rest(client: Any) -> None:
    """Let Redis end what writing so much at once has begun, and begin it no more."""
    client.config_set("slowlog-log-slower-than", SLOW)
    client.config_set("slowlog-max-len", SLOW_ONES)
    client.config_set("auto-aof-rewrite-percentage", 0)
    _until_quiet(client)
    client.bgrewriteaof()  # refused while one is under way
    _until_quiet(client)
    client.slowlog_reset()


def _until_quiet(client: Any) -> None:
    """Until it does nothing by itself. Looked at again: tables grow once a rewrite has ended."""
    for _ in range(2):
        eventually(lambda: not _busy_by_itself(client.info("everything")), SETTLING)
        time.sleep(PAUSE)


def _busy_by_itself(info: dict[str, Any]) -> bool:
    tasks = ("aof_rewrite_scheduled", "aof_rewrite_in_progress", "databases_rehashing_count")
    return any(info.get(task) for task in tasks)


def _has_ended(system: System, job: str) -> bool:
    return system.job(job)["state"] in ("succeeded", "failed")


def _worked(finding: Finding, system: System, name: str) -> None:
    with _counted(finding, system, name, "a whole job", JOBS):
        burst(system, JOBS)
        time.sleep(1)
    with _counted(finding, system, name, "a second of nothing", WATCHED):
        time.sleep(WATCHED)


def _asked_of_web(finding: Finding, system: System, name: str) -> None:
    for what, path in PAGES.items():
        _read(system, path)  # nobody counts the first
        with _counted(finding, system, name, what, READS):
            for _ in range(READS):
                _read(system, path)
    _asked_and_called_back(finding, system, name)


def _asked_and_called_back(finding: Finding, system: System, name: str) -> None:
    """Jobs that nobody takes up, and callbacks for them that nobody takes in."""
    connection = system.connection()
    with _counted(finding, system, name, "asking for a job", JOBS):
        jobs = [system.ask(connection, number) for number in range(JOBS)]
    connection.close()
    paths = [callback_url("", [SECRET], job, 1) for job in jobs]
    requests = [post(system.port, path, b'{"event": "TASK_END"}') for path in paths]
    with _counted(finding, system, name, "a callback", JOBS):
        assert not send(system.port, requests, 1).refused


def _longest(finding: Finding, system: System, name: str, what: str) -> None:
    rows = system.client.slowlog_get(SLOW_ONES)
    took, which = max(((row["duration"], row["command"]) for row in rows), default=(0, b""))
    finding.figure(what, "ms", goal="≤ 5").add(name, took / 1000)
    words = " ".join(which.decode("utf-8", "replace").split()[:2])  # the rest is what it was given
    long = sum(row["duration"] > LONG for row in rows)
    finding.notes.append(f"{name}, {what}: `{words}`; {long} beyond {LONG // 1000} ms.")
    system.client.slowlog_reset()


@contextmanager
def _counted(
    finding: Finding, system: System, name: str, what: str, times: float
) -> Iterator[None]:
    before = usage(system.client)
    yield
    used = usage(system.client).since(before)
    for unit, count in COUNTED.items():
        goal = "≤ 1.2 times" if unit == "CPU µs" else ""
        finding.figure(f"{what}: {unit}", "", goal=goal).add(name, count(used) / times)


def _read(system: System, path: str) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{system.port}{path}", timeout=60) as answer:
        answer.read()


def _swept(finding: Finding, system: System, name: str, kept: int) -> None:
    """One sweep, a month and a day from now: it removes every job."""
    later = SetClock((datetime.now(UTC) + timedelta(days=31)).timestamp())
    # Its own Redis by name: in another, which the caller's .env may name, it would remove all.
    environ: dict[str, Any] = {**os.environ, **system.environ, "REDIS_URL": system.server.url}
    w = assemble(Settings.of(environ, "worker"), clock=later)
    with _counted(finding, system, name, "sweeping, a job", kept):
        sweep(w)
