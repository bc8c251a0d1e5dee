"""Asking for jobs and killing processes at the same time."""

import contextlib
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.plan import Plan
from tests.journeys.conftest import Town
from worker.cli.inputs import keep_file
from worker.errors import RunhookError
from worker.runninghub.sandbox.outputs import make

ASSETS = 6
PACE = 0.02  # seconds between jobs
PATIENCE = 60


@dataclass(frozen=True)
class Kill:
    """One blow."""

    at: float
    victim: str


def ask_for_jobs(town: Town, plan: Plan, folder: Path, ids: list[str]) -> None:
    """Ask for every job until it is taken; each has a key, so asking twice is one job."""
    assets = [_asset(town, folder, number) for number in range(ASSETS)]
    whims = plan.whims()
    for number, body in enumerate(plan.bodies(assets)):
        ids.append(_posted(town, body, f"{plan.seed}/{number}"))
        with contextlib.suppress(urllib.error.URLError, RunhookError, OSError):
            _follow_whim(town, next(whims), ids)
        time.sleep(PACE)


def kill_processes(town: Town, plan: Plan, asking: threading.Thread) -> list[Kill]:
    """Kill as planned; everything killed is started again at once."""
    kills = []
    for wait, victim in plan.blows():
        time.sleep(wait)
        kills.append(Kill(time.time(), victim))
        if victim == "redis":
            _kill_redis(town)
        else:
            _kill(town, victim)
        tend(town)
    while asking.is_alive():
        time.sleep(0.2)
        tend(town)
    return kills


def keep_alive(town: Town, ids: list[str], deadline: float) -> None:
    """Wait until every job has ended, or for so long."""
    _let_go(town)
    while time.monotonic() < deadline:
        tend(town)
        with contextlib.suppress(RunhookError):
            if all(job.state.ended for job in town.w.store.jobs.many(ids)):
                return
        time.sleep(1)


def tend(town: Town) -> None:
    """Start again what has ended; so many deaths in a minute are wanted here."""
    for member in town.fleet._members.values():
        member.starts.clear()
    town.fleet.tend()


def _kill(town: Town, name: str) -> None:
    killed = town.fleet.pids()[name]
    with contextlib.suppress(ProcessLookupError):
        os.killpg(killed, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while town.fleet.pids()[name] == killed and time.monotonic() < deadline:
        tend(town)
        time.sleep(0.02)


def _kill_redis(town: Town) -> None:
    running = town.server.process_id
    assert running, "no server to kill"
    os.kill(running, signal.SIGKILL)
    time.sleep(0.3)
    town.server.start()


def _asset(town: Town, folder: Path, number: int) -> str:
    path = folder / f"asset-{number}.png"
    path.write_bytes(make("image", f"asset {number}", str(number))[1])
    return f"asset:{keep_file(town.w, path).id}"


def _posted(town: Town, body: object, key: str) -> str:
    for _ in range(PATIENCE * 4):
        try:
            return str(town.post(body, **{"Idempotency-Key": key})["id"])
        except urllib.error.HTTPError as error:
            if error.code == 422:
                raise AssertionError(error.read()) from None
        except OSError:
            pass
        time.sleep(0.25)
    raise AssertionError(f"nobody took job {key} for {PATIENCE} s")


def _follow_whim(town: Town, whim: str, ids: list[str]) -> None:
    if whim == "pause":
        town.w.store.line.pause(True)
        time.sleep(0.5)
        _let_go(town)
    elif whim:
        request = urllib.request.Request(f"{town.web}/v1/jobs/{ids[-1]}/{whim}", b"", method="POST")
        urllib.request.urlopen(request, timeout=20).close()


def _let_go(town: Town) -> None:
    for _ in range(PATIENCE):
        with contextlib.suppress(RunhookError):
            town.w.store.line.pause(False)
            return
        time.sleep(1)
