"""JSON that nests too deep is refused at the door, and what is taken can always be read again."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from runhook.worker.errors import InvalidRequest
from runhook.worker.flows import create
from runhook.worker.flows.create import JobRequest
from tests.conftest import IMAGE, House

LINES = "application/x-ndjson"


@pytest.fixture
def client(house: House) -> FlaskClient:
    return house.app.test_client()


def nest(levels: int) -> Any:
    """So many objects in each other."""
    found: Any = {}
    for _ in range(levels - 1):
        found = {"a": found}
    return found


@pytest.mark.parametrize("levels", [65, 199, 300, 900])
@pytest.mark.parametrize("member", ["input", "options", "metadata"])
def test_what_nests_deeper_than_64_is_refused_by_name(
    client: FlaskClient, member: str, levels: int
) -> None:
    body = {"model": IMAGE, "input": {"prompt": "a cat"}, member: nest(levels)}
    answer = client.post("/v1/jobs", json=body)
    assert answer.status_code == 422
    assert member in [fault["path"] for fault in answer.json["errors"]]  # type: ignore[index]


def test_a_line_of_a_batch_that_nests_too_deep_leaves_the_others(client: FlaskClient) -> None:
    good = {"model": IMAGE, "input": {"prompt": "a cat"}}
    lines = [json.dumps(good | {"metadata": nest(199)}), json.dumps(good)]
    answer = client.post("/v1/jobs/batch", data="\n".join(lines), content_type=LINES)
    assert [json.loads(line)["status"] for line in answer.data.splitlines()] == [422, 202]


def test_what_nests_64_deep_is_taken_told_and_listed(house: House, client: FlaskClient) -> None:
    body = {"model": IMAGE, "input": {"prompt": "a cat"}, "metadata": nest(64)}
    made = client.post("/v1/jobs", json=body)
    assert made.status_code == 202
    house.settle()
    for path in ("/v1/jobs", f"/v1/jobs/{made.json['id']}", "/v1/events"):  # type: ignore[index]
        assert client.get(path).status_code == 200


def _with_metadata(metadata: dict[str, Any]) -> JobRequest:
    return JobRequest(model=IMAGE, input={"prompt": "a cat"}, metadata=metadata)


def test_a_job_asked_for_in_this_process_is_held_to_the_same(house: House) -> None:
    with pytest.raises(InvalidRequest, match="64 levels"):
        create.request(
            house.w,
            JobRequest(model=IMAGE, input={"prompt": "a cat"}, options={}, metadata=nest(65)),
        )
    with pytest.raises(InvalidRequest):
        create.request(
            house.w,
            JobRequest(model=IMAGE, input={"prompt": "a cat"}, options={}, metadata=nest(900)),
        )


DEEP = ["[" * 300 + "]" * 300, "[" * 20_000 + "]" * 20_000, '{"a":' * 300 + "1" + "}" * 300]


@pytest.mark.parametrize("text", DEEP)
@pytest.mark.parametrize("member", ["url", "events", "models", "enabled", "more"])
def test_a_subscription_is_held_to_the_same_and_stays_as_it_was(
    client: FlaskClient, member: str, text: str
) -> None:
    body = {"url": "https://shop.example.com/hook", "events": ["job.succeeded"]}
    made: Any = client.post("/v1/subscriptions", json=body).json
    path = f"/v1/subscriptions/{made['id']}"
    before = client.get(path).data
    data = f'{{"{member}": {text}}}'
    for call in (
        client.patch(path, data=data, content_type="application/json"),
        client.post("/v1/subscriptions", data=data, content_type="application/json"),
    ):
        assert call.status_code == 422
    assert client.get(path).data == before


@pytest.mark.parametrize("text", DEEP)
def test_every_other_call_that_takes_json_refuses_it(client: FlaskClient, text: str) -> None:
    data = f'{{"since": {text}, "as": {text}, "overlap": {text}, "type": {text}}}'
    for path in (
        "/v1/recover",
        "/v1/deliveries/redeliver",
        "/v1/subscriptions/sub_1/test",
        "/v1/subscriptions/sub_1/rotate",
        "/v1/jobs/job_1/resolve",
    ):
        assert client.post(path, data=data, content_type="application/json").status_code in (
            404,
            413,
            422,
        ), path


def test_a_callback_that_nests_without_end_is_kept_and_stops_nobody(house: House) -> None:
    first, second = house.ask(prompt="a cat"), house.ask(prompt="a dog")
    for text in DEEP:
        data = f'{{"event": "TASK_END", "taskId": "1", "eventData": {text}}}'
        house.w.store.callbacks.take(first.id, 1, "callback", data.encode())
    house.until(second, "succeeded")
    house.until(first, "succeeded")
    client = house.app.test_client()
    for path in ("/v1/jobs", f"/v1/jobs/{first.id}", f"/v1/jobs/{first.id}/timeline"):
        assert client.get(path).status_code == 200


@pytest.mark.parametrize("deep", [nest(65), nest(400), nest(5_000)])
def test_a_file_of_the_command_line_is_held_to_the_same(house: House, deep: Any) -> None:
    for member in ("input", "options", "metadata"):
        given = {"model": IMAGE, "input": {"prompt": "a cat"}, member: {"a": deep}}
        with pytest.raises(InvalidRequest):
            create.accept(house.w, given)
        with pytest.raises(InvalidRequest):
            create.trial(house.w, given)


def test_a_workflow_typed_as_text_that_nests_without_end_is_a_fault_like_others(
    house: House,
) -> None:
    graph = "[" * 100_000 + "]" * 100_000
    with pytest.raises(InvalidRequest, match="ComfyUI's API format"):
        create.request(
            house.w, JobRequest(model="workflow/123456", input={}, options={"workflow": graph})
        )
