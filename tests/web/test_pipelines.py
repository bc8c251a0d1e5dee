"""Pipelines over HTTP: batches with names, trees, groups, and who may see which."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from flask.testing import FlaskClient

from runhook.webhook.edge.limits import CHANGING
from runhook.worker.domain.jobs import LOCAL
from runhook.worker.errors import NotFound
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.forget import forget_tree
from tests.conftest import IMAGE, SHOP, Build, House

VIDEO = "vidu/image-to-video-q2-pro"
PICTURE = {"as": "pic", "model": IMAGE, "input": {"prompt": "a cat"}}
FILM = {"model": VIDEO, "input": {"prompt": "it moves", "imageUrl": "output:@pic/0"}}


@pytest.fixture
def client(house: House) -> FlaskClient:
    """A client on this machine; nothing is sent."""
    house.w.store.queue.pause(True)
    return house.app.test_client()


def _batch(client: FlaskClient, *lines: Any) -> list[Any]:
    body = "\n".join(map(json.dumps, lines))
    answer = client.post("/v1/jobs/batch", data=body, content_type="application/x-ndjson")
    assert answer.status_code == 200
    return [json.loads(line) for line in answer.text.splitlines()]


def test_a_batch_answers_each_line_with_its_name(client: FlaskClient) -> None:
    picture, film, twin = _batch(client, PICTURE, FILM, PICTURE)
    assert [line.get("as") for line in (picture, film, twin)] == ["pic", None, None]
    assert film["job"]["waits_for"] == [picture["job"]["id"]]
    assert film["job"]["input"]["imageUrl"] == f"output:{picture['job']['id']}/0"
    assert twin["status"] == 422


def test_a_job_that_waits_shows_for_whom_and_has_no_place(client: FlaskClient) -> None:
    picture, film = (line["job"] for line in _batch(client, PICTURE, FILM))
    shown = client.get(f"/v1/jobs/{film['id']}").get_json()
    assert (shown["state"], shown["queue_position"]) == ("queued", None)
    assert (shown["waits_for"], shown["parent"], shown["root"]) == ([picture["id"]],) * 1 + (
        picture["id"],
        picture["id"],
    )


def test_a_tree_is_shown_oldest_first_in_pages(client: FlaskClient) -> None:
    picture, *films = (line["job"]["id"] for line in _batch(client, PICTURE, FILM, FILM))
    whole = client.get(f"/v1/jobs/{picture}/tree").get_json()
    assert [job["id"] for job in whole["items"]] == [picture, *films]
    assert (whole["next"], whole["complete"]) == (None, True)
    first = client.get(f"/v1/jobs/{picture}/tree?limit=2").get_json()
    assert [job["id"] for job in first["items"]] == [picture, films[0]]
    rest = client.get(f"/v1/jobs/{picture}/tree?cursor={first['next']}").get_json()
    assert ([job["id"] for job in rest["items"]], rest["next"]) == ([films[1]], None)
    assert client.get(f"/v1/jobs/{films[0]}/tree").get_json()["items"][0]["id"] == films[0]
    assert client.get(f"/v1/jobs/job_{'0' * 28}/tree").status_code == 404


def test_jobs_are_listed_by_root_and_by_group(client: FlaskClient) -> None:
    picture, film = (line["job"]["id"] for line in _batch(client, PICTURE, FILM))
    other = client.post("/v1/jobs", json={**PICTURE_ALONE, "group": "g"}).get_json()

    def ids(query: str) -> list[str]:
        return [job["id"] for job in client.get(f"/v1/jobs?{query}").get_json()["items"]]

    assert ids(f"root={picture}") == [film, picture]
    assert ids("group=g") == ids("group=g&tenant=local") == [other["id"]]
    assert ids("group=g&tenant=other") == ids("group=h") == []
    assert client.get("/v1/jobs?root=7").status_code == 422


PICTURE_ALONE = {name: value for name, value in PICTURE.items() if name != "as"}


def test_a_group_is_shown_with_its_counts(client: FlaskClient) -> None:
    client.post("/v1/jobs", json={**PICTURE_ALONE, "group": "g", "group_size": 2})
    shown = client.get("/v1/groups/g").get_json()
    assert shown.pop("states") == {
        "queued": 1,
        **dict.fromkeys(
            ("sending", "unconfirmed", "running", "succeeded", "failed", "cancelled"), 0
        ),
    }
    assert shown == {
        "name": "g",
        "tenant": "local",
        "jobs": 1,
        "size": 2,
        "closed": False,
        "ended_at": None,
    }
    assert client.get("/v1/groups/h").status_code == 404
    assert client.get("/v1/groups/g?tenant=other").status_code == 404


@pytest.mark.parametrize("body", [{"group": "a b"}, {"group": 7}, {"group": "g", "group_size": 0}])
def test_a_group_that_cannot_be_is_refused(client: FlaskClient, body: dict[str, Any]) -> None:
    answer = client.post("/v1/jobs", json={**PICTURE_ALONE, **body})
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["path"] in body


def test_a_cancel_of_the_tree_cancels_what_waits_and_a_plain_one_fails_it(
    client: FlaskClient, house: House
) -> None:
    picture, film = (line["job"]["id"] for line in _batch(client, PICTURE, FILM))
    other, waits = (line["job"]["id"] for line in _batch(client, PICTURE, FILM))
    assert client.post(f"/v1/jobs/{picture}/cancel", json={"tree": True}).status_code == 200
    assert client.post(f"/v1/jobs/{other}/cancel").status_code == 200
    house.settle()
    states = {name: client.get(f"/v1/jobs/{name}").get_json()["state"] for name in (film, waits)}
    assert states == {film: "cancelled", waits: "failed"}
    for body in ({"tree": "yes"}, {"dry_run": True}):
        assert client.post(f"/v1/jobs/{film}/cancel", json=body).status_code == 422


def test_a_group_and_a_tree_of_another_tenant_are_not_there(build: Build) -> None:
    house = build(RUNHOOK_API_TOKENS=f"shop:{SHOP}:submit,ops:token-Of-the-admin-77bd3")
    house.w.store.queue.pause(True)
    client = house.app.test_client()
    shop = {"Authorization": f"Bearer {SHOP}"}
    ops = {"Authorization": "Bearer token-Of-the-admin-77bd3"}
    theirs = client.post("/v1/jobs", json={**PICTURE_ALONE, "group": "g"}, headers=ops).get_json()
    for path in ("/v1/groups/g", "/v1/groups/g?tenant=ops", f"/v1/jobs/{theirs['id']}/tree"):
        assert client.get(path, headers=shop).status_code == 404
    assert client.get("/v1/groups/g", headers=ops).status_code == 200
    for query in (f"root={theirs['id']}", "group=g"):
        assert client.get(f"/v1/jobs?{query}", headers=shop).get_json()["items"] == []
    named = {"model": VIDEO, "input": {"prompt": "a", "imageUrl": f"output:{theirs['id']}/0"}}
    nobodys = {"model": VIDEO, "input": {"prompt": "a", "imageUrl": f"output:job_{'0' * 28}/0"}}
    told = [
        client.post("/v1/jobs", json=body, headers=shop).text.replace(name, "JOB")
        for body, name in ((named, theirs["id"]), (nobodys, f"job_{'0' * 28}"))
    ]
    assert told[0] == told[1]
    parents = [
        client.post("/v1/jobs", json={**PICTURE_ALONE, "parent": name}, headers=shop)
        for name in (theirs["id"], f"job_{'0' * 28}")
    ]
    assert [answer.status_code for answer in parents] == [422, 422]


def test_a_tree_is_forgotten_by_its_root(client: FlaskClient) -> None:
    picture, film = (line["job"]["id"] for line in _batch(client, PICTURE, FILM))
    refused = client.delete(f"/v1/jobs?root={picture}")
    assert (refused.status_code, "is queued" in refused.text) == (409, True)
    client.post(f"/v1/jobs/{film}/cancel")
    client.post(f"/v1/jobs/{picture}/cancel")
    assert client.delete(f"/v1/jobs?root={picture}").get_json() == {"forgotten": 2}
    assert client.delete(f"/v1/jobs?root={picture}").status_code == 404
    assert client.delete("/v1/jobs").status_code == 422


def test_whoever_forgets_trees_at_once_keeps_nobody_else_from_theirs(client: FlaskClient) -> None:
    picture, film = (line["job"]["id"] for line in _batch(client, PICTURE, FILM))
    for job in (film, picture):
        client.post(f"/v1/jobs/{job}/cancel")
    with ExitStack() as places:
        for _ in range(CHANGING.each):
            places.enter_context(CHANGING.take(LOCAL))
        refused = client.delete(f"/v1/jobs?root={picture}")
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert client.get(f"/v1/jobs/{film}").status_code == 200
    assert client.delete(f"/v1/jobs?root={picture}").get_json() == {"forgotten": 2}


def test_who_forgets_a_tree_beside_others_is_told_what_went_by_its_own_call(house: House) -> None:
    house.w.store.queue.pause(True)
    root = house.ask().id
    grown = [house.ask(prompt=f"{n}", parent=root).id for n in range(30)]
    for job in (root, *grown):
        cancel(house.w, job)
    with ThreadPoolExecutor(2) as both:
        told = [both.submit(forget_tree, house.w, root, None) for _ in range(2)]
    # Who came too late to see any of it has nothing to tell.
    counts = [one.result() for one in told if not isinstance(one.exception(), NotFound)]
    assert sum(counts) == 31
