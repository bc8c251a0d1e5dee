"""The examples of docs/pipelines.md, word for word, through the real processes; and under kills."""

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import eventually
from tests.journeys.conftest import Town, a_town

PAGE = (Path(__file__).parents[2] / "docs" / "pipelines.md").read_text()
BATCHES = re.findall(r"```jsonl\n(.*?)```", PAGE, re.S)
FILM, SHEET = re.findall(r"```python\n(.*?)```", PAGE, re.S)
IMAGE = "rhart-image-n-pro/text-to-image"
KILLS = 50


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town with the handlers of the page."""
    with _a_town(tmp_path_factory.mktemp("town")) as found:
        yield found


def _a_town(folder: Path, **settings: Any) -> Any:
    # The film is made of what is asked for it; else every picture of these tests had one.
    film = FILM.replace('model="rhart-image-n-pro/text-to-image"', 'model="rhart-image-v1/*"')
    (folder / "page_handlers.py").write_text(f"{film}\n{SHEET}")
    return a_town(folder, RUNHOOK_HANDLERS="town_handlers,page_handlers", **settings)


def _post(town: Town, lines: str, key: str) -> list[str]:
    """The jobs that a batch made, asked for until every line has one."""

    def ids() -> list[str] | None:
        headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": key}
        request = urllib.request.Request(f"{town.web}/v1/jobs/batch", lines.encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                found = [json.loads(line) for line in answer.read().splitlines()]
        except OSError:
            return None
        made = [line["job"]["id"] for line in found if "job" in line]
        return made if len(made) == len(lines.splitlines()) else None

    jobs = eventually(ids, 40)
    assert isinstance(jobs, list)
    return jobs


def _tree(town: Town, job_id: str) -> Any:
    return town.get(f"/v1/jobs/{job_id}/tree")["items"]


def test_text_becomes_image_video_and_upscale_without_a_line_of_code(town: Town) -> None:
    picture, film, large = _post(town, BATCHES[0], "harbour-7")
    assert town.ended(large)["state"] == "succeeded"
    tree = _tree(town, picture)
    assert [job["id"] for job in tree] == [picture, film, large]
    assert [job["parent"] for job in tree] == [None, picture, film]
    sent = {str(task["taskId"]): task["body"] for task in town.sandbox.books()["tasks"]}
    for above, below, param in ((0, 1, "imageUrl"), (1, 2, "videoUrl")):
        assert sent[tree[below]["ref"]][param] == tree[above]["outputs"][0]["url"]
    assert _post(town, BATCHES[0], "harbour-7") == [picture, film, large]


def test_four_images_become_one_sheet_made_by_a_handler(town: Town) -> None:
    pictures = _post(town, BATCHES[1], "four-7")

    _wait_for_the_sheet(town, pictures)
    made = _tree(town, pictures[0])[1]
    assert made["metadata"] == {"sheet of": "four"}
    assert sorted(made["input"]["imageUrls"]) == sorted(f"output:{job}/0" for job in pictures)
    group = town.get("/v1/groups/four")
    assert (group["closed"], group["states"]["succeeded"]) == (True, 4)


def test_the_film_of_the_page_is_made_by_its_handler(town: Town) -> None:
    given = {"prompt": "A lighthouse"}
    picture = town.post({"model": "rhart-image-v1/text-to-image", "input": given})
    eventually(lambda: len(_tree(town, picture["id"])) == 2, 40)
    film = _tree(town, picture["id"])[1]
    assert town.ended(film["id"])["state"] == "succeeded"
    assert film["input"]["imageUrl"] == f"output:{picture['id']}/0"


@pytest.mark.kills
@pytest.mark.timeout(600)
def test_under_fifty_kills_every_tree_is_complete_and_nothing_is_paid_twice(
    tmp_path: Path,
) -> None:
    with _a_town(tmp_path, RUNHOOK_UNCONFIRMED_AFTER="30") as town:
        trees = []
        for number in range(KILLS):
            lines = BATCHES[number % 2].replace('"four"', f'"four-{number}"')
            trees.append(_post(town, lines, f"tree-{number}"))
            _kill(town, ("worker", "handlers", "web", "worker")[number % 4])
        for number, names in enumerate(trees):
            jobs = {name: town.ended(name, 120) for name in names}
            assert _complete(jobs), jobs
            made = [name for name, job in jobs.items() if job["state"] == "succeeded"]
            if number % 2 and made:
                _wait_for_the_sheet(town, made)
        urls = [task["webhookUrl"] for task in town.sandbox.books()["tasks"]]
        assert len(urls) == len(set(urls)), "an attempt was paid twice"
        assert town.sandbox.books()["accepted"] >= 3 * KILLS


def _kill(town: Town, name: str) -> None:
    """Kill a process; so many deaths in a minute are wanted here."""
    for starts in town.fleet._starts.values():
        starts.forget()
    town.kill(name)


def _wait_for_the_sheet(town: Town, pictures: list[str]) -> None:
    def made() -> bool:
        return [job["state"] for job in _tree(town, pictures[0])[1:]] == ["succeeded"]

    eventually(made, 120, lambda: _tree(town, pictures[0]))


def _complete(jobs: dict[str, Any]) -> bool:
    """Whether each was made, or could not be: nobody knows whether it was, or its input was not."""
    return all(
        job["state"] == "succeeded"
        or job["error"]["code"] == "unconfirmed"
        or (
            job["error"]["code"] == "input_failed"
            and jobs[job["error"]["detail"]["job"]]["state"] != "succeeded"
        )
        for job in jobs.values()
    )
