"""A worker that is told to end lets begun work end, and goes as soon as it has."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.conftest import IMAGE, eventually
from tests.journeys.conftest import a_town

SLOW = """
import os, time
from celery import Celery
from runhook import on

own = Celery("own", broker="memory://", set_as_current=False)

@own.task
def resize():
    pass

@on("job.succeeded")
def slow(event):
    mark = os.environ["BOOK"]
    resize.apply()  # which has begun and ended, and this handler has not
    with open(mark + ".begin", "w") as begins:
        begins.write(str(os.getpid()))
    os.rename(mark + ".begin", mark + ".begun")
    time.sleep(1.5)
    open(mark + ".done", "w").close()
"""
BEFORE_CELERYS_SLEEP = 15  # seconds; Celery's own soft stop would sleep twenty


@pytest.mark.parametrize("name", ["handlers", "worker"])
def test_a_worker_goes_when_what_it_has_begun_has_ended(tmp_path: Path, name: str) -> None:
    (tmp_path / "slow_handlers.py").write_text(SLOW)
    with a_town(tmp_path, RUNHOOK_HANDLERS="slow_handlers") as town:
        town.post({"model": IMAGE, "input": {"prompt": "a cat"}})
        eventually((tmp_path / "book.begun").exists, 20)
        process = town.fleet._members[name].process
        process.terminate()
        process.wait(BEFORE_CELERYS_SLEEP)
        assert eventually((tmp_path / "book.done").exists)
        assert eventually(lambda: town.get("/v1/deliveries")["items"][0]["state"] == "done")


def test_a_worker_does_not_wait_for_a_child_that_was_killed_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "slow_handlers.py").write_text(SLOW)
    with a_town(tmp_path, RUNHOOK_HANDLERS="slow_handlers") as town:
        town.post({"model": IMAGE, "input": {"prompt": "a cat"}})
        begun = tmp_path / "book.begun"
        eventually(begun.exists, 20)
        process = town.fleet._members["handlers"].process
        process.terminate()
        time.sleep(0.5)  # it waits by now, and hears of no child's end
        os.kill(int(begun.read_text()), signal.SIGKILL)
        process.wait(BEFORE_CELERYS_SLEEP)
        assert not (tmp_path / "book.done").exists()
