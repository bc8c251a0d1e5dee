"""A worker that is told to end lets begun work end, and goes as soon as it has."""

from pathlib import Path

import pytest

from tests.conftest import IMAGE, eventually
from tests.journeys.conftest import a_town

SLOW = """
import os, time
from runhook import on

@on("job.succeeded")
def slow(event):
    mark = os.environ["BOOK"]
    open(mark + ".begun", "w").close()
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
