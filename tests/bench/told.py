"""From an event to the first byte at a subscriber: 100 of them, with and without one that hangs.

Rounds alternate, so that a slow minute of the machine counts for both. Server, sandbox, web, worker
and handlers are the real processes; the subscribers are one process of many threads.
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from runhook.worker.store.scripts import stream_moment
from tests.conftest import IMAGE, eventually
from tests.journeys.conftest import Town, a_town
from tests.receiver import Reply, a_receiver

PATIENCE = 60.0
LET_GO = 16.0  # seconds after which nobody waits for the one that hangs any more


def subscribers(told: Connection) -> None:
    """Two servers in a process of their own: one that hears, one that hangs."""
    with a_receiver() as good, a_receiver() as stuck:
        stuck.answers(Reply(wait=3600))
        clock = time.time() - time.monotonic()
        told.send((good.url, stuck.url))
        while told.recv() != "over":
            heard = list(good.requests)
            told.send([(r.path, r.headers["webhook-id"], r.at + clock) for r in heard])


def main() -> int:
    """Measure, and print a line for each way and the ratio."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--subscribers", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=6, help="of each way")
    parser.add_argument("--events", type=int, default=5, help="a round")
    given = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=subscribers, args=(theirs,), daemon=True)
    process.start()
    good, stuck = ours.recv()
    with (
        tempfile.TemporaryDirectory() as folder,
        a_town(Path(folder), RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_HANDLERS="") as town,
    ):
        for number in range(given.subscribers - 1):
            _call(town, "POST", "", {"url": f"{good}/{number}", "events": ["job.succeeded"]})
        last = _call(town, "POST", "", {"url": f"{good}/last", "events": ["job.succeeded"]})
        delays: dict[bool, list[float]] = {False: [], True: []}
        _round(town, ours, given.subscribers, given.events)  # nobody counts the first
        for turn in range(2 * given.rounds):
            hangs = turn % 2 == 1
            url = stuck if hangs else f"{good}/last"
            _call(town, "PATCH", f"/{last['id']}", {"url": url})
            hearing = given.subscribers - hangs
            delays[hangs] += _round(town, ours, hearing, given.events)
            if hangs:
                time.sleep(LET_GO)
    ours.send("over")
    for hangs, name in ((False, "all answer"), (True, "one hangs")):
        found = delays[hangs]
        print(f"{name:<11} {len(found):5} first bytes: {_shown(found)}")
    ratio = _at(delays[True], 0.99) / _at(delays[False], 0.99)
    print(f"p99 with one that hangs: {ratio:.2f} times that without")
    return 0


def _round(town: Town, subscribers: Connection, hearing: int, events: int) -> list[float]:
    """Seconds from each event to each first byte."""
    found: list[float] = []
    for _ in range(events):
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


def _at(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def _shown(values: Sequence[float]) -> str:
    return ", ".join(f"p{round(s * 100)} {1000 * _at(values, s):.0f} ms" for s in (0.5, 0.9, 0.99))


if __name__ == "__main__":
    sys.exit(main())
