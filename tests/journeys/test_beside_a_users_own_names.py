"""A project whose own modules have the names of runhook's folders, under the real processes."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from runhook.worker.cli.processes import free_port
from tests.conftest import IMAGE, eventually
from tests.journeys.conftest import Town, a_town

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
MODULES = {
    "config.py": 'SHOP = "the corner shop"\n',
    "worker.py": "def sold(job):\n    return f'sold {job.id}'\n",
    "webhook/__init__.py": "from config import SHOP\n\nADDRESS = f'{SHOP}, first floor'\n",
    "shop.py": """
import os

import config
from webhook import ADDRESS
from worker import sold

from runhook import Retry, Stop, on


@on("job.succeeded")
def sell(event):
    with open(os.environ["BOOK"], "a") as book:
        book.write(f"{config.SHOP}: {sold(event.job)}, {ADDRESS}\\n")
""",
}


def _write_project(folder: Path) -> None:
    for name, text in MODULES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def _procfile() -> dict[str, tuple[str, ...]]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {
        name: tuple(shlex.split(command))
        for name, _, command in (line.partition(": ") for line in lines)
    }


def _told(job_id: str) -> str:
    return f"the corner shop: sold {job_id}, the corner shop, first floor"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The Procfile's processes as it has them, started in the project's folder and nowhere else."""
    folder = tmp_path_factory.mktemp("shop")
    _write_project(folder)
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    settings = {"PATH": path, "PYTHONPATH": "", "RUNHOOK_HANDLERS": "shop"}
    with a_town(folder, _procfile(), listens=None, **settings) as found:
        yield found


def test_a_project_with_a_config_a_worker_and_a_webhook_runs_under_the_procfile(shop: Town) -> None:
    job = shop.ended(shop.post({"model": IMAGE, "input": {"prompt": "mine"}})["id"])
    assert job["state"] == "succeeded"
    assert job["settled_by"] == "callback"
    eventually(shop.told, 20)
    assert shop.told() == [_told(job["id"])]


def test_the_same_project_runs_under_up(tmp_path: Path) -> None:
    _write_project(tmp_path)
    environ = {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PORT": str(free_port()),
        "RUNHOOK_HANDLERS": "shop",
        "BOOK": str(tmp_path / "book"),
    }
    log = tmp_path / "up.log"
    with log.open("wb") as out:
        up = subprocess.Popen(
            ["runhook", "up", "--sandbox"],
            cwd=tmp_path,
            env=environ,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        eventually(lambda: "ready at" in log.read_text(), 60, log.read_text)
        asked = ["runhook", "submit", IMAGE, "-i", "prompt=mine", "--wait", "--json"]
        done = subprocess.run(
            asked, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr + log.read_text()
        book = tmp_path / "book"
        eventually(book.exists, 20, log.read_text)
        assert book.read_text().splitlines() == [_told(json.loads(done.stdout)["id"])]
        up.terminate()
        assert up.wait(40) == 0, log.read_text()
    finally:
        with suppress(ProcessLookupError):  # it ended by itself
            os.killpg(up.pid, signal.SIGKILL)
        up.wait()
