"""A callback, durable and answered: one web process on one core, everybody else on the other."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from runhook.worker.cli.processes import COMMANDS
from runhook.worker.secrets.signing import callback_url
from runhook.worker.store.embedded import EmbeddedServer
from tests.bench import machine
from tests.bench.clones import Mould, cast
from tests.bench.figures import Finding
from tests.bench.load import post, send
from tests.bench.plan import Plan
from tests.bench.provider import event
from tests.bench.raw import written
from tests.bench.systems import System, lean_provider, naive, runhook, web_alone
from tests.conftest import SECRET, eventually

NAME = "callback"
WHAT = "a callback durable and answered, on one core"
HOW = (
    "Distinct callbacks of 700 bytes for running jobs, signed as runhook signs them, over 32 kept "
    "connections. The web process has one core to itself; Redis and the client that sends have "
    "the other. The client itself takes some 20 µs a request, so it is what bounds the quickest; "
    "CPU is the web process's alone. No worker runs, so what is queued stays queued. `flask` is a "
    "view that answers 200, `wsgi` a callable that does, both under granian with runhook's "
    "settings and no Redis; `go` verifies the same signature and writes the same down in one "
    "script, with net/http and a socket to Redis; `redis` is that script alone, 32 in one round "
    "trip."
)
WEB_CORE, OTHER_CORE = {0}, {1}
WARM = 300  # requests before anything is counted
REQUESTS = 3000  # a round
QUIET = 0.3  # seconds in which the last request's work is over
NEVER = 7200.0  # seconds that a task takes whose end nobody waits for
LIMIT = Path(__file__).parents[1] / "limit"
Requests = Callable[[int], list[bytes]]


@dataclass(kw_only=True)
class Door:
    """Where callbacks are sent.

    Attributes:
        name: In the table.
        port: Where it listens.
        session: Of its web process.
        redis: Of its Redis; None: it writes nothing down.
        requests: Makes so many distinct ones.
    """

    name: str
    port: int
    session: int
    redis: int | None
    requests: Requests


def run(plan: Plan) -> list[Finding]:
    """Measure every door in turn."""
    finding = Finding(row=NAME, title="A callback, durable and answered", how=HOW)
    with TemporaryDirectory() as folder, ExitStack() as ends:
        doors = list(_doors(Path(folder), ends, plan, finding))
        server = ends.enter_context(_a_redis(Path(folder) / "raw"))
        for door in doors:
            machine.pinned([door.session], WEB_CORE)
            if door.redis is not None:
                machine.pinned([door.redis], OTHER_CORE)
        ends.enter_context(machine.kept_to(OTHER_CORE))
        for number in range(plan.rounds):
            for door in plan.turn(doors, number):
                _measure(finding, door)
                plan.say(f"{NAME} {number + 1}/{plan.rounds} {door.name}")
            _measure_raw(finding, server)
    _beside_flask(finding)
    return [finding]


def _beside_flask(finding: Finding) -> None:
    """The same costs in empty Flask views, round by round."""
    costs = finding.figure("CPU a request", "µs").values
    beside = finding.figure("the same, in empty Flask views", "", goal="≤ 2")
    for name, values in costs.items():
        pairs = zip(values, costs["flask"], strict=True)
        beside.values[name] = [mine / empty for mine, empty in pairs]


def _doors(folder: Path, ends: ExitStack, plan: Plan, finding: Finding) -> Iterator[Door]:
    upstream = ends.enter_context(lean_provider(folder, NEVER))
    commands = {role: COMMANDS[role] for role in ("web", "worker")}
    ours = ends.enter_context(runhook(folder, upstream.url, commands))
    jobs = iter(running(ours, (WARM + REQUESTS) * plan.rounds))
    yield _door(ours, lambda number: callback_url("", [SECRET], next(jobs), 1))
    theirs = ends.enter_context(naive(folder, upstream.url))
    theirs.end("worker")
    yield _door(theirs, lambda number: f"/callbacks/{uuid.uuid4().hex}")
    for name in ("flask", "wsgi"):
        bare = (sys.executable, "-m", "tests.bench.bare", name, "$PORT")
        port, session = ends.enter_context(web_alone(folder, name, *bare))
        yield Door(
            name=name, port=port, session=session, redis=None, requests=_requests(port, _signed)
        )
    if shutil.which("go") is None:
        finding.notes.append("Go is not on this machine, so the limit could not be measured.")
        return
    server = ends.enter_context(_a_redis(folder / "go"))
    limit = (str(_built(folder)), "$PORT", str(server.socket), SECRET)
    port, session = ends.enter_context(web_alone(folder, "go", *limit))
    yield Door(
        name="go",
        port=port,
        session=session,
        redis=server.process_id,
        requests=_requests(port, _signed),
    )


def running(system: System, count: int) -> list[str]:
    """So many jobs that run at the provider, one of them sent there; no worker goes on."""
    job = system.ask(system.connection(), 0)
    eventually(lambda: system.job(job)["state"] == "running", 30)
    time.sleep(QUIET)
    system.end("worker")
    return cast(system.client, system.server.socket, [Mould(system.client, job)], count)


def _door(system: System, path: Callable[[int], str]) -> Door:
    return Door(
        name=system.name,
        port=system.port,
        session=system.sessions["web"],
        redis=system.sessions["redis"],
        requests=_requests(system.port, path),
    )


def _signed(number: int) -> str:
    """A path as good as any, where nobody knows which jobs there are."""
    return callback_url("", [SECRET], f"job_{number:028x}", 1)


def _requests(port: int, path: Callable[[int], str]) -> Requests:
    numbers = itertools.count(1)

    def made(count: int) -> list[bytes]:
        return [_request(port, path, next(numbers)) for _ in range(count)]

    return made


def _request(port: int, path: Callable[[int], str], number: int) -> bytes:
    return post(port, path(number), json.dumps(event(str(2 * 10**18 + number))).encode())


def _built(folder: Path) -> Path:
    """The limit's program."""
    program = folder / "limit"
    command = ("go", "build", "-o", str(program), str(LIMIT / "main.go"))
    environ = {**os.environ, "GO111MODULE": "off", "GOCACHE": str(folder / "cache")}
    subprocess.run(command, check=True, env=environ)
    return program


