"""From an event to the first byte at a subscriber: 100 of them, with and without one that hangs."""

import contextlib
import io
import json
import multiprocessing
import tempfile
import time
import urllib.request
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from runhook.worker.store.scripts import stream_moment
from tests.bench.figures import Finding
from tests.bench.plan import Plan
from tests.conftest import IMAGE, eventually
from tests.journeys.conftest import Town, a_town
from tests.receiver import Reply, a_receiver

NAME = "told"
WHAT = "from an event to 100 subscribers, with and without one that hangs"
HOW = (
    "A hundred subscriptions, in a process of their own with many threads; in every second round "
    "one of them takes the connection and never answers. The sandbox, web, worker and handlers are "
    "the real processes."
)
SUBSCRIBERS, EVENTS = 100, 5  # events a round
PATIENCE = 60.0
LET_GO = 16.0  # seconds after which nobody waits for the one that hangs any more
ALL_ANSWER, ONE_HANGS = "all answer", "one hangs"


def subscribers(told: Connection) -> None:
    """Two servers in a process of their own: one that hears, one that hangs."""
    with a_receiver() as good, a_receiver() as stuck:
        stuck.answers(Reply(wait=3600))
        clock = time.time() - time.monotonic()
        told.send((good.url, stuck.url))
        while told.recv() != "over":
            heard = list(good.requests)
            told.send([(r.path, r.headers["webhook-id"], r.at + clock) for r in heard])


def run(plan: Plan) -> list[Finding]:
    """Measure."""
    finding = Finding(row=NAME, title="From an event to a hundred subscribers", how=HOW)
    finding.compared = ("times that without", ALL_ANSWER, ONE_HANGS)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=subscribers, args=(theirs,), daemon=True)
    process.start()
    urls = ours.recv()
    with (
        contextlib.redirect_stdout(io.StringIO()),  # a town says at its end what it logged
        tempfile.TemporaryDirectory() as folder,
        a_town(Path(folder), RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_HANDLERS="") as town,
    ):
        _measure(finding, plan, town, ours, urls)
    ours.send("over")
    return [finding]


def _measure(
    finding: Finding, plan: Plan, town: Town, ours: Connection, urls: tuple[str, str]
) -> None:
    good, stuck = urls
    for number in range(SUBSCRIBERS - 1):
        _subscribed(town, f"{good}/{number}")
    last = _subscribed(town, f"{good}/last")
    _round(town, ours, SUBSCRIBERS)  # nobody counts the first
    for number in range(plan.rounds):
        for name in (ALL_ANSWER, ONE_HANGS):
            hangs = name == ONE_HANGS
            url = stuck if hangs else f"{good}/last"
            _call(town, "PATCH", f"/{last['id']}", {"url": url})
            found = sorted(_round(town, ours, SUBSCRIBERS - hangs))
            for share, what in ((0.5, "p50"), (0.99, "p99")):
                wait = found[min(len(found) - 1, int(len(found) * share))]
                finding.figure(what, "ms").add(name, 1000 * wait)
            if hangs:
                time.sleep(LET_GO)
        plan.say(f"{NAME} {number + 1}/{plan.rounds}")


def _subscribed(town: Town, url: str) -> Any:
    return _call(town, "POST", "", {"url": url, "events": ["job.succeeded"]})


def _round(town: Town, subscribers: Connection, hearing: int) -> list[float]:
    """Seconds from each event to each first byte."""
    found: list[float] = []
    for _ in range(EVENTS):
        job = town.post({"model": IMAGE, "input": {"prompt": "a bench"}})["id"]
        town.ended(job)
        (delivered,) = eventually(partial(_one_delivery, town, job))
        event = delivered["event"]

        def heard(event: str = event) -> list[float] | None:
            subscribers.send("tell")
            mine = [at for _, about, at in subscribers.recv() if about == event]
            return mine if len(mine) >= hearing else None

        moment = stream_moment(event.removeprefix("evt_")).timestamp()
        found += [at - moment for at in eventually(heard, PATIENCE)]
    return found


def _one_delivery(town: Town, job: str) -> Any:
    return town.get(f"/v1/deliveries?job={job}&limit=1")["items"]


def _call(town: Town, method: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} if data else {}
    url = f"{town.web}/v1/subscriptions{path}"
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read() or b"null")
