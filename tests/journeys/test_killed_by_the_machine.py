"""What the kernel kills for its memory: `up` starts it again, and nothing is paid twice."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from runhook.webhook.serve import PATIENCE
from runhook.worker.cli.processes import free_port
from runhook.worker.client.jobs import Job
from runhook.worker.client.runhook import Runhook
from tests.conftest import IMAGE, Sandbox, eventually

pytestmark = [pytest.mark.kills, pytest.mark.timeout(240)]
JOBS = 6
PROCESSES = 2  # of web, besides its first
SOON = 60.0  # seconds in which what was killed works again
SEEN_AT = re.compile(rb"break it, at\s+(?:\x1b\[[\d;]*m)*(http://127\.0\.0\.1:\d+)/")
RESTARTED = 2.0  # seconds in which it has been noticed, and answers again
AGAIN = "ended with status -9; started again"


@dataclass
class Up:
    """A `runhook up --sandbox`, and what it says."""

    process: subprocess.Popen[bytes]
    folder: Path
    url: str

    @property
    def log(self) -> str:
        """All of it; `up` itself runs."""
        said = (self.folder / "up.log").read_text()
        assert self.process.poll() is None, said
        return said

    @property
    def token(self) -> str:
        """This machine's own."""
        return (self.folder / ".runhook" / "token").read_text().strip()

    @property
    def sandbox(self) -> Sandbox:
        """Where it pays."""
        told = json.loads((self.folder / ".runhook" / "sandbox.json").read_text())
        return Sandbox(told["RUNNINGHUB_BASE_URL"])

    def submit(self, runhook: Runhook, since: int) -> list[Job]:
        """Some jobs, each under a key of its own."""
        numbers = range(since, since + JOBS)
        return [runhook.submit(IMAGE, {"prompt": f"n {n}"}, key=f"n{n}") for n in numbers]


def _children(parent: int, words: str) -> list[int]:
    """The processes that another runs with these words in its command."""
    asking = ["pgrep", "-P", str(parent), "-f", words]
    found = subprocess.run(asking, capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def _is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    # Whoever inherits it here may let it lie.
    return "State:\tZ" in Path(f"/proc/{process}/status").read_text()


@contextmanager
def _up(folder: Path, *, status: int = 0) -> Iterator[Up]:
    """One that runs; it ends with this status."""
    port = free_port()
    with (folder / "up.log").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "runhook.worker.cli", "up", "--sandbox", "--port", str(port)],
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "WEB_CONCURRENCY": str(PROCESSES),
            },
            stdout=out,
            stderr=out,
        )
    found = Up(process, folder, f"http://127.0.0.1:{port}")
    try:
        eventually(lambda: "ready at" in found.log, 90)
        yield found
    finally:
        process.terminate()
        assert process.wait(60) == status, (folder / "up.log").read_text()


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    with _up(tmp_path) as found:
        yield found


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """A `runhook demo` on a terminal that has summed up: its process, and its address."""
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "runhook.worker.cli", "demo"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm"},
        stdout=end,
        stderr=end,
    )
    os.close(end)
    said = b""
    try:
        while not (found := SEEN_AT.search(said)):
            said += os.read(terminal, 4096)  # raises when the demo has ended
        yield process.pid, found[1].decode()
    finally:
        process.terminate()
        assert process.wait(60) == 0, said
        os.close(terminal)


def test_a_redis_that_was_killed_is_started_again_and_every_job_is_paid_once(up: Up) -> None:
    with Runhook(up.url, up.token) as runhook:
        before = up.submit(runhook, 0)
        (server,) = _children(up.process.pid, "valkey-server")
        os.kill(server, signal.SIGKILL)
        after = up.submit(runhook, JOBS)
        ended = [runhook.wait(job.id, timeout=SOON) for job in (*before, *after)]
    assert {job.state for job in ended} == {"succeeded"}
    assert up.sandbox.accepted() == len(ended)
    assert up.log.count(f"redis     {AGAIN}") == up.log.count(AGAIN) == 1


def test_a_redis_that_is_killed_again_and_again_ends_up_which_names_its_log(tmp_path: Path) -> None:
    with _up(tmp_path, status=1) as up:
        while up.process.poll() is None:
            for server in _children(up.process.pid, "valkey-server"):
                os.kill(server, signal.SIGKILL)
            time.sleep(RESTARTED)
    said = (tmp_path / "up.log").read_text()
    assert "redis keeps failing; its last lines are in .runhook/server.log" in said
    assert (tmp_path / ".runhook" / "server.log").exists()


def test_a_demo_whose_redis_was_killed_goes_on(demo: tuple[int, str]) -> None:
    process, address = demo
    (server,) = _children(process, "valkey-server")
    os.kill(server, signal.SIGKILL)
    with Runhook(address) as runhook:
        job = runhook.submit(IMAGE, {"prompt": "a cat"})
        assert runhook.wait(job.id, timeout=SOON).state == "succeeded"


def test_a_web_that_was_killed_leaves_nobody_on_its_port(up: Up) -> None:
    (first,) = _children(up.process.pid, "webhook.serve")
    serving = _children(first, "webhook.serve")
    assert len(serving) == PROCESSES
    live = urllib.request.Request(
        f"{up.url}/v1/events/stream", headers={"Authorization": f"Bearer {up.token}"}
    )
    with urllib.request.urlopen(live, timeout=10):
        os.kill(first, signal.SIGKILL)
        eventually(lambda: all(map(_is_gone, serving)), PATIENCE + 5)
    with Runhook(up.url, up.token) as runhook:
        ended = [runhook.wait(job.id, timeout=SOON) for job in up.submit(runhook, 0)]
    assert {job.state for job in ended} == {"succeeded"}
    assert up.log.count(f"web       {AGAIN}") == up.log.count(AGAIN) == 1
