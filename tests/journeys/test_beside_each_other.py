"""Two installations on one machine, one account: each has its own folder, port and server."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from tests.conftest import IMAGE, eventually
from tests.journeys.conftest import Town, a_town

JOBS = 5


@pytest.fixture(scope="module")
def towns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Town]]:
    """Both, paying at the same sandbox."""
    with ExitStack() as stack:
        one = stack.enter_context(a_town(tmp_path_factory.mktemp("one")))
        account = one.environ["RUNNINGHUB_BASE_URL"]
        folder = tmp_path_factory.mktemp("other")
        other = stack.enter_context(a_town(folder, RUNNINGHUB_BASE_URL=account))
        yield [one, other]


@pytest.fixture(scope="module")
def ids(towns: list[Town]) -> list[list[str]]:
    """The jobs of each, asked for in turns, all ended."""
    bodies = [{"model": IMAGE, "input": {"prompt": f"n {number}"}} for number in range(JOBS)]
    asked = [[str(town.post(body)["id"]) for town in towns] for body in bodies]
    found = [list(row) for row in zip(*asked, strict=True)]
    for town, mine in zip(towns, found, strict=True):
        for job_id in mine:
            assert town.ended(job_id)["state"] == "succeeded"
    return found


def _paid(towns: list[Town]) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = towns[0].sandbox.books()["tasks"]
    return tasks


def _has_told(town: Town) -> bool:
    return len(town.told()) >= JOBS


def test_each_pays_for_its_own_jobs_once(towns: list[Town], ids: list[list[str]]) -> None:
    hooks = [task["webhookUrl"] for task in _paid(towns)]
    for town, mine in zip(towns, ids, strict=True):
        assert sorted(url.split("/")[-3] for url in hooks if url.startswith(town.web)) == sorted(
            mine
        )
    assert len(hooks) == 2 * JOBS


def test_each_hears_its_own_callbacks(towns: list[Town], ids: list[list[str]]) -> None:
    for town, mine in zip(towns, ids, strict=True):
        jobs = town.w.store.jobs.many(mine)
        assert [job.attempt.settled_by for job in jobs] == ["callback"] * JOBS
        assert town.w.store.callbacks.strays() == 0


def test_neither_knows_the_others_jobs(towns: list[Town], ids: list[list[str]]) -> None:
    for town, others in zip(towns, reversed(ids), strict=True):
        assert {town.get(f"/v1/jobs/{job_id}")["status"] for job_id in others} == {404}


def test_each_handler_is_told_of_its_own_jobs(towns: list[Town], ids: list[list[str]]) -> None:
    for town, mine in zip(towns, ids, strict=True):
        eventually(partial(_has_told, town), 20)
        assert sorted(line.split()[2] for line in town.told()) == sorted(mine)


def test_each_has_its_own_wake_ups(towns: list[Town], ids: list[list[str]]) -> None:
    for town in towns:
        state = town.w.store.queue.state()
        assert (state.length, state.in_flight) == (0, 0)
        assert town.w.store.processes.alive("worker") == 1
