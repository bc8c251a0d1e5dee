"""Pipelines on the command line: a batch whose lines have names, and a tree that is watched."""

import json
import re
import time
from pathlib import Path

from tests.journeys.conftest import Town
from tests.journeys.test_command_line import _run

PAGE = (Path(__file__).parents[2] / "docs" / "pipelines.md").read_text()
PIPELINE = re.findall(r"```jsonl\n(.*?)```", PAGE, re.S)[0]


def _submitted(town: Town, folder: Path) -> list[str]:
    file = folder / "harbour.jsonl"
    file.write_text(PIPELINE)
    done = _run("submit", "--batch", str(file), environ=town.environ)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line.get("as") for line in lines] == ["pic", "film", None]
    return [line["id"] for line in lines]


def test_a_tree_is_watched_until_all_of_it_has_ended(town: Town, tmp_path: Path) -> None:
    picture, film, large = _submitted(town, tmp_path)
    done = _run("watch", picture, environ=town.environ)
    assert done.returncode == 0, done.stderr
    for job in (picture, film, large):
        assert f"{job}\t" in done.stdout
    assert done.stdout.count("\tsucceeded\t") == 3
    assert all("\thttp" in line for line in done.stdout.splitlines()[-3:]), "with what it made"
    listed = _run("jobs", "--root", picture, "--json", environ=town.environ)
    assert [job["id"] for job in json.loads(listed.stdout)["items"]] == [large, film, picture]
    part = _run("forget", "--tree", film, environ=town.environ)
    assert (part.returncode, f"--tree {picture}" in part.stderr) == (2, True)
    whole = _run("forget", "--tree", picture, environ=town.environ)
    assert whole.stdout == f"{picture} and 2 that grew from it are forgotten\n"
    assert _run("job", large, environ=town.environ).returncode == 1


def test_a_job_shows_what_it_grew_from_and_what_it_waits_for(town: Town, tmp_path: Path) -> None:
    assert _run("pause", environ=town.environ).returncode == 0
    try:
        picture, film, large = _submitted(town, tmp_path)
        shown = _run("job", large, environ=town.environ).stdout
        assert f"parent\t{film}" in shown
        assert f"root\t{picture}" in shown
        assert f"waits for\t{film}" in shown
        assert _run("cancel", picture, "--tree", environ=town.environ).stdout == "cancelled\n"
        done = _run("watch", picture, environ=town.environ)
        assert done.returncode == 1
        assert done.stdout.count("\tcancelled\t") == 3
    finally:
        assert _run("resume", environ=town.environ).returncode == 0


def test_a_tree_is_forgotten_also_once_its_first_job_is(town: Town, tmp_path: Path) -> None:
    assert _run("pause", environ=town.environ).returncode == 0
    try:
        jobs = _submitted(town, tmp_path)
        for job in reversed(jobs):
            assert _run("cancel", job, environ=town.environ).returncode == 0
    finally:
        assert _run("resume", environ=town.environ).returncode == 0
    assert _run("forget", jobs[0], environ=town.environ).stdout == f"{jobs[0]} is forgotten\n"
    done = _run("forget", "--tree", jobs[0], environ=town.environ)
    assert done.stdout == f"what grew from {jobs[0]} is forgotten, 2 in all\n"
    assert _run("forget", "--tree", jobs[0], environ=town.environ).returncode == 1


def test_a_group_is_listed(town: Town, tmp_path: Path) -> None:
    file = tmp_path / "two.jsonl"
    line = {"model": "rhart-image-n-pro/text-to-image", "input": {"prompt": "a"}, "group": "two"}
    file.write_text(f"{json.dumps(line)}\n" * 2)
    assert _run("submit", "--batch", str(file), environ=town.environ).returncode == 0
    for _ in range(100):
        found = town.get("/v1/groups/two")
        if found["ended_at"]:
            break
        time.sleep(0.2)
    assert found["closed"]
    listed = _run("jobs", "--group", "two", environ=town.environ)
    assert len(listed.stdout.splitlines()) == 2
