"""What RunningHub must not be able to do to us: poison a record by what it writes."""

import json
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runhook.worker.domain.provider import Unreadable
from runhook.worker.domain.reports import Accepted, Busy, Cost, Refused, Uncertain
from runhook.worker.net.untrusted import EXCERPT, LONGEST, clean, excerpt
from runhook.worker.runninghub import facts, wire
from runhook.worker.runninghub.parsing import decimal, read_json, read_object, task_id
from runhook.worker.runninghub.shapes import MOST_OUTPUTS

REF = "2052287938007814145"


def _success(**more: object) -> bytes:
    results = [{"url": "https://files.example/a.png", "outputType": "png"}]
    said = {"taskId": REF, "status": "SUCCESS", "results": results, **more}
    return json.dumps(said).encode()


def test_a_text_that_utf8_cannot_hold_is_read_as_one_that_it_can() -> None:
    said = read_object(b'{"msg": "a\\ud83d b\\u0000\\u001b[31m c\\n", "\\udc00": ["\\ud800"]}')
    assert said["msg"] == "a\ufffd b[31m c\n"
    assert orjson.dumps(said)


def test_the_halves_of_one_character_are_put_together() -> None:
    assert read_json('"\\ud83d\\ude00"') == "\U0001f600"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just("whsec_1" * 20),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=120), inner),
    max_leaves=8,
)


@given(JSON)
def test_json_that_needs_no_cleaning_is_read_as_if_it_were_cleaned(said: object) -> None:
    spelt = json.dumps([said, "\\"], ensure_ascii=False)  # a backslash, and all is cleaned
    assert read_json(json.dumps([said], ensure_ascii=False)) == read_json(spelt)[:1]


def test_a_text_without_end_is_cut_and_says_so() -> None:
    said = read_json(json.dumps({"msg": "x" * (LONGEST + 5)}))["msg"]
    assert len(said) < LONGEST + 60
    assert f"it had {LONGEST + 5} characters" in said


def test_json_that_stands_in_a_text_is_not_cut() -> None:
    results = [{"url": f"https://files.example/{n}.png"} for n in range(150)]
    event = json.dumps({"status": "SUCCESS", "results": results, "clientId": "x" * LONGEST})
    assert len(event) > LONGEST
    report = wire.read_callback(json.dumps({"taskId": REF, "eventData": event}).encode())
    assert len(report.outputs) == 150


@pytest.mark.parametrize(
    "number", ["1e999999999", "1e60000000", "1e99999999999999999999", "9" * 5000, "1e-999", "NaN"]
)
@pytest.mark.parametrize("as_text", [True, False])
def test_an_absurd_amount_counts_as_not_told_and_the_report_says_so(
    number: str, as_text: bool
) -> None:
    spelt = json.dumps(number) if as_text else number
    body = b'{"taskId":"%s","status":"FAILED","usage":{"consumeCoins":"2","taskCostTime":%s}}'
    report = wire.read_query(200, body % (REF.encode(), spelt.encode()))
    assert report.cost == Cost(coins="2")
    assert report.left_out
    assert "taskCostTime" in report.left_out[0]
    assert len(report.left_out[0]) < 100


@pytest.mark.parametrize("text", ["0.30000000000000004", "0", "0.00", "-1.5", "999999999999", "7"])
def test_an_amount_that_a_bill_can_have_is_exact(text: str) -> None:
    assert decimal(text) == Decimal(text)


@pytest.mark.parametrize("deep", [65, 500, 100_000])
def test_json_nested_too_deep_is_unreadable(deep: int) -> None:
    nested = '{"a":' * deep + "1" + "}" * deep
    for body in (nested, json.dumps({"taskId": REF, "eventData": nested})):
        with pytest.raises(Unreadable):
            wire.read_callback(body.encode())


@pytest.mark.parametrize(
    "shape", ['{"taskId":%s,"x":%s}', '{"code":0,"data":{"taskId":%s,"x":%s}}']
)
def test_a_task_id_at_its_place_is_read_of_an_answer_nested_too_deep(shape: str) -> None:
    answer = wire.read_submit(200, (shape % (f'"{REF}"', "[" * 500 + "]" * 500)).encode())
    assert isinstance(answer, Uncertain)
    assert (answer.ref, answer.code) == (REF, None)


@pytest.mark.parametrize(
    "body",
    [
        '{"taskId":"%s","taskId":"1%s","x":%s}',
        '{"x":[{"taskId":"%s"},"%s",%s]}',
        '{"taskId":"%s%s","x":%s}',
        'so {"taskId":"%s","y":"%s","x":%s}',
        '{"taskId":"%s","y":"%s","x":%s',
    ],
)
def test_none_is_believed_that_stands_elsewhere_or_twice_or_in_no_json(body: str) -> None:
    deep = (body % (REF, REF, "[" * 500 + "]" * 500)).encode()
    answer = wire.read_submit(200, deep)
    assert isinstance(answer, Uncertain)
    assert answer.ref is None


def test_json_in_a_text_nested_too_deep_breaks_no_reader() -> None:
    deep = "[" * 100_000
    answer = wire.read_submit(200, json.dumps({"taskId": REF, "promptTips": deep}).encode())
    assert answer == Accepted(REF)
    row = {"nodeId": "1", "fieldName": "a", "fieldType": "LIST", "fieldData": deep}
    app = facts.read_app(200, json.dumps({"code": 0, "data": {"nodeInfoList": [row]}}).encode())
    assert app.fields[0].choices == ()
    with pytest.raises(Unreadable):
        facts.read_workflow(200, json.dumps({"code": 0, "data": {"prompt": deep}}).encode())


