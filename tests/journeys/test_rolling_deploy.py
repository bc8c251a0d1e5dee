"""Two versions side by side on one Redis under load, while one takes the other's place."""

import contextlib
import json
import os
import signal
import threading
import time
import urllib.error
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runhook.worker.cli.processes import COMMANDS, Fleet, wait_until_ready
from runhook.worker.store import records
from tests.conftest import IMAGE, eventually
from tests.journeys.conftest import Town, a_town

TOMORROW = Path(__file__).parent / "tomorrow"
ADDED = ("weather", "season", "mood")  # members that only tomorrow's processes know


@pytest.fixture
def tomorrow(tmp_path: Path) -> Iterator[tuple[Town, Fleet]]:
    """A town of today, and a fleet for processes of tomorrow."""
    settings = {"RUNHOOK_UNCONFIRMED_AFTER": "20", "RUNHOOK_CONCURRENCY": "20"}
    with a_town(tmp_path, listens=None, **settings) as town:
        path = os.pathsep.join((str(TOMORROW), town.environ["PYTHONPATH"]))
        fleet = Fleet(town.environ | {"PYTHONPATH": path}, tmp_path, logs=tmp_path / "logs")
        try:
            yield town, fleet
        finally:
            fleet.stop()


def _replace(town: Town, tomorrow: Fleet, name: str) -> None:
    """Kill a process of today, in the middle of whatever it does, and start tomorrow's."""
    os.killpg(town.fleet.pids()[name], signal.SIGKILL)
    tomorrow.start(name, COMMANDS[name])
    if name == "web":
        assert wait_until_ready(f"{town.web}/readyz", 40, tomorrow.tend) is None


def _ask(number: int, **metadata: Any) -> dict[str, Any]:
    given = {"prompt": f"picture {number}"}
    return {"model": IMAGE, "input": given, "metadata": {"n": number, **metadata}}


def _post(town: Town, body: dict[str, Any]) -> str:
    """Ask for a job until it is taken; the key makes asking twice one job."""

    def taken() -> str | None:
        with contextlib.suppress(urllib.error.URLError, OSError):
            return str(town.post(body, **{"Idempotency-Key": str(body["metadata"]["n"])})["id"])
        time.sleep(0.1)
        return None

    found: str = eventually(taken, 60)
    return found


def _load(town: Town, ids: list[str], over: threading.Event) -> None:
    number = len(ids)
    while not over.is_set():
        ids.append(_post(town, _ask(number)))
        number += 1
        time.sleep(0.05)


def _lost_members(town: Town, ids: list[str]) -> list[str]:
    """Members of tomorrow that a later snapshot of the same job no longer has."""
    seen: dict[tuple[str, str], str] = {}
    lost = []
    snapshots = [
        (fields[b"job"].decode(), json.loads(fields[b"life"]))
        for _, fields in town.w.store.client.xrange("runhook:events")
    ]
    for job_id in ids:
        held = town.w.store.client.hgetall(f"runhook:job:{job_id}")
        snapshots.append((job_id, json.loads(held[b"life"])))
    for job_id, life in snapshots:
        for member, value in (("weather", life.get("weather")), *_moods(life)):
            before = seen.setdefault((job_id, member), value or "")
            if before and value != before:
                lost.append(f"{job_id} {member}: {before} became {value}")
            seen[job_id, member] = value or before
    return lost


def _moods(life: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for attempt in life["attempts"]:
        yield f"mood of {attempt['n']}", attempt.get("mood")


def _assert_right(town: Town, ids: list[str]) -> None:
    """Every job ended right, nothing was paid twice, each handler told once, nothing was lost."""
    jobs = [town.ended(job_id, 90) for job_id in ids]
    truth = {task["taskId"]: task for task in town.sandbox.books()["tasks"]}
    for job in jobs:
        if (job["error"] or {}).get("code") == "unconfirmed":
            continue  # killed between request and answer, and its callback lost: nobody can know
        failed = "failed" in truth[job["ref"]]["faults"]
        assert job["state"] == ("failed" if failed else "succeeded"), job
    hooks = [task["webhookUrl"] for task in truth.values()]
    assert len(hooks) == len(set(hooks)), "an attempt was paid twice"
    eventually(lambda: set(ids) <= {line.split()[-1] for line in town.told()}, 60)
    told = Counter(line.split()[0] for line in town.told() if " job." in line)
    assert set(told.values()) == {1}
    assert _lost_members(town, ids) == []


def test_both_versions_side_by_side_lose_none_of_the_newer_ones_members(
    tomorrow: tuple[Town, Fleet],
) -> None:
    town, newer = tomorrow
    newer.start("newer", COMMANDS["worker"])
    eventually(lambda: town.w.store.processes.alive("worker") == 2, 30)
    town.sandbox.faults(callback_lost=0.2, callback_doubled=0.2, failed=0.2, seed=5)
    ids = [_post(town, _ask(number)) for number in range(40)]
    _assert_right(town, ids)
    assert town.w.store.upkeep.unreadable() == []
    types = {event.type for event in town.w.store.events.after(None, 1000)[0]}
    assert {"job.running", "job.woken"} <= types, "both versions worked"


@pytest.mark.kills
@pytest.mark.timeout(300)
def test_a_rolling_deploy_under_load_loses_pays_and_tells_nothing_twice(
    tomorrow: tuple[Town, Fleet],
) -> None:
    town, newer = tomorrow
    town.sandbox.faults(callback_lost=0.1, callback_doubled=0.2, failed=0.2, seed=11)
    ids: list[str] = []
    over = threading.Event()
    load = threading.Thread(target=_load, args=(town, ids, over))
    load.start()
    newer.start("newer", COMMANDS["worker"])
    eventually(lambda: len(ids) > 30, 60)
    for name in ("web", "handlers", "worker"):  # the web of tomorrow before the workers of today go
        _replace(town, newer, name)
        so_far = len(ids)
        eventually(lambda so_far=so_far: len(ids) > so_far + 30, 60)  # type: ignore[misc]
    over.set()
    load.join()
    later = [_post(town, _ask(10_000 + number, later=True)) for number in range(3)]
    _assert_right(town, ids + later)
    assert {one.name for one in town.w.store.upkeep.unreadable()} == {f"job {i}" for i in later}
    for job_id in later:
        asked = json.loads(town.w.store.client.hgetall(f"runhook:job:{job_id}")[b"ask"])
        assert asked["needs"] == records.VERSION + 1
