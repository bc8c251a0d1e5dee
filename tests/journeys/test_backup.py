"""Backup, work, loss, restore, through the real processes: nothing is paid twice."""

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import redis

from runhook.config.settings import Settings
from runhook.worker.cli.processes import (
    COMMANDS,
    Fleet,
    free_port,
    sandbox_command,
    wait_until_ready,
)
from runhook.worker.client.runhook import Runhook
from runhook.worker.store.embedded import EmbeddedServer
from runhook.worker.wiring import assemble
from tests.conftest import SECRET, Sandbox, eventually

MODEL = "vidu/text-to-video-q3-turbo"


def _run(environ: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "runhook.worker.cli", *words],
        env=dict(environ),
        cwd=environ["HOME"],
        capture_output=True,
        text=True,
        timeout=60,
    )


def _started(environ: Mapping[str, str], folder: Path, *names: str) -> Fleet:
    fleet = Fleet(environ, folder, logs=folder / "logs")
    for name in names:
        fleet.start(name, COMMANDS[name])
    address = f"http://127.0.0.1:{environ['PORT']}/healthz"
    assert wait_until_ready(address, 40, fleet.tend) is None
    return fleet


@pytest.mark.kills
def test_a_job_that_was_paid_after_the_backup_is_not_paid_again_once_it_is_restored(
    tmp_path: Path,
) -> None:
    web, sandbox_port = free_port(), free_port()
    server = EmbeddedServer(tmp_path / "redis", Path("/tmp") / f"runhook-backup-{web}.s")
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "REDIS_URL": server.url,
        "RUNHOOK_DATA_DIR": str(tmp_path / ".runhook"),
        "RUNNINGHUB_API_KEY": "key",
        "RUNNINGHUB_BASE_URL": f"http://127.0.0.1:{sandbox_port}",
        "RUNHOOK_PUBLIC_URL": f"http://127.0.0.1:{web}",
        "RUNHOOK_SECRET": SECRET,
        "RUNHOOK_ALLOW_PRIVATE_URLS": "true",
        "PORT": str(web),
    }
    beside = Fleet(environ, tmp_path, logs=tmp_path / "logs")
    sandbox = Sandbox(environ["RUNNINGHUB_BASE_URL"])
    fleets = [beside]
    try:
        server.start()
        beside.start("sandbox", sandbox_command(sandbox_port, "--pace", "0.1"))
        books = f"{environ['RUNNINGHUB_BASE_URL']}/sandbox/books"
        assert wait_until_ready(books, 40, beside.tend) is None
        fleets.append(_started(environ, tmp_path, "web"))
        client = Runhook(url=f"http://127.0.0.1:{web}")
        job = client.submit(MODEL, {"prompt": "a fox"})
        done = _run(environ, "backup", "kept")  # nothing can have left: no worker runs
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == 1
        fleets[-1].start("worker", COMMANDS["worker"])
        eventually(lambda: client.get(job.id).state == "succeeded", 60)
        assert sandbox.accepted() == 1
        fleets.pop().stop()

        redis.Redis(unix_socket_path=str(server.socket)).flushall()
        done = _run(environ, "restore", "kept")
        assert done.returncode == 0, done.stderr
        assert "forgotten every paid request" in done.stdout

        fleets.append(_started(environ, tmp_path, "web", "worker"))
        w = assemble(Settings.of(environ, "worker"))
        eventually(lambda: w.store.processes.alive("worker"), 40)
        time.sleep(3)  # several rounds of the pump, in which it would leave
        assert client.get(job.id).state == "queued"
        assert sandbox.accepted() == 1
        assert w.store.queue.state().paused
    finally:
        for fleet in fleets:
            fleet.stop()
        server.stop()
