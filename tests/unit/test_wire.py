"""RunningHub's JSON in every shape that was documented or seen."""

import json
from typing import Any

import pytest

from runhook.worker.domain.provider import Submit, Unreadable
from runhook.worker.domain.reports import Accepted, Busy, Capacity, Cost, Output, Refused, Uncertain
from runhook.worker.runninghub import facts, wire
from runhook.worker.runninghub.codes import CODES

BIG = 2052287938007814145
REF = str(BIG)
USAGE = {
    "consumeMoney": None,
    "consumeCoins": None,
    "taskCostTime": "0",
    "thirdPartyConsumeMoney": "0.14",
}
SUCCESS = {
    "taskId": REF,
    "status": "SUCCESS",
    "errorCode": "",
    "errorMessage": "",
    "results": [{"url": "https://files.example/a.jpg", "outputType": "jpg", "text": None}],
    "clientId": "",
    "promptTips": "",
    "failedReason": {},
    "usage": USAGE,
    "parentTaskId": None,
}
FILES = [
    {"fileUrl": "https://files.example/a.png", "fileType": "png", "taskCostTime": 78, "nodeId": "9"}
]
LEGACY = {"code": 0, "msg": "success", "data": FILES}
FAILED = {
    **SUCCESS,
    "status": "FAILED",
    "errorCode": "1000",
    "results": None,
    "failedReason": {
        "node_name": "LoadImage",
        "exception_message": "[Errno 116] Stale file handle",
    },
}


def _bytes(body: Any) -> bytes:
    return json.dumps(body).encode()


def _submit(body: Any, status: int = 200) -> object:
    return wire.read_submit(status, body if isinstance(body, bytes) else _bytes(body))


def test_an_accepted_submit_has_its_task_id_as_text() -> None:
    assert _submit({"taskId": REF, "status": "RUNNING", "errorCode": ""}) == Accepted(REF)
    assert _submit({"taskId": BIG}) == Accepted(REF)
    assert _submit({"task_id": REF}) == Accepted(REF)
    assert _submit({"taskId": REF, "errorCode": "0"}) == Accepted(REF)
    assert _submit({"code": 0, "msg": "success", "data": {"taskId": REF}}) == Accepted(REF)


def test_a_submit_answered_with_its_results_brings_them() -> None:
    answer = _submit(SUCCESS)
    assert isinstance(answer, Accepted)
    assert answer.report
    assert answer.report.outputs[0].type == "jpg"


@pytest.mark.parametrize("code", sorted(CODES))
@pytest.mark.parametrize("legacy", [True, False])
def test_every_code_is_sorted_by_who_pays(code: str, legacy: bool) -> None:
    body: dict[str, Any] = {"code": int(code), "msg": "X", "data": None}
    if not legacy:
        body = {"taskId": "", "status": "", "errorCode": code, "errorMessage": "X"}
    kind = {"no": Refused, "later": Busy, "unknown": Uncertain}[CODES[code].again]
    assert isinstance(_submit(body), kind)


def test_an_unexplained_code_is_doubtful_and_shown_as_it_came() -> None:
    answer = _submit({"errorCode": "1516", "errorMessage": "strange"})
    assert isinstance(answer, Uncertain)
    assert (answer.code, answer.ref) == ("1516", None)
    assert "1516: strange" in answer.why


def test_a_task_id_with_an_error_is_neither_accepted_nor_refused() -> None:
    answer = _submit({"taskId": REF, "status": "RUNNING", "errorCode": "421"})
    assert isinstance(answer, Uncertain)
    assert (answer.ref, answer.busy) == (REF, True)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, Busy),
        (301, Refused),
        (400, Refused),
        (401, Refused),
        (404, Refused),
        (408, Uncertain),
        (500, Uncertain),
        (502, Uncertain),
        (200, Uncertain),
    ],
)
def test_http_alone_decides_where_there_is_no_json(status: int, kind: type) -> None:
    assert isinstance(_submit(b"<html>", status), kind)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b'{"taskId": ""}', b"\xff", b"{" * 9])
