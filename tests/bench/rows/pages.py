"""How long each page takes to come, and how large it is, with few jobs kept and with very many."""

import http.client
import json
import time
from collections.abc import Iterator

from tests.bench.figures import Finding
from tests.bench.plan import Plan
from tests.bench.rows.flat import OTHER, crowds, end_workers
from tests.bench.systems import IMAGE, System
from tests.bench.usage import usage

NAME = "pages"
WHAT = "each page's wait, round trips and size at 1,000 jobs kept and at 100,000"
HOW = (
    "Redis is filled as for the row of flat costs, half of the jobs failed and of another model. "
    "All sizes are up at once and take turns in each round; every page is asked for over one kept "
    "connection, without what it links to, and its first answer is not counted. No worker runs. "
    "Waits are by the clock and have in them whatever else the machine does; Redis' CPU has "
    "not. Round trips are reads from sockets as Redis counts them, so those of web's own rounds "
    "in the same moment are in them."
)
READS = 40  # of each page in a round
HEADERS = {"Accept": "text/html"}
NOBODY = "nobody-has-this-one"
PAGES = {
    "the front page": "/",
    "jobs, gallery": "/jobs",
    "jobs, table": "/jobs?view=table",
    "jobs of one state": "/jobs?view=table&state=succeeded",
    "jobs of one model": f"/jobs?view=table&model={OTHER}",
    "a filter that finds nothing": f"/jobs?view=table&state=succeeded&model={OTHER}",
    "a filter that finds half": f"/jobs?view=table&state=succeeded&model={IMAGE}",
    "a group that is not": f"/jobs?view=table&group={NOBODY}",
    "deliveries": "/deliveries",
    "subscriptions": "/subscriptions",
    "costs": "/costs",
    "account": "/account",
    "system": "/system",
}
LISTS = ("jobs", "a filter", "a group", "deliveries", "subscriptions", "a job")


def run(plan: Plan) -> list[Finding]:
    """Measure; the sizes are up together, for one minute of a machine is not as another."""
    finding = Finding(row=NAME, title="Pages, and how many jobs are kept", how=HOW)
    with crowds(plan, finding) as systems:
        end_workers(systems)
        for number in range(plan.rounds):
            for name in plan.turn(list(systems), number):
                _seen(finding, systems[name], name)
            plan.say(f"{NAME} round {number + 1} of {plan.rounds}")
    return [finding]


def _seen(finding: Finding, system: System, name: str) -> None:
    connection = system.connection()
    newest = _newest(connection)
    for what, path in {**PAGES, "a job": f"/jobs/{newest}"}.items():
        _one(finding, system, name, what, connection, path)
    connection.close()


def _newest(connection: http.client.HTTPConnection) -> str:
    rows = json.loads(_read(connection, "/v1/jobs?limit=1"))["items"]
    return str(rows[0]["id"])


def _one(
    finding: Finding,
    system: System,
    name: str,
    what: str,
    connection: http.client.HTTPConnection,
    path: str,
) -> None:
    size = len(_read(connection, path))
    before = usage(system.client)
    waits = sorted(_waits(connection, path))
    used = usage(system.client).since(before)
    for share, called, goal in ((0.5, "p50", ""), (0.95, "p95", _goal(what))):
        wait = finding.figure(f"{what}: {called}", "ms", goal=goal)
        wait.add(name, 1000 * waits[int(len(waits) * share)])
    finding.figure(f"{what}: round trips", "", goal=_trips(what)).add(name, used.trips / READS)
    finding.figure(f"{what}: CPU of Redis", "µs").add(name, used.cpu_us / READS)
    finding.figure(f"{what}: HTML", "KB", goal="≤ 60").add(name, size / 1000)


def _goal(what: str) -> str:
    if what.startswith(("a filter", "a group", "jobs of")):
        return "≤ 300"
    if what.startswith("jobs"):
        return "≤ 200, ≤ 1.2 times"
    return ""


def _trips(what: str) -> str:
    if what.startswith(LISTS):
        return "≤ 4"
    return ""


def _waits(connection: http.client.HTTPConnection, path: str) -> Iterator[float]:
    for _ in range(READS):
        begun = time.perf_counter()
        _read(connection, path)
        yield time.perf_counter() - begun


def _read(connection: http.client.HTTPConnection, path: str) -> bytes:
    connection.request("GET", path, headers=HEADERS)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, f"{path}: {answer.status}"
    return body
