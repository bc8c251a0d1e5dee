"""A request that is larger than anybody means is refused at once, in words that can be read."""

import base64
import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from runhook.worker.runninghub.sandbox.outputs import make
from tests.conftest import IMAGE, House

MEBIBYTE = 1024 * 1024
PNG = make("image", "a", "1")[1]
VIDU = "vidu/image-to-video-q2-pro"
GRAPH = {"1": {"class_type": "Text", "inputs": {}}}
LARGEST_ANSWER = 600_000  # bytes: a hundred faults, each with what is allowed


@pytest.fixture
def client(house: House) -> FlaskClient:
    return house.app.test_client()


def refused(client: FlaskClient, **asked: Any) -> dict[str, Any]:
    """The problem document of a job that must be refused, whose answer must stay small."""
    body = {"model": IMAGE, "input": {"prompt": "a cat"}} | asked
    answer = client.post("/v1/jobs", json=body)
    assert answer.status_code == 422, answer.data[:500]
    assert len(answer.data) < LARGEST_ANSWER
    found: dict[str, Any] = answer.json  # type: ignore[assignment]
    assert len(found["errors"]) <= 100
    return found


def paths(found: dict[str, Any]) -> list[str]:
    return [fault["path"] for fault in found["errors"]]


def test_a_hundred_faults_are_listed_and_the_others_counted(client: FlaskClient) -> None:
    found = refused(client, input={f"wrong{n}": 1 for n in range(300)})
    assert len(found["errors"]) == 100
    assert found["detail"].startswith("301 faults, the first 100 listed.")


@pytest.mark.parametrize("member", ["input", "options"])
@pytest.mark.parametrize("model", [IMAGE, "workflow/12"])
def test_members_without_number_are_one_fault(client: FlaskClient, member: str, model: str) -> None:
    many = {f"{n}.text": 1 for n in range(200_000)}
    assert paths(refused(client, model=model, **{member: many})) == [member]


def test_other_things_without_number_are_few_faults(client: FlaskClient) -> None:
    assert paths(refused(client, handlers=[1] * 200_000)) == ["handlers"]
    assert "" in paths(refused(client, **{f"x{n}": 1 for n in range(50_000)}))
    links = {"prompt": "a", "imageUrls": ["ftp://a"] * 200_000}
    found = refused(client, model="rhart-image-n-pro/edit", input=links)
    assert "200000 items" in json.dumps(found)


@pytest.mark.parametrize(
    ("model", "asked", "where"),
    [
        ("workflow/12", {"input": {"6.text": "x" * MEBIBYTE}}, "input"),
        ("workflow/12", {"input": {}, "options": {"workflow": GRAPH | {
            "2": {"class_type": "x" * MEBIBYTE}}}}, "options"),
        ("workflow/12", {"input": {}, "options": {"workflow": json.dumps(GRAPH | {
            "2": {"class_type": "x" * MEBIBYTE}})}}, "options"),
        ("sora-2/image-to-video-official-stable", {"input": {
            "prompt": "data:image/png;base64," + "A" * MEBIBYTE,
            "imageUrl": "https://example.com/a.png"}}, "input"),
    ],
)  # fmt: skip
def test_a_mebibyte_that_is_no_file_is_refused(
    client: FlaskClient, model: str, asked: dict[str, Any], where: str
) -> None:
    found = refused(client, model=model, **asked)
    assert paths(found) == [where]
    assert "at most 1048576" in found["errors"][0]["message"]


def test_a_file_inside_an_input_is_not_counted(client: FlaskClient) -> None:
    uri = "data:image/png;base64," + base64.b64encode(PNG + bytes(2 * MEBIBYTE)).decode()
    body = {"model": VIDU, "input": {"prompt": "waves", "imageUrl": uri}}
    assert client.post("/v1/jobs", json=body).status_code == 202


@pytest.mark.parametrize("name", ["a" * 500_000, "\u0130" * 100_000])
def test_a_name_of_any_length_is_quoted_in_short(client: FlaskClient, name: str) -> None:
    for asked in (
        {"model": name},
        {"input": {name: 1}},
        {"options": {name: 1}},
        {"handlers": [name]},
        {name: 1},
        {"model": "workflow/12", "input": {name: 1}},
    ):
        found = refused(client, **asked)
        assert max(len(fault["message"]) for fault in found["errors"]) <= 4000
        assert max(map(len, paths(found))) <= 300


@pytest.mark.parametrize("price", ["9" * 100_000, "1e" + "9" * 50, "0." + "0" * 100_000 + "1"])
def test_a_price_of_any_length_is_no_amount(client: FlaskClient, price: str) -> None:
    assert paths(refused(client, options={"max_price": price})) == ["options.max_price"]


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 10_000, "NaN", "Infinity"])
def test_numbers_that_are_none_are_refused(client: FlaskClient, number: str) -> None:
    text = f'{{"model": "{IMAGE}", "input": {{"prompt": "a"}}, "metadata": {{"n": {number}}}}}'
    answer = client.post("/v1/jobs", data=text, content_type="application/json")
    assert answer.status_code == 422
    assert len(answer.data) < 2000


def test_values_without_number_are_refused_before_they_are_read(client: FlaskClient) -> None:
    data = '{"model": "a", "input": {"6.text": [' + "[]," * 1_000_001 + "[]]}}"
    answer = client.post("/v1/jobs", data=data, content_type="application/json")
    assert answer.status_code == 422
    assert "commas" in answer.json["errors"][0]["message"]  # type: ignore[index]


def test_a_line_of_a_batch_is_held_to_the_same(client: FlaskClient) -> None:
    good = {"model": IMAGE, "input": {"prompt": "a cat"}}
    lines = [good, good | {"input": {str(n): 1 for n in range(100_000)}}, good]
    data = "\n".join(json.dumps(line) for line in lines)
    answer = client.post("/v1/jobs/batch", data=data, content_type="application/x-ndjson")
    assert [json.loads(line)["status"] for line in answer.data.splitlines()] == [202, 422, 202]
    assert len(answer.data) < 10_000
