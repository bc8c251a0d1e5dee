"""The real processes: server, sandbox, web, worker and handlers, as `runhook up` runs them."""

import json
import os
import secrets
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runhook.config.settings import Settings
from runhook.worker.cli.processes import (
    COMMANDS,
    Fleet,
    free_port,
    sandbox_command,
    wait_until_ready,
)
from runhook.worker.store.embedded import EmbeddedServer
from runhook.worker.wiring import Wiring, assemble
from tests.conftest import Sandbox, eventually

HANDLERS = """
import os, time
from runhook import on

def _write(line):
    with open(os.environ["BOOK"], "a") as book:
        book.write(line + "\\n")

@on("job.succeeded", "job.failed", "job.cancelled")
def book(event):
    _write(f"{event.id} {event.type} {event.job.id}")

@on("job.succeeded", model="vidu/*")
def die_once(event):
    mark = os.environ["BOOK"] + event.job.id
    if event.job.metadata.get("kill") and not os.path.exists(mark):
        open(mark, "w").close()
        os.kill(os.getpid(), 9)
    _write(f"survived {event.job.id}")
"""


@dataclass
class Town:
    """All processes, and how to speak with them."""

    fleet: Fleet
    server: EmbeddedServer
    sandbox: Sandbox
    w: Wiring
    web: str
    book: Path
    environ: dict[str, str]

    def post(self, body: Any, **headers: str) -> Any:
        """Ask for a job over HTTP."""
        request = urllib.request.Request(
            f"{self.web}/v1/jobs",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", **headers},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def get(self, path: str) -> Any:
        """Read over HTTP."""
        try:
            with urllib.request.urlopen(self.web + path, timeout=10) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return json.loads(error.read())

    def ended(self, job_id: str, seconds: float = 40) -> Any:
        """The job once it has ended; a 503 on the way is asked again, as it says."""
        ends = ("succeeded", "failed", "cancelled")

        def there() -> Any:
            job = self.get(f"/v1/jobs/{job_id}")
            return job if job.get("state") in ends else None

        return eventually(there, seconds, lambda: self.get(f"/v1/jobs/{job_id}/timeline"))

    def kill(self, name: str) -> None:
        """Kill a process and all its children, and have it started again."""
        killed = self.fleet.pids()[name]
        os.killpg(killed, signal.SIGKILL)

        def replaced() -> bool:
            assert self.fleet.tend() is None
            return self.fleet.pids()[name] != killed

        eventually(replaced)

    def told(self) -> list[str]:
        """What the handlers wrote into their book."""
        return self.book.read_text().splitlines() if self.book.exists() else []


@contextmanager
def a_town(
    folder: Path,
    commands: Mapping[str, tuple[str, ...]] = COMMANDS,
    /,
    *,
    listens: Path | None = None,
    **settings: str,
) -> Iterator[Town]:
    """Start everything; afterwards nothing is left running.

    Args:
        folder: Where everything is kept.
        commands: How each process is started.
        listens: The server's socket, where it must be known before.
        settings: By their variables' names.
    """
    web, sandbox = free_port(), free_port()
    (folder / "town_handlers.py").write_text(HANDLERS)
    server = EmbeddedServer(folder / "redis", listens or Path("/tmp") / f"runhook-town-{web}.s")
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(folder),
        "BOOK": str(folder / "book"),
        "REDIS_URL": server.url,
        "RUNHOOK_DATA_DIR": str(folder / ".runhook"),
        "RUNNINGHUB_API_KEY": "key",
        "RUNNINGHUB_BASE_URL": f"http://127.0.0.1:{sandbox}",
        "RUNHOOK_PUBLIC_URL": f"http://127.0.0.1:{web}",
        # Its own: a test before may have had this port, and its sandbox calls back once more.
        "RUNHOOK_SECRET": secrets.token_hex(32),
        "RUNHOOK_URL": f"http://127.0.0.1:{web}",
        "RUNHOOK_HANDLERS": "town_handlers",
        "RUNHOOK_OVERDUE_AFTER": "2",
        "RUNHOOK_RETRY_SCHEDULE": "0,1,2,3",
        "PORT": str(web),
        **settings,
    }
    fleet = Fleet(environ, folder, logs=folder / "logs")
    try:
        server.start()
        pace = ("--pace", "0.1", "--retry-gap", "1")
        fleet.start("sandbox", sandbox_command(sandbox, *pace))
        for name, command in commands.items():
            fleet.start(name, command)
        for url in (f"http://127.0.0.1:{sandbox}/sandbox/books", f"http://127.0.0.1:{web}/readyz"):
            wrong = wait_until_ready(url, 40, fleet.tend)
            assert wrong is None, f"{wrong}\n{_logs(folder)}"
        w = assemble(Settings.of(environ, "worker"))
        eventually(lambda: w.store.processes.alive("handlers"), 30)
        yield Town(
            fleet,
            server,
            Sandbox(environ["RUNNINGHUB_BASE_URL"]),
            w,
            f"http://127.0.0.1:{web}",
            folder / "book",
            environ,
        )
    finally:
        fleet.stop()
        server.stop()
        sys.stdout.write(_logs(folder))


def _logs(folder: Path) -> str:
    return "\n".join(
        f"== {log.name}\n{log.read_text()[-3000:]}" for log in (folder / "logs").glob("*.log")
    )


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One town for the tests of a file that do not hurt it."""
    with a_town(tmp_path_factory.mktemp("town")) as found:
        yield found
