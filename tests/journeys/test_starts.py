"""How processes start: by the Procfile, in any folder, two beside each other."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from runhook.worker.cli.processes import COMMANDS, free_port
from runhook.worker.queue.broker import make_app
from runhook.worker.store.embedded import binary
from tests.conftest import SECRET, eventually
from tests.journeys.conftest import Town

ROOT = Path(__file__).parents[2]
SHOP = """
from runhook import on

@on("job.succeeded")
def sell(event): ...
"""


def _procfile(name: str) -> list[str]:
    """A process's command as the Procfile has it, with this Python's console scripts."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    (command,) = [
        rest for line in lines for rest in [line.removeprefix(f"{name}: ")] if rest != line
    ]
    program, *words = shlex.split(command)
    return [str(Path(sys.executable).with_name(program)), *words]


@contextmanager
def _running(command: list[str], folder: Path, environ: dict[str, str]) -> Iterator[Any]:
    with (folder / "started.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environ, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):  # it may have ended by itself
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _environ(folder: Path, **settings: str) -> dict[str, str]:
    usual = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PORT": str(free_port()),
        "RUNNINGHUB_API_KEY": "k",
        "RUNNINGHUB_BASE_URL": "http://127.0.0.1:9",
        "RUNHOOK_SECRET": SECRET,
    }
    return usual | settings


def _refused(command: list[str], folder: Path, environ: dict[str, str]) -> str:
    """The one line with which a command ends."""
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.strip()]
    return line


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a Redis that wants a password."""
    port, folder = free_port(), tmp_path_factory.mktemp("locked")
    command = [binary(), "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    with _running([*command, "--requirepass", "right"], folder, dict(os.environ)):

        def answers() -> bool:
            with redis.Redis(port=port, password="right") as client:
                try:
                    return bool(client.ping())
                except redis.ConnectionError:
                    return False

        eventually(answers)
        yield port


COMMAND_LINE = [sys.executable, "-m", "runhook.worker.cli"]
STARTS = {
    "web": COMMANDS["web"],
    "worker": COMMANDS["worker"],
    "handlers": COMMANDS["handlers"],
    "up": (*COMMAND_LINE, "up"),
}


@pytest.mark.parametrize("name", STARTS)
@pytest.mark.parametrize("url", ["redis://:wrong@127.0.0.1:{}", "redis://:right@127.0.0.1:{}/99"])
def test_a_redis_that_refuses_stops_each_process_in_one_line(
    tmp_path: Path, locked: int, name: str, url: str
) -> None:
    environ = _environ(tmp_path, REDIS_URL=url.format(locked))
    assert "REDIS_URL: Redis refuses" in _refused([*STARTS[name]], tmp_path, environ)


@pytest.mark.parametrize("broker", ["redis://:wrong@127.0.0.1:{}", "nonsense://127.0.0.1:{}"])
def test_a_broker_that_refuses_stops_a_worker_in_one_line(
    town: Town, tmp_path: Path, locked: int, broker: str
) -> None:
    environ = town.environ | {"CELERY_BROKER_URL": broker.format(locked)}
    assert "CELERY_BROKER_URL: " in _refused([*COMMANDS["worker"]], tmp_path, environ)


@pytest.mark.parametrize("name", COMMANDS)
def test_without_redis_url_each_process_says_what_is_missing(tmp_path: Path, name: str) -> None:
    said = _refused([*COMMANDS[name]], tmp_path, _environ(tmp_path))
    assert "REDIS_URL is missing" in said


def test_a_redis_that_is_away_is_waited_for_and_that_is_said_once(tmp_path: Path) -> None:
    port = free_port()
    environ = _environ(tmp_path, REDIS_URL=f"redis://127.0.0.1:{port}")
    log = tmp_path / "started.log"
    with _running([*COMMANDS["web"]], tmp_path, environ):
        eventually(lambda: "redis.away" in log.read_text(), 30)
        serve = [binary(), "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
        (tmp_path / "redis").mkdir()
        with _running(serve, tmp_path / "redis", environ):
            eventually(lambda: "process.started" in log.read_text(), 30, log.read_text)
    away = [line for line in log.read_text().splitlines() if "redis.away" in line]
    assert len(away) == 1
    assert "REDIS_URL" in away[0]


def test_a_port_in_use_stops_whoever_wants_it_in_one_line(town: Town, tmp_path: Path) -> None:
    """Else two servers would take each other's requests."""
    port = town.environ["PORT"]
    said = _refused([*COMMANDS["web"]], tmp_path, town.environ)
    assert f"PORT: {port} on 127.0.0.1 is in use" in said
    up = _refused([*COMMAND_LINE, "up"], tmp_path, _environ(tmp_path, PORT=port))
    assert f"PORT or --port: {port} on 127.0.0.1 is in use" in up
    sandbox = _refused([*COMMAND_LINE, "sandbox", "--port", port], tmp_path, town.environ)
    assert f"--port: {port} on 127.0.0.1 is in use" in sandbox


def test_up_starts_the_sandbox_before_those_who_ask_it(tmp_path: Path) -> None:
    """Nothing fails at a start that nothing is wrong with."""
    log, environ = tmp_path / "started.log", _environ(tmp_path)
    with _running([*COMMAND_LINE, "up", "--sandbox"], tmp_path, environ) as up:
        eventually(lambda: "ready at" in log.read_text(), 60, log.read_text)
        eventually(lambda: "queue.limit" in log.read_text(), 30, log.read_text)
        up.terminate()
        up.wait(40)
    said = [line.partition(" ")[0] for line in log.read_text().splitlines()]
    assert said[0] == "sandbox"
    for word in ("Errno", "refused", "away", "Traceback", "task.failed"):
        assert word not in log.read_text(), log.read_text()


def test_the_procfile_finds_handlers_in_its_folder_and_names_each_worker(
    town: Town, tmp_path: Path
) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    environ = town.environ | {"RUNHOOK_HANDLERS": "shop"}
    del environ["PYTHONPATH"]
    command, app = _procfile("handlers"), make_app(town.w.settings)
    with _running(command, tmp_path, environ), _running(command, tmp_path, environ):

        def nodes() -> set[str]:
            return {name for said in app.control.ping(timeout=2) or () for name in said}

        def there() -> bool:
            return "sell" in {one.name for one in town.w.store.processes.handlers()}

        eventually(there, 40, lambda: (tmp_path / "started.log").read_text())
        # The town has a worker and handlers of its own.
        eventually(lambda: len(nodes()) == 4, 40, nodes)