def test_a_count_or_an_id_without_end_is_not_told() -> None:
    body = b'{"code":0,"data":{"totalCurrentTasks":3,"concurrentLimit":%s}}' % (b"9" * 6000)
    assert facts.read_queue_status(200, body).limit is None


def test_what_decides_is_not_believed_when_it_is_named_twice() -> None:
    twice = b'{"taskId":"1","taskId":"2","status":"SUCCESS"}'
    assert isinstance(wire.read_submit(200, twice), Uncertain)
    with pytest.raises(Unreadable, match="taskId twice"):
        wire.read_query(200, twice)
    assert read_json('{"taskId":"1","taskId":"1","url":"a","url":"b"}')["url"] == "b"


@pytest.mark.parametrize("ref", [0, "0", "000", "", "null", "None", -1, "-1", None, False])
def test_what_names_no_task_is_no_ref(ref: object) -> None:
    assert task_id({"taskId": ref}) is None
    said = {"taskId": ref, "errorCode": "1007", "errorMessage": "x"}
    assert isinstance(wire.read_submit(200, json.dumps(said).encode()), Refused)
    said["errorCode"] = "421"
    assert isinstance(wire.read_submit(200, json.dumps(said).encode()), Busy)


@pytest.mark.parametrize("ref", ["task-7f3a", "9" * 50, "٣٣٣"])
@pytest.mark.parametrize("code", ["421", "1007", "", "1000"])
def test_an_id_that_cannot_be_asked_about_leaves_a_submit_in_doubt(ref: str, code: str) -> None:
    answer = wire.read_submit(200, json.dumps({"taskId": ref, "errorCode": code}).encode())
    assert isinstance(answer, Uncertain)
    assert answer.ref is None


def test_a_text_beside_a_url_is_kept_and_so_is_one_beside_a_url_that_is_none() -> None:
    results = [
        {"url": "https://files.example/a.png", "text": "a cat"},
        {"url": {"no": "url"}, "content": ["two", "lines"]},
        {"url": 7},
    ]
    report = wire.read_query(200, _success(results=results))
    assert [(out.url, out.text) for out in report.outputs] == [
        ("https://files.example/a.png", "a cat"),
        (None, '["two","lines"]'),
    ]
    assert report.left_out == ("a result of which neither URL nor text can be read",)
    items = [{"fileUrl": 7, "text": "kept"}, {"fileUrl": "https://a.example/x", "text": "too"}]
    legacy = wire.read_outputs(200, json.dumps({"code": 0, "data": items}).encode(), REF)
    assert [out.text for out in legacy.outputs] == ["kept", "too"]


def test_more_results_than_a_record_can_bear_are_left_out_and_counted() -> None:
    results = [{"url": f"https://files.example/{n}.png"} for n in range(10_000)]
    report = wire.read_query(200, _success(results=results))
    assert len(report.outputs) == MOST_OUTPUTS
    assert report.left_out == (f"{10_000 - MOST_OUTPUTS} results beyond the first {MOST_OUTPUTS}",)


@pytest.mark.parametrize(
    "body",
    [
        '{"url":"https://a.example/x?sign=SECRET"}',
        r'{"url":"https:\/\/a.example\/x?sign=SECRET"}',
        r'{"eventData":"{\"fileUrl\":\"https:\\\/\\\/a.example\\\/x\\u003fsign\\u003dSECRET\"}"}',
        r'{"eventData":"{\"apiKey\":\"SECRET\",\"netWssUrl\":\"wss:\/\/x\/?Rh-Comfy-Auth=SECRET\"}"}',
        r'{"webhookUrl":"https:\/\/r.example\/callbacks\/job_1\/1\/SECRET"}',
    ],
)
def test_no_spelling_of_json_brings_a_secret_into_an_excerpt(body: str) -> None:
    assert "SECRET" not in excerpt(body.encode())
    assert "example" in excerpt(body.encode()) or "***" in excerpt(body.encode())


def test_an_excerpt_is_at_most_four_kibibytes_of_any_bytes() -> None:
    for body in (b"\xff" * 9000, "é".encode() * 9000, b"\x00\x1b" * 9000):
        shown = excerpt(body)
        assert len(shown.encode()) <= EXCERPT
        assert orjson.dumps(shown)


def test_clean_leaves_what_is_clean() -> None:
    assert clean("Grüße\n\t你好 👋") == "Grüße\n\t你好 👋"


@pytest.mark.parametrize("code", ["421.0", "4.21e2", '"421"', "421"])
def test_a_code_is_the_same_in_every_spelling(code: str) -> None:
    assert isinstance(wire.read_submit(200, b'{"errorCode":%s}' % code.encode()), Busy)


@pytest.mark.parametrize("code", ["[1]", '{"a":1}', "true", "-1", "1e99"])
def test_what_stands_for_a_code_and_is_none_is_not_all_is_well(code: str) -> None:
    body = b'{"taskId":"%s","errorCode":%s}' % (REF.encode(), code.encode())
    answer = wire.read_submit(200, body)
    assert isinstance(answer, Uncertain)
    assert answer.ref == REF


@pytest.mark.parametrize("body", [b"{}", b'{"status":"PAUSED"}', b'{"code":807}', b"[]"])
def test_only_code_0_says_that_something_was_done(body: bytes) -> None:
    with pytest.raises(Unreadable):
        wire.read_done(200, body)
    wire.read_done(200, b'{"code":0,"msg":"success","data":null}')
