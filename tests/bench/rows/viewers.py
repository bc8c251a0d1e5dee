"""Ten people who look at the pages, and how long a callback waits for its answer meanwhile."""

import http.client
import json
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path
from tempfile import TemporaryDirectory

from runhook.worker.cli.processes import COMMANDS
from runhook.worker.secrets.signing import callback_url
from tests.bench import machine
from tests.bench.figures import Finding
from tests.bench.plan import Plan
from tests.bench.provider import event
from tests.bench.rows.callback import NEVER, running
from tests.bench.systems import System, lean_provider, runhook
from tests.conftest import SECRET

NAME = "viewers"
WHAT = "how much longer a callback waits while ten people look at pages"
HOW = (
    "Distinct callbacks for running jobs, 50 a second over one kept connection, to one web "
    "process; Redis and it have what cores there are. In turn nobody looks, or ten viewers do, "
    "in a process of their own: each has a stream of events open and fetches the first page of "
    "jobs when it hears of one, as its script does. A job is asked for every two seconds in "
    "both turns, so that there is news; no worker runs. Who is first changes from round to "
    "round."
)
VIEWERS = 10
EACH = 300  # callbacks of a turn
PACE = 0.02  # seconds between two callbacks
WARM = 50  # callbacks that nobody counts
NEWS = 2.0  # seconds between two jobs that viewers hear of
GAP = 0.5  # seconds between two fetches of a viewer, as live.js has it
ALONE, WATCHED = "nobody looks", "ten look"
GOAL = "≤ 1.05 × nobody"
PAGE = {"Accept": "text/html", "X-Fragment": "1"}


def run(plan: Plan) -> list[Finding]:
    """Measure."""
    finding = Finding(row=NAME, title="Callbacks while people look", how=HOW)
    finding.compared = ("as quick as alone", WATCHED, ALONE)
    with TemporaryDirectory() as folder, lean_provider(Path(folder), NEVER) as upstream:
        commands = {role: COMMANDS[role] for role in ("web", "worker")}
        with runhook(Path(folder), upstream.url, commands) as system:
            jobs = iter(running(system, (WARM + EACH) * 2 * plan.rounds))
            for number in range(plan.rounds):
                for name in plan.turn([ALONE, WATCHED], number):
                    _measure(finding, system, name, jobs)
                    plan.say(f"{NAME} {number + 1}/{plan.rounds} {name}")
    return [finding]


def _measure(finding: Finding, system: System, name: str, jobs: Iterator[str]) -> None:
    with _viewers(system, VIEWERS * (name == WATCHED)) as fetched:
        line = system.connection()
        for _ in range(WARM):
            _call(line, next(jobs))
        before, begun = machine.cpu([system.sessions["web"]]), fetched()
        waits = sorted(_paced(line, jobs))
        spent = machine.cpu([system.sessions["web"]]) - before
        line.close()
        finding.figure("pages fetched", "").add(name, fetched() - begun)
    for share, what, goal in ((0.5, "p50", GOAL), (0.95, "p95", ""), (0.99, "p99", "")):
        wait = finding.figure(f"answered within, {what}", "ms", goal=goal)
        wait.add(name, 1000 * waits[int(len(waits) * share)])
    finding.figure("answered within, mean", "ms").add(name, 1000 * sum(waits) / len(waits))
    finding.figure("CPU of web", "s").add(name, spent)


def _paced(line: http.client.HTTPConnection, jobs: Iterator[str]) -> Iterator[float]:
    """Seconds that each callback waited; one that waits long delays no other's beginning."""
    due = time.perf_counter()
    for _ in range(EACH):
        due += PACE
        time.sleep(max(0.0, due - time.perf_counter()))
        yield _call(line, next(jobs))


def _call(line: http.client.HTTPConnection, job: str) -> float:
    body = json.dumps(event(str(2 * 10**18 + int(job[-12:], 16)))).encode()
    begun = time.perf_counter()
    line.request(
        "POST", callback_url("", [SECRET], job, 1), body, {"Content-Type": "application/json"}
    )
    answer = line.getresponse()
    answer.read()
    assert answer.status == 200, answer.status
    return time.perf_counter() - begun


@contextmanager
def _viewers(system: System, count: int) -> Iterator[Callable[[], int]]:
    """So many who look, until the block is over; how many pages they have fetched so far.

    In a process of their own: what they read keeps nobody here from the clock.
    """
    fetched, over = multiprocessing.Value("i", 0), multiprocessing.Event()
    crowd = multiprocessing.Process(target=_look_on, args=(system.port, count, over, fetched))
    crowd.start()
    done = threading.Event()
    asking = threading.Thread(target=_ask_now_and_then, args=(system, done), daemon=True)
    asking.start()
    yield lambda: fetched.value
    for told in (done, over):
        told.set()
    asking.join()
    crowd.join()


def _look_on(port: int, count: int, over: Event, fetched: "Synchronized[int]") -> None:
    """The process of those who look; the news that comes last ends them."""
    looking = [
        threading.Thread(target=_look, args=(port, over, fetched), daemon=True)
        for _ in range(count)
    ]
    for thread in looking:
        thread.start()
    over.wait()


def _look(port: int, over: Event, fetched: "Synchronized[int]") -> None:
    """One viewer: hears what changed, and fetches what it shows."""
    stream = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    stream.request("GET", "/live")
    news = stream.getresponse()
    while not over.is_set():
        if not news.readline().startswith(b"data:"):
            continue
        line.request("GET", "/jobs", headers=PAGE)
        answer = line.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        with fetched.get_lock():
            fetched.value += 1
        over.wait(GAP)


def _ask_now_and_then(system: System, over: threading.Event) -> None:
    """Something to look at, also where nobody looks: both turns have the same work besides."""
    line, number = system.connection(), 0
    while not over.wait(NEWS):
        system.ask(line, number)
        number += 1
    line.close()
