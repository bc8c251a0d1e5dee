"""The systems that are measured, each real processes with a Redis of its own, and the provider."""

import http.client
import json
import os
import signal
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from runhook.config.settings import Settings
from runhook.worker.cli.processes import (
    COMMANDS,
    Fleet,
    free_port,
    sandbox_command,
    wait_until_ready,
)
from runhook.worker.store.embedded import EmbeddedServer
from tests.conftest import SECRET, Sandbox, eventually

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0  # seconds to start, also on a machine that others use
# Tasks at once: more than any of the systems gets to, so that nobody waits for the provider.
LIMIT = 5000
HANDLERS = 3
IMAGE = "rhart-image-n-pro/text-to-image"
# Granian as runhook's web has it: one process, HTTP/1, four threads.
GRANIAN = (
    *(sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws"),
    *("--workers", "1", "--blocking-threads", "4", "--log-level", "error"),
)
CELERY = (sys.executable, "-m", "celery", "--quiet", "-A", "tests.bench.naive.tasks", "worker")
NAIVE_POOLS = {
    "prefork": ("-P", "prefork", "-c", "2"),
    "threads": ("-P", "threads", "-c", "10"),
}


@dataclass(kw_only=True)
class System:
    """One of them, as it is seen from outside.

    Attributes:
        name: What it is called in tables.
        port: Where its web listens.
        fleet: Its processes.
        server: Its Redis.
        client: A connection to that.
        folder: Its files; `book` is what its handlers wrote.
        environ: As its processes have it.
    """

    name: str
    port: int
    fleet: Fleet
    server: EmbeddedServer
    client: redis.Redis
    folder: Path
    environ: dict[str, str]

    @property
    def sessions(self) -> dict[str, int]:
        """Its processes by role, Redis among them; each leads a session."""
        found = self.fleet.pids()
        if self.server.process_id:
            found["redis"] = self.server.process_id
        return found

    def end(self, role: str) -> None:
        """End a process for good, and all its children."""
        os.killpg(self.fleet.pids()[role], signal.SIGKILL)

    def job(self, job: str) -> dict[str, Any]:
        """A job as its web shows it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v1/jobs/{job}") as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def told(self) -> list[list[str]]:
        """What handlers wrote: handler, job, moment."""
        book = self.folder / "book"
        lines = book.read_text().splitlines() if book.exists() else []
        return [line.split() for line in lines]

    def told_count(self) -> int:
        """How many lines there are."""
        book = self.folder / "book"
        return book.read_bytes().count(b"\n") if book.exists() else 0

    def connection(self) -> http.client.HTTPConnection:
        """One to its web."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(
        self,
        connection: http.client.HTTPConnection,
        number: int,
        model: str = IMAGE,
        given: Mapping[str, Any] | None = None,
    ) -> str:
        """Ask for a job; its id."""
        wanted = given or {"prompt": f"A harbour at dawn, {number}"}
        body = json.dumps({"model": model, "input": wanted})
        connection.request("POST", "/v1/jobs", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said: dict[str, Any] = json.loads(answer.read())
        assert answer.status == 202, said
        return str(said["id"])


@contextmanager
def lean_provider(folder: Path, seconds: float, spread: int = 1) -> Iterator["Provider"]:
    """The one that costs next to nothing; tasks take so many seconds, once to `spread` times."""
    port = free_port()
    given = (str(port), str(seconds), str(spread))
    command = (sys.executable, "-m", "tests.bench.provider", *given)
    with _provider(folder, port, command, "ready") as found:
        yield found


@contextmanager
def sandbox(folder: Path, *, pace: float, **faults: float) -> Iterator["Provider"]:
    """The sandbox as a process."""
    port = free_port()
    options = ("--pace", str(pace), "--limit", str(LIMIT), "--faults", json.dumps(faults))
    command = sandbox_command(port, *options)
    with _provider(folder, port, command, "sandbox/books") as found:
        yield found


@contextmanager
def _provider(folder: Path, port: int, command: tuple[str, ...], path: str) -> Iterator["Provider"]:
    fleet, url = Fleet(_environ(folder), folder, logs=folder / "logs"), f"http://127.0.0.1:{port}"
    try:
        fleet.start("provider", command)
        wrong = wait_until_ready(f"{url}/{path}", PATIENCE, fleet.tend)
        assert wrong is None, wrong
        yield Provider(url, fleet.pids()["provider"], folder / "logs" / "provider.log")
    finally:
        fleet.stop()


@dataclass
class Provider(Sandbox):
    """A provider, the session of its process, and what it prints."""

    session: int
    log: Path

    def printed(self) -> list[tuple[float, str]]:
        """Of the lean one: when it called which URL; when each task that is asked for ends."""
        rows = [line.split() for line in self.log.read_text().splitlines()]
        return [(float(moment), what) for moment, what in rows]


@contextmanager
def runhook(
    folder: Path,
    upstream: str,
    commands: Mapping[str, tuple[str, ...]] = COMMANDS,
    **settings: str,
) -> Iterator[System]:
    """All of runhook as `runhook up` starts it, with everything durable that is by default."""
    usual = {
        "RUNHOOK_SECRET": SECRET,
        "RUNHOOK_HANDLERS": "tests.bench.handlers",
        "RUNHOOK_ARCHIVE": "false",  # none of the others keeps what was made
        "RUNHOOK_CONCURRENCY": str(LIMIT),
        **settings,
    }
    with _system("runhook", folder, upstream, commands, usual) as system:
        yield system


@contextmanager
def naive(folder: Path, upstream: str, pool: str = "prefork") -> Iterator[System]:
    """The naive service: one web, one worker with two children or ten threads."""
    web = (*GRANIAN, "--port", "$PORT", "tests.bench.naive.web:app")
    commands = {"web": web, "worker": (*CELERY, *NAIVE_POOLS[pool])}
    with _system("naive", folder, upstream, commands, {}) as system:
        yield system


@contextmanager
def web_alone(folder: Path, name: str, *command: str) -> Iterator[tuple[int, int]]:
    """A web server that needs nothing else; its port, for which `$PORT` stands, and its session."""
    port = free_port()
    fleet = Fleet(_environ(folder), folder, logs=folder / "logs")
    try:
        fleet.start(name, tuple(part.replace("$PORT", str(port)) for part in command))
        wrong = wait_until_ready(f"http://127.0.0.1:{port}/readyz", PATIENCE, fleet.tend)
        assert wrong is None, f"{name}: {wrong}\n{_logs(folder)}"
        yield port, fleet.pids()[name]
    finally:
        fleet.stop()


@contextmanager
def _system(
    name: str,
    folder: Path,
    upstream: str,
    commands: Mapping[str, tuple[str, ...]],
    settings: Mapping[str, str],
) -> Iterator[System]:
    port, own = free_port(), folder / name
    own.mkdir()
    data = own / ".runhook"
    server = EmbeddedServer(data, Settings(RUNHOOK_DATA_DIR=data).embedded_socket)
    environ = {
        **_environ(own),
        "BOOK": str(own / "book"),
        "RUNHOOK_DATA_DIR": str(data),  # runhook has no REDIS_URL, as `runhook up` starts it
        "RUNNINGHUB_API_KEY": "key",
        "RUNNINGHUB_BASE_URL": upstream,
        "RUNHOOK_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PORT": str(port),
        **settings,
    }
    if name == "naive":
        environ["REDIS_URL"] = server.url
        environ["CELERY_BROKER_URL"] = f"redis+socket://{server.socket}"
        environ["PUBLIC_URL"] = environ["RUNHOOK_PUBLIC_URL"]
    fleet = Fleet(environ, own, logs=own / "logs")
    with ExitStack() as ends:
        ends.callback(server.stop)
        ends.callback(fleet.stop)
        server.start()
        for role, command in commands.items():
            fleet.start(role, tuple(part.replace("$PORT", str(port)) for part in command))
        client = redis.Redis(unix_socket_path=str(server.socket))
        ends.callback(client.close)
        if "web" in commands:
            wrong = wait_until_ready(f"http://127.0.0.1:{port}/readyz", PATIENCE, fleet.tend)
            assert wrong is None, f"{wrong}\n{_logs(own)}"
        workers = len(commands) - ("web" in commands)
        eventually(lambda: _ready(client, workers), PATIENCE, lambda: _logs(own))
        yield System(
            name=name,
            port=port,
            fleet=fleet,
            server=server,
            client=client,
            folder=own,
            environ=environ,
        )


def _ready(client: redis.Redis, workers: int) -> bool:
    """Whether so many Celery workers wait for messages, told from outside: each blocks in BRPOP."""
    waiting = [row for row in client.client_list() if row["cmd"] == "brpop"]
    return len(waiting) >= workers


def _environ(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT)}


def _logs(folder: Path) -> str:
    return "\n".join(log.read_text()[-2000:] for log in (folder / "logs").glob("*.log"))
