"""How processes start: by the Procfile, in any folder, two beside each other."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import eventually
from tests.journeys.conftest import Town
from worker.broker import make_app

ROOT = Path(__file__).parents[2]
SHOP = """
from worker.handlers import on

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
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


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