@contextmanager
def _a_redis(folder: Path) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(folder, Path("/tmp") / f"runhook-bench-{folder.name}-{os.getpid()}.s")
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _measure(finding: Finding, door: Door) -> None:
    send(door.port, door.requests(WARM))
    requests = door.requests(REQUESTS)
    sessions = {"CPU a request": door.session, "of Redis": door.redis}
    before = {what: machine.cpu([session]) for what, session in sessions.items() if session}
    answered = send(door.port, requests)
    time.sleep(QUIET)
    assert not answered.refused, f"{door.name} refused {answered.refused} of {REQUESTS}"
    for what, spent in before.items():
        cost = finding.figure(what, "µs", goal=GOALS.get(what, ""))
        cost.add(door.name, 1e6 * (machine.cpu([sessions[what] or 0]) - spent) / REQUESTS)
    rate = finding.figure("requests a second", "", more=True)
    rate.add(door.name, REQUESTS / answered.seconds)
    waits = sorted(answered.waits)
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        wait = finding.figure(f"answered within, {name}", "ms")
        wait.add(door.name, 1000 * waits[int(len(waits) * share)])


GOALS = {"CPU a request": "≤ naive / 5"}


def _measure_raw(finding: Finding, server: EmbeddedServer) -> None:
    """The limit's script without any web before it."""
    bodies = [json.dumps(event(str(2 * 10**18 + number))).encode() for number in range(REQUESTS)]
    before = machine.cpu([server.process_id or 0])
    seconds = written(server.socket, bodies)
    finding.figure("of Redis", "µs").add(
        "redis", 1e6 * (machine.cpu([server.process_id or 0]) - before) / REQUESTS
    )
    finding.figure("requests a second", "", more=True).add("redis", REQUESTS / seconds)
