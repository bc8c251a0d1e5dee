"""Those who hang from the first event on delay nobody who answers, through the real processes."""

import json
import urllib.request
from collections.abc import Iterator

import pytest

from tests.conftest import IMAGE, eventually
from tests.journeys.conftest import Town, a_town
from tests.receiver import Receiver, Reply, a_receiver

HANGING, JOBS = 6, 5
TURNING = 20  # more than there are places: each has been quick before, so none is told less
HANDLERS = f"""
import os, time
from runhook import on

for number in range({HANGING}):
    @on("job.succeeded", name=f"hang{{number}}")
    def hang(event):
        time.sleep(200)

for number in range({TURNING}):
    @on("job.succeeded", name=f"turn{{number}}")
    def turn(event):
        if os.path.exists(os.environ["BOOK"] + "-turned"):
            time.sleep(200)

@on("job.succeeded")
def well(event):
    with open(os.environ["BOOK"], "a") as book:
        book.write(f"{{event.job.id}}\\n")
"""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town of whose handlers all hang but one."""
    folder = tmp_path_factory.mktemp("town")
    (folder / "hanging_handlers.py").write_text(HANDLERS)
    with a_town(
        folder, RUNHOOK_HANDLERS="hanging_handlers", RUNHOOK_ALLOW_PRIVATE_URLS="true"
    ) as found:
        yield found


def _subscribe(town: Town, url: str) -> str:
    body = json.dumps({"url": url, "events": ["job.succeeded"]}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{town.web}/v1/subscriptions", body, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(json.loads(answer.read())["id"])


def test_those_who_answer_hear_everything_while_the_others_hang(
    town: Town, receiver: Receiver
) -> None:
    with a_receiver() as stuck:
        stuck.answers(Reply(wait=200))
        hanging = [_subscribe(town, f"{stuck.url}/{number}") for number in range(2 * HANGING)]
        _subscribe(town, receiver.url)
        jobs = {
            town.post({"model": IMAGE, "input": {"prompt": "a cat"}})["id"] for _ in range(JOBS)
        }
        eventually(lambda: {one.event["subject"] for one in receiver.requests} == jobs, 40)
        eventually(lambda: set(town.told()) == jobs, 40)
        for name in [*hanging, *(f"hang{number}" for number in range(HANGING))]:
            told = town.get(f"/v1/deliveries?handler={name}&state=done")["items"]
            assert told == [], "they still hang"

    def pending(name: str) -> int:
        return next(
            int(one["pending"]) for one in town.get("/v1/handlers")["items"] if one["name"] == name
        )

    # A handler writes its line before it is written down that it was told.
    eventually(lambda: pending("well") == 0)
    assert all(pending(f"hang{number}") == JOBS for number in range(HANGING))


def test_those_who_answer_hear_everything_though_the_quick_begin_to_hang_together(
    town: Town,
) -> None:
    def pending() -> list[int]:
        listed = {one["name"]: one for one in town.get("/v1/handlers")["items"]}
        return [listed[f"turn{number}"]["pending"] for number in range(TURNING)]

    eventually(lambda: not any(pending()), 60, pending)
    town.book.with_name("book-turned").touch()
    jobs = {town.post({"model": IMAGE, "input": {"prompt": "a dog"}})["id"] for _ in range(JOBS)}
    eventually(lambda: jobs <= set(town.told()), 60, town.told)
    assert all(pending()), "they hang"
