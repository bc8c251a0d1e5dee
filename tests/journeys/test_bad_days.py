"""Bad days of the real processes: Redis hangs, connections go dead, messages vanish, processes stay
away. The days pass side by side, each in a town of its own.
"""

import os
import select
import signal
import socket
import threading
import time
import urllib.error
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from runhook.worker.cli.processes import COMMANDS
from tests.conftest import IMAGE, eventually
from tests.journeys.conftest import Town, a_town

pytestmark = pytest.mark.kills
JOBS = 12
HUNG = 30.0
REFUSED = 8.0  # seconds in which Redis takes no writes
BACK = 10.0  # seconds in which a job that is asked for after Redis is back has ended
Day = Callable[[Path], dict[str, Any]]


class BlackHole:
    """A proxy whose open connections can go dead: nothing comes through, and nobody is told."""

    def __init__(self, path: Path, target: Path) -> None:
        self._target = target
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._age = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self) -> None:
        """All connections that are open now are dead from now on."""
        self._age += 1

    def close(self) -> None:
        """No more."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            with suppress(OSError):
                server.connect(str(self._target))
                threading.Thread(
                    target=self._carry, args=(client, server, self._age), daemon=True
                ).start()

    def _carry(self, client: socket.socket, server: socket.socket, age: int) -> None:
        with client, server:
            while True:
                ready, _, _ = select.select([client, server], [], [], 60)
                for end in ready:
                    try:
                        piece = end.recv(1 << 16)
                    except OSError:
                        return
                    if not piece:
                        return
                    if self._age == age:
                        (server if end is client else client).sendall(piece)
                if not ready:
                    return


def _ask(town: Town, count: int = JOBS) -> list[str]:
    """Ask for jobs until each is taken."""
    ids = []
    for number in range(count):
        body = {"model": IMAGE, "input": {"prompt": f"n {number}"}}
        key = {"Idempotency-Key": f"{time.monotonic()}"}
        ids.append(str(eventually(partial(_posted, town, body, key), 60)))
    return ids


def _posted(town: Town, body: Any, headers: dict[str, str]) -> str | None:
    try:
        return str(town.post(body, **headers)["id"])
    except (urllib.error.URLError, OSError):
        return None


def _all_end(town: Town, ids: list[str], seconds: float) -> float:
    """How long it takes until every job has succeeded and was paid once."""
    start = time.monotonic()
    for job_id in ids:
        assert town.ended(job_id, seconds)["state"] == "succeeded"
    took = time.monotonic() - start
    hooks = [task["webhookUrl"] for task in town.sandbox.books()["tasks"]]
    assert len(hooks) == len(set(hooks)) == len(ids)
    return took


def _hung(folder: Path) -> dict[str, Any]:
    with a_town(folder) as town:
        ids = _ask(town)
        server = town.server.process_id
        assert server
        os.kill(server, signal.SIGSTOP)
        time.sleep(HUNG)
        os.kill(server, signal.SIGCONT)
        new = _ask(town, 1)
        found = town.ended(new[0], BACK)
        _all_end(town, [*ids, *new], 120)
        return {"new": found["state"]}


def _dead(folder: Path) -> dict[str, Any]:
    redis, hole = folder / "redis.s", folder / "hole.s"
    proxy = BlackHole(hole, redis)
    with a_town(folder, listens=redis, REDIS_URL=f"unix://{hole}") as town:
        before = _ask(town, 3)
        _all_end(town, before, 30)
        proxy.swallow()
        ids = before + _ask(town, 3)
        took = _all_end(town, ids, 90)
    proxy.close()
    return {"took": took}


def _deleted(folder: Path) -> dict[str, Any]:
    with a_town(folder) as town:
        over = threading.Event()
        redis: Any = town.w.store.client

        def delete() -> None:
            while not over.wait(0.02):
                for key in redis.scan_iter("runhook:queue:*"):
                    redis.delete(key)

        thief = threading.Thread(target=delete)
        thief.start()
        ids = _ask(town)
        time.sleep(3)
        over.set()
        thief.join()
        return {"took": _all_end(town, ids, 120)}


def _away(folder: Path) -> dict[str, Any]:
    with a_town(folder) as town:
        web, worker = town.fleet.pids()["web"], town.fleet.pids()["worker"]
        os.killpg(worker, signal.SIGKILL)
        ids = _ask(town)  # taken while no worker is there
        os.killpg(web, signal.SIGKILL)
        town.fleet.start("worker again", COMMANDS["worker"])
        states = eventually(lambda: _ended_without_web(town, ids), 60)
        return {"states": states, "by": _settled_by(town, ids)}


def _ended_without_web(town: Town, ids: list[str]) -> list[str] | None:
    jobs = town.w.store.jobs.many(ids)
    done = all(job.state.ended for job in jobs)
    return [job.state.value for job in jobs] if done else None


def _settled_by(town: Town, ids: list[str]) -> set[str | None]:
    return {job.attempt.settled_by for job in town.w.store.jobs.many(ids)}


def _refused(folder: Path) -> dict[str, Any]:
    with a_town(folder) as town:
        redis: Any = town.w.store.client
        pids = dict(town.fleet.pids())
        ids = _ask(town, 3)
        # Too few replicas; then a fail-over that makes it a replica itself. Web answers 503.
        redis.config_set("min-replicas-to-write", 1)
        time.sleep(REFUSED)
        redis.config_set("min-replicas-to-write", 0)
        ids += _ask(town, 3)
        redis.replicaof("127.0.0.1", 1)
        time.sleep(REFUSED)
        redis.replicaof("NO", "ONE")
        took = _all_end(town, [*ids, *_ask(town, 3)], 120)
        assert town.fleet.tend() is None
        logs = [folder / "logs" / f"{name}.log" for name in ("worker", "handlers")]
        back = [log.read_text().count("Trying to re-establish") for log in logs]
        return {"took": took, "same": pids == town.fleet.pids(), "back": max(back)}


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[dict[str, Any]]]]:
    """All of them, begun together."""
    found: dict[str, Day] = {
        "hung": _hung,
        "dead": _dead,
        "deleted": _deleted,
        "away": _away,
        "refused": _refused,
    }
    with ThreadPoolExecutor(len(found)) as pool:
        yield {name: pool.submit(day, tmp_path_factory.mktemp(name)) for name, day in found.items()}


@pytest.mark.timeout(240)
def test_redis_hung_for_half_a_minute_costs_half_a_minute(days: dict[str, Any]) -> None:
    """Workers go on at once; a job whose wake-up was lost waits until the pump posts it again."""
    assert days["hung"].result()["new"] == "succeeded"


@pytest.mark.timeout(240)
def test_a_connection_that_goes_dead_without_a_reset_is_given_up(days: dict[str, Any]) -> None:
    assert days["dead"].result()["took"]


@pytest.mark.timeout(240)
def test_deleting_every_message_of_the_broker_costs_seconds(days: dict[str, Any]) -> None:
    assert days["deleted"].result()["took"]


@pytest.mark.timeout(240)
def test_jobs_are_taken_without_a_worker_and_end_without_web(days: dict[str, Any]) -> None:
    found = days["away"].result()
    assert set(found["states"]) == {"succeeded"}
    assert found["by"] <= {"detail", "query"}


@pytest.mark.timeout(240)
def test_a_redis_that_takes_no_writes_for_a_while_ends_no_process(days: dict[str, Any]) -> None:
    assert days["refused"].result()["same"]


@pytest.mark.timeout(240)
def test_a_redis_that_takes_no_writes_is_not_asked_again_at_once(days: dict[str, Any]) -> None:
    """Celery comes back six times a second."""
    assert 2 <= days["refused"].result()["back"] <= 2 * REFUSED
