"""`runhook up --port --reload`: handlers do what was saved last, and a broken file ends nothing."""

import os
import subprocess
import sys
from pathlib import Path

from runhook.worker.cli.processes import free_port
from runhook.worker.client.runhook import Runhook
from tests.conftest import eventually

COMMAND = (sys.executable, "-m", "runhook.worker.cli")
HANDLER = """
from runhook import on

@on("job.failed")
def publish(event):
    print("{}", event.type, flush=True)
"""


def test_handlers_do_what_was_saved_and_a_broken_file_ends_nothing(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "RUNHOOK_HANDLERS": "shop"}
    shop, log, port = tmp_path / "shop.py", tmp_path / "up.log", free_port()
    shop.write_text(HANDLER.format("first"))

    def said(text: str) -> bool:
        assert up.poll() is None, log.read_text()
        return text in log.read_text()

    def told(text: str) -> bool:
        """Whether a sample was told so; it is sent again until a handler is there."""
        token = (tmp_path / ".runhook" / "token").read_text().strip()
        with Runhook(f"http://127.0.0.1:{port}", token) as runhook:
            return bool(runhook.trigger("job.failed").receivers) and said(text)

    with log.open("wb") as out:
        up = subprocess.Popen(
            [*COMMAND, "up", "--sandbox", "--port", str(port), "--reload"],
            env=environ,
            cwd=tmp_path,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        eventually(lambda: said(f"ready at http://127.0.0.1:{port}/"), 90, log.read_text)
        eventually(lambda: told("first job.failed"), 60, log.read_text)
        shop.write_text("def broken(:")
        eventually(lambda: said("shop.py changed: handlers start anew"), 60, log.read_text)
        eventually(lambda: said("cannot import shop"), 60, log.read_text)
        shop.write_text(HANDLER.format("second"))
        eventually(lambda: told("second job.failed"), 90, log.read_text)
    finally:
        up.terminate()
        assert up.wait(60) == 0
