"""What the bench itself promises: that it counts everything, and that its page is what it found."""

import subprocess
import sys

from tests.bench import machine, page
from tests.bench.clones import Mould, cast
from tests.bench.figures import Figure, spread
from tests.conftest import House

BURN = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BURN!r}], check=True)
print("ended", flush=True)
sys.stdin.read()
"""


def test_cpu_of_a_child_that_has_ended_counts_with_its_parent() -> None:
    command = (sys.executable, "-c", PARENT)
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True) as parent:
        assert parent.stdout
        assert parent.stdin
        parent.stdout.readline()
        assert machine.cpu([parent.pid]) >= 0.3
        assert machine.pss([parent.pid]) > 0
        parent.stdin.close()


def test_a_ratio_is_taken_within_each_round() -> None:
    quick = Figure(what="CPU", unit="ms", values={"a": [1, 2], "b": [2, 8]})
    rate = Figure(what="jobs a second", unit="", values={"a": [8, 2], "b": [2, 1]}, more=True)
    assert quick.ratio("a", "b") == [2, 4]
    assert rate.ratio("a", "b") == [4, 2]
    assert spread([2, 4, 3]) == "3 (2-4)"


def test_clones_of_a_job_are_jobs(house: House) -> None:
    job = house.ask()
    house.settle()
    client, before = house.raw, house.raw.xlen("runhook:events")
    listens = client.connection_pool.connection_kwargs["path"]
    ids = cast(client, listens, [Mould(client, job.id)], 5)
    assert len({job.id, *ids}) == 6
    for name in ids:
        clone = house.w.store.jobs.get(name)
        assert clone.spec == job.spec
        assert house.w.store.jobs.timeline(name)
    assert client.xlen("runhook:events") == 6 * before
    assert sorted(ids) == ids
    assert max(ids) < job.id


def test_page_and_picture_are_made_of_the_figures_that_are_kept() -> None:
    assert page.PAGE.read_text() == page.page(*page.kept()), "make bench writes it"
    assert page.PICTURE.read_text() == page.drawn(page.kept()[0])
