"""Whole lives of jobs through the real processes."""

import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import IMAGE, eventually
from tests.journeys.conftest import Town, a_town

VIDEO = "vidu/text-to-video-q3-turbo"
OFFICIAL = "rhart-image-n-pro-official/text-to-image"


def _ask(number: int) -> dict[str, object]:
    return {"model": IMAGE, "input": {"prompt": f"picture {number}"}, "metadata": {"n": number}}


def test_a_job_goes_from_http_through_celery_to_its_handler(town: Town) -> None:
    job = town.ended(town.post(_ask(0))["id"])
    assert (job["state"], job["settled_by"]) == ("succeeded", "callback")
    told = eventually(lambda: [line for line in town.told() if job["id"] in line])
    assert [line.split()[1] for line in told] == ["job.succeeded"]
    notes = [entry["what"] for entry in town.get(f"/v1/jobs/{job['id']}/timeline")["items"]]
    for step in ("queued", "turn", "request left", "accepted", "succeeded", "delivery opened"):
        assert step in notes


def test_every_kind_of_callback_ends_every_job_right_and_tells_each_once(town: Town) -> None:
    before = town.sandbox.accepted()
    town.sandbox.faults(
        callback_lost=0.2,
        callback_doubled=0.2,
        callback_unreadable=0.1,
        callback_early=0.1,
        failed=0.1,
        seed=7,
    )
    ids = [town.post(_ask(number))["id"] for number in range(40)]
    jobs = [town.ended(job_id) for job_id in ids]
    truth = {task["taskId"]: task for task in town.sandbox.books()["tasks"]}
    for job in jobs:
        faults = truth[job["ref"]]["faults"]
        assert job["state"] == ("failed" if "failed" in faults else "succeeded")
    assert town.sandbox.accepted() - before == 40
    told = eventually(
        lambda: len([x for x in town.told() if x.split()[-1] in ids]) >= 40 and town.told()
    )
    time.sleep(1)  # whatever would tell a second time has come by then
    for job_id in ids:
        assert sum(job_id in line and "job." in line for line in told) == 1


def test_a_job_whose_model_fails_goes_on_with_the_one_that_it_names(town: Town) -> None:
    town.sandbox.faults({"fault": "failed", "model": IMAGE, "match": "picture 77"})
    asked = {**_ask(77), "options": {"fallback": [OFFICIAL]}}
    job = town.ended(town.post(asked)["id"])
    assert (job["state"], job["model"]) == ("succeeded", IMAGE)
    attempts = [(attempt["model"], attempt["state"]) for attempt in job["attempts"]]
    assert attempts == [(IMAGE, "failed"), (OFFICIAL, "succeeded")]
    mine = [task for task in town.sandbox.books()["tasks"] if task["prompt"] == "picture 77"]
    assert [task["model"] for task in mine] == [IMAGE, OFFICIAL]
    told = eventually(lambda: [line for line in town.told() if job["id"] in line])
    assert [line.split()[1] for line in told] == ["job.succeeded"], "the failure is told to nobody"
    town.sandbox.faults()


def test_a_chunked_callback_over_four_mebibytes_is_refused_too(town: Town) -> None:
    url = town.w.callback_url("job_none", 1)
    assert url
    chunks = iter([b"x" * 65536] * 65)
    request = urllib.request.Request(url, chunks, {"Transfer-Encoding": "chunked"}, method="POST")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    assert caught.value.code == 413
    assert town.w.store.callbacks.strays() == 0


@pytest.mark.kills
def test_a_handler_that_kills_its_process_is_told_again_and_others_go_on(town: Town) -> None:
    town.sandbox.faults()
    job = town.post({"model": VIDEO, "input": {"prompt": "x"}, "metadata": {"kill": True}})
    other = town.post({"model": VIDEO, "input": {"prompt": "y"}})
    eventually(lambda: f"survived {other['id']}" in town.told(), 40)
    eventually(lambda: f"survived {job['id']}" in town.told(), 60)


@pytest.mark.kills
def test_workers_killed_and_the_server_restarted_lose_nothing_and_pay_nothing_twice(
    tmp_path: Path,
) -> None:
    with a_town(tmp_path, RUNHOOK_UNCONFIRMED_AFTER="20") as town:
        town.sandbox.faults(callback_lost=0.1, callback_doubled=0.1, seed=3)
        ids = [town.post(_ask(number))["id"] for number in range(30)]
        for name in ("worker", "handlers"):
            time.sleep(0.4)
            town.kill(name)
        town.server.stop()
        town.server.start()
        ids += [town.post(_ask(number))["id"] for number in range(30, 40)]
        jobs = [town.ended(job_id, 100) for job_id in ids]
        # A kill between request and answer, and the callback lost too: only then nobody can know.
        for job in jobs:
            assert job["state"] == "succeeded" or job["error"]["code"] == "unconfirmed"
        hooks = [task["webhookUrl"] for task in town.sandbox.books()["tasks"]]
        assert len(hooks) == len(set(hooks)), "an attempt was paid twice"
        eventually(lambda: not _untold(town, ids), 60, lambda: _untold(town, ids))


def _untold(town: Town, ids: list[str]) -> list[object]:
    """Jobs that no handler wrote down, with everything that happened to them."""
    told = {line.split()[-1] for line in town.told()}
    return [town.get(f"/v1/jobs/{i}/timeline")["items"] for i in ids if i not in told]
