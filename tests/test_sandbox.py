"""The sandbox: RunningHub's API over real HTTP, its webhook sender, its faults, its real files."""

import http.client
import io
import json
import struct
import threading
import urllib.error
import urllib.request
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from runhook.worker import catalogue
from runhook.worker.cli.sandbox import sandbox as command
from runhook.worker.runninghub.sandbox.faults import FAULTS, Faults
from runhook.worker.runninghub.sandbox.outputs import make
from runhook.worker.runninghub.sandbox.prices import price
from runhook.worker.runninghub.sandbox.server import _models, create_app, serve
from tests.bodies import valid
from tests.conftest import IMAGE, Sandbox, eventually

KEY = {"Authorization": "Bearer anything", "Content-Type": "application/json"}


def _post(url: str, body: Any, headers: dict[str, str] = KEY) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def _submit(sandbox: Sandbox, **more: Any) -> Any:
    return _post(f"{sandbox.url}/openapi/v2/{IMAGE}", {"prompt": "a cat", **more})


def _upload(
    sandbox: Sandbox, name: str, path: str = "/openapi/v2/media/upload/binary", **fields: str
) -> Any:
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'
        for k, v in fields.items()
    ]
    parts.append(
        f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: image/png\r\n\r\nbytes\r\n--x--\r\n"
    )
    headers = {"Authorization": "Bearer k", "Content-Type": "multipart/form-data; boundary=x"}
    request = urllib.request.Request(sandbox.url + path, "".join(parts).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


class _Receiver(HTTPServer):
    """Takes callbacks, and answers what it is told to."""

    def __init__(self) -> None:
        self.received: list[Any] = []
        self.answers: list[int] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: _Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(body)
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        return


@pytest.fixture
def receiver() -> Iterator[_Receiver]:
    """Somebody who is called back."""
    found = _Receiver()
    threading.Thread(target=found.serve_forever, args=(0.02,), daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


def test_a_submit_is_accepted_and_its_end_called_back(
    sandbox: Sandbox, receiver: _Receiver
) -> None:
    answer = _submit(sandbox, webhookUrl=receiver.url)
    assert answer["taskId"].isdecimal()
    assert len(answer["taskId"]) == 19
    eventually(lambda: receiver.received)
    callback = json.loads(receiver.received[0])
    assert callback["event"] == "TASK_END"
    assert callback["eventData"]["status"] == "SUCCESS", "V2: an object"
    query = _post(f"{sandbox.url}/openapi/v2/query", {"taskId": answer["taskId"]})
    assert query["results"] == callback["eventData"]["results"]


def test_a_workflows_callback_holds_text(sandbox: Sandbox, receiver: _Receiver) -> None:
    body = {"apiKey": "k", "workflowId": "12", "webhookUrl": receiver.url}
    answer = _post(f"{sandbox.url}/task/openapi/create", body)
    assert answer["code"] == 0
    eventually(lambda: receiver.received)
    event = json.loads(json.loads(receiver.received[0])["eventData"])
    assert event["data"][0]["nodeId"] == "9"


def test_a_callback_is_tried_again_until_it_is_taken(sandbox: Sandbox, receiver: _Receiver) -> None:
    receiver.answers = [503, 500, 200]
    task = _submit(sandbox, webhookUrl=receiver.url)["taskId"]
    eventually(lambda: len(receiver.received) == 3)
    detail = f"{sandbox.url}/task/openapi/getWebhookDetail"

    def delivered() -> Any:
        data = _post(detail, {"apiKey": "k", "taskId": task})["data"]
        return data if data["callbackStatus"] == "SUCCESS" else None

    found = eventually(delivered)
    assert found["retryCount"] == 2
    assert isinstance(found["eventData"], str)


def test_a_recorded_event_is_resent_to_any_url(sandbox: Sandbox, receiver: _Receiver) -> None:
    sandbox.faults({"fault": "callback_lost"})
    task = _submit(sandbox, webhookUrl="http://127.0.0.1:9/nowhere")["taskId"]
    detail = f"{sandbox.url}/task/openapi/getWebhookDetail"
    data = eventually(lambda: _post(detail, {"apiKey": "k", "taskId": task})["data"])
    asked = {"apiKey": "k", "webhookId": data["id"], "webhookUrl": receiver.url}
    assert _post(f"{sandbox.url}/task/openapi/retryWebhook", asked)["code"] == 0
    eventually(lambda: receiver.received)


def test_over_the_limit_a_submit_is_refused_with_421() -> None:
    server = serve(create_app(Faults({"slow": 1.0}), limit=1), "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    sandbox = Sandbox(f"http://127.0.0.1:{server.server_port}")
    first, second = _submit(sandbox), _submit(sandbox)
    create = {"apiKey": "k", "workflowId": "1"}
    third = _post(f"{sandbox.url}/task/openapi/create", create)
    server.shutdown()
    assert first["errorCode"] == ""
    assert (second["errorCode"], second["taskId"], third["code"]) == ("421", "", 421)


def test_wrong_requests_are_refused_as_runninghub_does(sandbox: Sandbox) -> None:
    url = sandbox.url
    assert _post(f"{url}/openapi/v2/{IMAGE}", {}, {})["errorCode"] == "1002"
    assert _post(f"{url}/openapi/v2/{IMAGE}", {})["errorCode"] == "1007"
    assert _submit(sandbox, resolution="9k")["errorCode"] == "1007"
    assert _post(f"{url}/openapi/v2/no/model", {})["errorCode"] == "1001"
    assert _post(f"{url}/openapi/v2/query", {"taskId": "1"})["errorCode"] == "1004"
    assert _post(f"{url}/task/openapi/create", {"apiKey": "k"})["code"] == 301
    assert _post(f"{url}/task/openapi/outputs", {"taskId": "1"})["code"] == 807
    assert _post(f"{url}/task/openapi/cancel", {"taskId": "1"})["code"] == 807
    assert sandbox.accepted() == 0


def test_a_running_task_can_be_cancelled_once(sandbox: Sandbox) -> None:
    sandbox.faults({"fault": "slow"})
    asked = {"apiKey": "k", "taskId": _submit(sandbox)["taskId"]}
    url = f"{sandbox.url}/task/openapi"
    assert _post(f"{url}/status", asked)["data"] == "QUEUED"
    assert _post(f"{url}/outputs", asked)["code"] == 813
    assert _post(f"{url}/cancel", asked)["code"] == 0
    assert _post(f"{url}/cancel", asked)["code"] == 807
    assert _post(f"{sandbox.url}/openapi/v2/query", asked)["status"] == "CANCEL"
    assert _post(f"{url}/outputs", asked)["code"] == 805


def test_account_and_queue_are_told_as_text(sandbox: Sandbox) -> None:
    sandbox.faults({"fault": "slow"})
    _submit(sandbox)
    account = _post(f"{sandbox.url}/uc/openapi/accountStatus", {"apikey": "k"})["data"]
    assert account["currentTaskCounts"] == "1"
    queue = sandbox.call("GET", "/openapi/v2/queue/status")["data"]
    assert (queue["concurrentLimit"], queue["totalCurrentTasks"]) == (50, "1")


@pytest.mark.parametrize(
    ("path", "name", "fields"),
    [
        ("/openapi/v2/media/upload/binary", "download_url", {}),
        ("/task/openapi/upload", "fileName", {"apiKey": "k"}),
    ],
)
def test_files_are_taken(sandbox: Sandbox, path: str, name: str, fields: dict[str, str]) -> None:
    said = _upload(sandbox, "a.png", path, **fields)
    assert said["code"] == 0
    assert said["data"][name]
    if name == "download_url":
        with urllib.request.urlopen(said["data"][name], timeout=10) as answer:
            assert answer.read() == b"bytes"


def test_a_picture_shows_its_prompt() -> None:
    ending, data = make("image", "a cat", "1")
    with Image.open(io.BytesIO(data)) as picture:
        assert (ending, picture.format, picture.size) == ("png", "PNG", (640, 400))
    assert data != make("image", "a dog", "1")[1]


def test_a_film_is_an_mp4_whose_table_finds_every_picture() -> None:
    ending, data = make("video", "a cat", "1")
    assert (ending, data[4:8]) == ("mp4", b"ftyp")
    sizes_at = data.index(b"stsz") + 12
    count = struct.unpack(">I", data[sizes_at : sizes_at + 4])[0]
    sizes = struct.unpack(f">{count}I", data[sizes_at + 4 : sizes_at + 4 + 4 * count])
    offset = struct.unpack(">I", data[data.index(b"stco") + 12 : data.index(b"stco") + 16])[0]
    for size in sizes:
        length = struct.unpack(">I", data[offset : offset + 4])[0]
        assert length == size - 4
        assert data[offset + 4] == 0x65, "every picture stands for itself"
        offset += size
    assert offset == len(data)


def test_a_sound_is_a_wav_of_a_second() -> None:
    ending, data = make("audio", "", "1")
    with wave.open(io.BytesIO(data)) as sound:
        assert (ending, sound.getnframes() / sound.getframerate()) == ("wav", 1.0)


def test_a_shape_is_a_glb_whose_buffer_is_whole() -> None:
    ending, data = make("3d", "a cat", "1")
    magic, version, length = struct.unpack("<4sII", data[:12])
    assert (ending, magic, version, length) == ("glb", b"glTF", 2, len(data))
    size = struct.unpack("<I", data[12:16])[0]
    document = json.loads(data[20 : 20 + size])
    assert document["asset"]["extras"]["prompt"] == "a cat"
    assert (
        struct.unpack("<I", data[20 + size : 24 + size])[0] >= document["buffers"][0]["byteLength"]
    )


def test_faults_are_chosen_by_word_times_and_a_repeatable_rate() -> None:
    faults = Faults(
        {"rules": [{"fault": "busy", "match": "[x]", "times": 2}], "failed": 0.5, "seed": 1}
    )
    assert "busy" not in faults.choose("plain")
    assert ["busy" in faults.choose("a [x]") for _ in range(3)] == [True, True, False]

    def draws() -> list[bool]:
        seeded = Faults({"failed": 0.5, "seed": 4})
        return ["failed" in seeded.choose("") for _ in range(20)]

    assert draws() == draws()
    assert 0 < sum(draws()) < 20


def test_a_fault_may_be_of_models_that_fit_a_pattern() -> None:
    faults = Faults(
        {"rules": [{"fault": "failed", "model": "rhart-image-v1*/edit", "value": 1504}]}
    )
    assert "failed" not in faults.choose("a cat")
    assert "failed" not in faults.choose("a cat", model="rhart-image-v1/text-to-image")
    chosen = faults.choose("a cat", model="rhart-image-v1-official/edit")
    assert chosen.value("failed", 1000) == 1504


@pytest.mark.parametrize(
    "spec", [[], {"nothing": 1.0}, {"busy": "often"}, {"rules": [{"fault": "busy", "x": 1}]}]
)
def test_wrong_faults_are_refused_with_what_there_is(sandbox: Sandbox, spec: Any) -> None:
    with pytest.raises(ValueError, match=r"fault|rate|rule"):
        Faults(spec)
    if isinstance(spec, dict):
        with pytest.raises(urllib.error.HTTPError) as caught:
            sandbox.call("PUT", "/sandbox/faults", spec)
        assert caught.value.code == 400


def test_a_lasting_fault_is_drawn_once_for_each_prompt() -> None:
    rules = [{"fault": "busy", "rate": 0.5, "lasting": True}]
    faults = Faults({"rules": rules, "seed": 1})
    hit = [prompt for prompt in "abcdefghijklmnop" if "busy" in faults.choose("", prompt)]
    assert 0 < len(hit) < 16
    for _ in range(5):
        assert [p for p in "abcdefghijklmnop" if "busy" in faults.choose("", p)] == hit


def test_a_request_uses_up_only_faults_that_it_can_have(sandbox: Sandbox) -> None:
    sandbox.faults({"fault": "busy", "times": 1}, {"fault": "key_refused", "times": 0})
    assert _upload(sandbox, "a.png")["code"] == 0
    assert sandbox.call("GET", "/openapi/v2/queue/status")["code"] == 0
    assert _submit(sandbox)["errorCode"] == "421"


def test_every_key_is_good_but_one_that_is_nobodys(sandbox: Sandbox) -> None:
    nobody = "0" * 32
    headers = KEY | {"Authorization": f"Bearer {nobody}"}
    asked = {"taskId": "1"}
    assert _post(f"{sandbox.url}/openapi/v2/query", asked, headers)["errorCode"] == "1002"
    older = f"{sandbox.url}/task/openapi/outputs"
    assert _post(older, asked | {"apiKey": nobody}, KEY)["code"] == 802
    assert _post(older, asked | {"apiKey": f"{nobody}0"}, KEY)["code"] == 807


def test_an_id_that_is_none_is_refused_and_not_looked_for(sandbox: Sandbox) -> None:
    for wrong in ({}, {"taskId": None}, {"taskId": "0"}, {"taskId": 0}):
        assert _post(f"{sandbox.url}/openapi/v2/query", wrong)["errorCode"] == "1007"


def test_a_file_is_refused_each_time_and_no_other_is(sandbox: Sandbox) -> None:
    sandbox.faults(
        {"fault": "upload_too_large", "match": "big"}, {"fault": "upload_reset", "match": "torn"}
    )
    for _ in range(2):
        with pytest.raises(urllib.error.HTTPError) as caught:
            _upload(sandbox, "big.png")
        assert caught.value.code == 413
        assert caught.value.read().startswith(b"<html>")
        with pytest.raises(ConnectionError):
            _upload(sandbox, "torn.png")
    assert _upload(sandbox, "good.png")["code"] == 0


def test_a_price_is_missing_for_one_prompt_for_good(sandbox: Sandbox) -> None:
    sandbox.faults({"fault": "price_missing", "match": "a cat"})
    price = f"{sandbox.url}/openapi/v2/price-preview/{IMAGE}"
    for _ in range(2):
        with pytest.raises(urllib.error.HTTPError) as caught:
            _post(price, {"prompt": "a cat"})
        assert caught.value.code == 404
    assert _post(price, {"prompt": "a dog"})["currency"] == "CNY"
    sandbox.faults({"fault": "price_refused"})
    assert _post(price, {"prompt": "a dog"})["errorCode"] == "1014"


@pytest.mark.parametrize(
    ("fault", "status"), [("capacity_forbidden", 403), ("capacity_outage", 503)]
)
def test_queue_status_can_be_kept_back_for_good(sandbox: Sandbox, fault: str, status: int) -> None:
    sandbox.faults({"fault": fault})
    with pytest.raises(urllib.error.HTTPError) as caught:
        sandbox.call("GET", "/openapi/v2/queue/status")
    assert caught.value.code == status
    sandbox.faults({"fault": "capacity_refused"})
    assert sandbox.call("GET", "/openapi/v2/queue/status")["code"] == 1014


def test_a_key_can_go_bad_and_be_good_again(sandbox: Sandbox) -> None:
    task = _submit(sandbox)["taskId"]
    sandbox.faults({"fault": "key_refused"})
    assert _submit(sandbox)["errorCode"] == "1002"
    assert _post(f"{sandbox.url}/openapi/v2/query", {"taskId": task})["errorCode"] == "1002"
    assert _post(f"{sandbox.url}/task/openapi/outputs", {"taskId": task})["code"] == 802
    sandbox.faults()
    assert _submit(sandbox)["errorCode"] == ""
    assert sandbox.accepted() == 2


def test_a_task_can_have_a_status_that_nobody_knows(sandbox: Sandbox) -> None:
    sandbox.faults({"fault": "status_unknown", "match": "a cat"})
    asked = {"apiKey": "k", "taskId": _submit(sandbox)["taskId"]}
    for _ in range(2):
        assert _post(f"{sandbox.url}/openapi/v2/query", asked)["status"] == "SUSPENDED"
        assert _post(f"{sandbox.url}/task/openapi/outputs", asked)["code"] == 899
    asked["taskId"] = _post(f"{sandbox.url}/openapi/v2/{IMAGE}", {"prompt": "a dog"})["taskId"]
    assert _post(f"{sandbox.url}/openapi/v2/query", asked)["status"] == "SUCCESS"


def test_dirt_is_in_answers_in_callbacks_and_on_record(
    sandbox: Sandbox, receiver: _Receiver
) -> None:
    dirt = ("failed", "text_unwritable", "money_absurd", "nested", "text_huge")
    sandbox.faults(*({"fault": fault} for fault in dirt))
    task = _submit(sandbox, webhookUrl=receiver.url)["taskId"]
    query = _post(f"{sandbox.url}/openapi/v2/query", {"taskId": task})
    assert "\ud83d\x00" in query["errorMessage"]
    assert len(query["errorMessage"]) == 3 * 1024 * 1024
    assert query["usage"]["consumeMoney"] == "1e60000000"
    assert query["usage"]["thirdPartyConsumeMoney"] == "1e999999999"
    assert json.dumps(query["failedReason"]).count("[") > 500
    eventually(lambda: receiver.received)
    assert json.loads(receiver.received[0])["eventData"] == query
    record = f"{sandbox.url}/task/openapi/getWebhookDetail"
    data = eventually(lambda: _post(record, {"apiKey": "k", "taskId": task})["data"])
    assert json.loads(data["eventData"]) == query


def test_results_can_be_many_and_numbers_long(sandbox: Sandbox) -> None:
    sandbox.faults({"fault": "many_results"}, {"fault": "numbers_long"})
    query = _post(f"{sandbox.url}/openapi/v2/query", {"taskId": _submit(sandbox)["taskId"]})
    assert len(query["results"]) == 10_000
    assert len(str(query["usage"]["consumeMoney"])) == 300
    created = {"apiKey": "k", "workflowId": "12"}
    task = _post(f"{sandbox.url}/task/openapi/create", created)["data"]["taskId"]
    outputs = {"apiKey": "k", "taskId": task}
    assert len(_post(f"{sandbox.url}/task/openapi/outputs", outputs)["data"]) == 10_000


def test_who_asks_at_the_same_moment_is_told_of_the_same_files(sandbox: Sandbox) -> None:
    """As a query beside the callback is."""
    asked = [{"taskId": _submit(sandbox)["taskId"]}] * 8
    with ThreadPoolExecutor(len(asked)) as crowd:
        told = list(crowd.map(partial(_post, f"{sandbox.url}/openapi/v2/query"), asked))
    assert [len(one["results"]) for one in told] == [1] * len(asked)
    assert all(one["results"] == told[0]["results"] for one in told)


def test_whoever_asks_can_get_a_page_of_html(sandbox: Sandbox) -> None:
    sandbox.faults({"fault": "query_html"})
    asked = {"apiKey": "k", "taskId": _submit(sandbox)["taskId"]}
    for path in ("/openapi/v2/query", "/task/openapi/outputs", "/task/openapi/status"):
        with pytest.raises(json.JSONDecodeError):
            _post(sandbox.url + path, asked)


def _result(sandbox: Sandbox, **headers: str) -> tuple[int, dict[str, str], bytes | None]:
    """How a result is given out; None: it broke off."""
    ref = _submit(sandbox)["taskId"]
    said = eventually(
        lambda: _post(f"{sandbox.url}/openapi/v2/query", {"taskId": ref})["results"] or None
    )
    request = urllib.request.Request(said[0]["url"], headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), b""
    except http.client.IncompleteRead:
        return 200, {}, None


def test_a_result_is_given_out_whole_or_in_part(sandbox: Sandbox) -> None:
    status, headers, whole = _result(sandbox)
    assert whole
    assert (status, int(headers["Content-Length"])) == (200, len(whole))
    status, headers, part = _result(sandbox, Range="bytes=8-15")
    assert (status, headers["Content-Range"][:11], len(part or b"")) == (206, "bytes 8-15/", 8)


def test_a_result_breaks_off_or_is_not_to_be_had(sandbox: Sandbox) -> None:
    for fault in ("output_cut", "output_short"):
        sandbox.faults({"fault": fault})
        assert _result(sandbox)[2] is None
    for fault, status in (("output_outage", 503), ("output_gone", 404)):
        sandbox.faults({"fault": fault})
        assert _result(sandbox)[0] == status
    sandbox.faults({"fault": "output_html"})
    assert b"<html" in (_result(sandbox)[2] or b"").lower()
    sandbox.faults({"fault": "output_padded", "value": 1000})
    assert (_result(sandbox)[2] or b"").endswith(bytes(1000))


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_every_fault_can_be_asked_for(fault: str) -> None:
    assert fault in Faults({fault: 1.0}).choose("")


def test_its_help_says_of_every_fault_what_it_does() -> None:
    found = CliRunner().invoke(command, ["--help"])
    assert found.exit_code == 0
    for fault, words in FAULTS.items():
        assert f"{fault} " in found.output
        assert words in found.output


def test_it_charges_what_the_catalogue_tells_in_preview_usage_and_balance(sandbox: Sandbox) -> None:
    dear = "vidu/text-to-video-q3-turbo"
    body = {"prompt": "waves", "resolution": "1080p", "duration": "5"}
    told = catalogue.quote(catalogue.find(dear), catalogue.check(dear, body, {}).input)
    assert told
    assert told.money not in (None, Decimal("0.14"))
    preview = _post(f"{sandbox.url}/openapi/v2/price-preview/{dear}", body)
    assert Decimal(preview["estimatedPrice"]) == told.money
    ref = _post(f"{sandbox.url}/openapi/v2/{dear}", body)["taskId"]
    found = eventually(
        lambda: (
            said
            if (said := _post(f"{sandbox.url}/openapi/v2/query", {"taskId": ref}))["results"]
            else None
        )
    )
    assert Decimal(found["usage"]["thirdPartyConsumeMoney"]) == told.money
    left = _post(f"{sandbox.url}/uc/openapi/accountStatus", {"apikey": "any"})["data"]
    assert Decimal(left["remainMoney"]) == Decimal(999) - told.money


def test_its_price_of_every_model_is_the_catalogues() -> None:
    told = 0
    for model in catalogue.models():
        body = catalogue.check(model.endpoint, valid(model), {}).input
        quote = catalogue.quote(model, body)
        if quote is not None and quote.money is not None:
            told += 1
            assert price(_models()[model.endpoint], valid(model)) == quote.money, model.endpoint
    assert told > 250