def test_an_answer_without_content_is_doubtful(body: bytes) -> None:
    assert isinstance(_submit(body), Uncertain)


@pytest.mark.parametrize(
    "body",
    [
        {"event": "TASK_END", "taskId": REF, "eventData": SUCCESS},
        {"event": "TASK_END", "taskId": BIG, "eventData": SUCCESS},
        {"event": "TASK_END", "taskId": REF, "eventData": json.dumps(SUCCESS)},
        {"event": "TASK_END", "eventData": SUCCESS},
        {
            "taskId": REF,
            "eventData": {"status": "SUCCESS", "results": SUCCESS["results"], "usage": USAGE},
        },
        {"taskId": REF, "eventData": {"code": 0, "msg": "", "data": SUCCESS}},
        SUCCESS,
        {**SUCCESS, "status": "success"},
    ],
)
def test_a_v2_callback_is_understood_in_every_shape(body: Any) -> None:
    report = wire.read_callback(_bytes(body))
    assert (report.ref, report.state) == (REF, "succeeded")
    assert report.outputs == (Output(url="https://files.example/a.jpg", type="jpg"),)
    assert report.cost == Cost(money="0.14", seconds="0")


@pytest.mark.parametrize(
    "body",
    [
        {"event": "TASK_END", "taskId": REF, "eventData": json.dumps(LEGACY)},
        {"event": "TASK_END", "taskId": REF, "eventData": LEGACY},
        {"taskId": REF, **LEGACY},
    ],
)
def test_a_legacy_callback_is_understood_in_every_shape(body: Any) -> None:
    report = wire.read_callback(_bytes(body))
    assert (report.ref, report.state) == (REF, "succeeded")
    assert report.outputs == (
        Output(url="https://files.example/a.png", type="png", text=None, node_id="9"),
    )
    assert report.cost == Cost(seconds="78")


def test_a_failure_names_the_node_and_the_reason() -> None:
    report = wire.read_callback(_bytes({"taskId": REF, "eventData": FAILED}))
    assert report.state == "failed"
    assert report.error
    assert "LoadImage: [Errno 116] Stale file handle" in report.error.message
    legacy = {
        "code": 805,
        "msg": "APIKEY_TASK_STATUS_ERROR",
        "data": {"failedReason": {"node_name": "N", "exception_message": "m"}},
    }
    report = wire.read_callback(_bytes({"taskId": REF, "eventData": json.dumps(legacy)}))
    assert report.error
    assert report.error.provider_code == "805"


@pytest.mark.parametrize(
    "body",
    [
        {"taskId": REF, "eventData": {"status": "RUNNING"}},
        {"taskId": REF, "eventData": {"code": 804, "msg": "", "data": None}},
        {"taskId": REF, "eventData": {"code": 813, "msg": "", "data": None}},
        {"taskId": REF, "eventData": {"status": "DONE"}},
        {"taskId": REF, "eventData": "not json"},
        {"taskId": "1", "eventData": {**SUCCESS, "taskId": "2"}},
        {"eventData": {"status": "SUCCESS", "results": []}},
    ],
)
def test_a_callback_that_reports_no_end_is_unreadable(body: Any) -> None:
    with pytest.raises(Unreadable):
        wire.read_callback(_bytes(body))


def test_an_unknown_task_is_known_by_its_code_though_its_status_is_empty() -> None:
    body = {"taskId": REF, "status": "", "errorCode": "1004", "errorMessage": "Task not found"}
    assert wire.read_query(200, _bytes(body)).state == "unknown"
    for code in (423, 807):
        assert wire.read_outputs(200, _bytes({"code": code}), REF).state == "unknown"


