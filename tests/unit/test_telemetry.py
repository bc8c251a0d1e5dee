"""Log lines: each is whole, and nothing that matters is kept from them."""

import json
import subprocess
import sys

CHILDREN = """
import os
from worker.telemetry import configure, report
configure()
for _ in range(4):
    if not os.fork():
        for number in range(300):
            report("alert", number=number, why="x" * 3000)
        os._exit(0)
for _ in range(4):
    os.wait()
"""
LIBRARY = """
import logging
from worker.telemetry import configure
configure()
logging.getLogger("celery.worker.consumer").error("cannot connect to %s", "https://a/b?token=1")
logging.getLogger("celery.worker.consumer").info("ready")
logging.getLogger("shop").info("sold")
"""


def _lines(program: str) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-u", "-c", program], stderr=subprocess.PIPE, check=True, timeout=60
    )
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_lines_of_children_with_one_standard_error_do_not_run_into_each_other() -> None:
    assert len(_lines(CHILDREN)) == 4 * 300


def test_what_celery_warns_of_is_a_line_like_any_other() -> None:
    (said,) = _lines(LIBRARY)
    assert (said["event"], said["level"]) == ("celery.says", "error")
    assert said["why"] == "cannot connect to https://a/b?***"