def test_an_error_about_the_question_is_no_news_of_the_task() -> None:
    for code in ("1002", "1003", "1014", "802"):
        with pytest.raises(Unreadable):
            wire.read_query(200, _bytes({"status": "", "errorCode": code, "errorMessage": ""}))
        with pytest.raises(Unreadable):
            wire.read_outputs(200, _bytes({"code": int(code), "msg": ""}), REF)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("CREATE", "queued"),
        ("QUEUED", "queued"),
        ("RUNNING", "running"),
        ("SUCCESS", "succeeded"),
        ("FAILED", "failed"),
        ("CANCEL", "cancelled"),
        ("cancelled", "cancelled"),
    ],
)
def test_every_status_word_has_its_meaning(word: str, state: str) -> None:
    body = {"taskId": REF, "status": word, "errorCode": "", "results": None}
    assert wire.read_query(200, _bytes(body)).state == state


def test_text_and_the_other_names_of_a_result_are_read() -> None:
    body = {
        **SUCCESS,
        "results": [
            {"url": None, "nodeId": "", "outputType": "txt", "text": "hi"},
            {"outputUrl": "https://files.example/b.mp4"},
            {"content": "there"},
            {"url": ""},
            "junk",
        ],
    }
    outputs = wire.read_query(200, _bytes(body)).outputs
    assert [(out.url, out.text) for out in outputs] == [
        (None, "hi"),
        ("https://files.example/b.mp4", None),
        (None, "there"),
    ]


def test_amounts_are_exact_and_added() -> None:
    usage = {"consumeMoney": "0.1", "thirdPartyConsumeMoney": 0.2, "consumeCoins": "x"}
    cost = wire.read_query(200, _bytes({**SUCCESS, "usage": usage})).cost
    assert cost == Cost(money="0.3")


def test_a_record_of_a_callback_is_read_and_its_absence_known() -> None:
    data = {
        "id": "7",
        "taskId": REF,
        "webhookUrl": "https://a.example",
        "eventData": json.dumps(LEGACY),
        "callbackStatus": "FAILED",
        "retryCount": 3,
    }
    found = wire.read_webhook_detail(200, _bytes({"code": 0, "msg": "success", "data": data}))
    assert found
    assert (found.webhook_id, found.report and found.report.ref) == ("7", REF)
    rubbish = {**data, "eventData": "<html>"}
    found = wire.read_webhook_detail(200, _bytes({"code": 0, "data": rubbish}))
    assert found
    assert found.report is None
    none = {"code": 1, "msg": "webhook event not exists", "data": None}
    assert wire.read_webhook_detail(200, _bytes(none)) is None


def test_the_keys_limit_is_read_from_text_and_numbers() -> None:
    body = {
        "code": 0,
        "data": {
            "concurrentLimit": 3,
            "runningCount": "1",
            "queuedCount": "2",
            "totalCurrentTasks": "3",
        },
    }
    assert facts.read_queue_status(200, _bytes(body)) == Capacity(
        limit=3, total=3, running=1, queued=2
    )


def test_a_workflows_fields_become_node_infos() -> None:
    given = {"6.text": "a", "3.seed": 7}
    path, body = wire.submit_request(
        Submit(
            model="workflow/12",
            given=given,
            options={"instanceType": "plus"},
            webhook_url="https://h.example",
        )
    )
    assert path == "/task/openapi/create"
    assert body == {
        "workflowId": "12",
        "webhookUrl": "https://h.example",
        "instanceType": "plus",
        "nodeInfoList": [
            {"nodeId": "6", "fieldName": "text", "fieldValue": "a"},
            {"nodeId": "3", "fieldName": "seed", "fieldValue": 7},
        ],
    }


def test_without_a_webhook_url_none_is_sent() -> None:
    assert wire.submit_request(Submit(model="vidu/x", given={"prompt": "a"})) == (
        "/openapi/v2/vidu/x",
        {"prompt": "a"},
    )
