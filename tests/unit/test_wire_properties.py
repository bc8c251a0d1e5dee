"""Whatever RunningHub sends, reading it ends in a value or in Unreadable; no payment is lost."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from runhook.worker.domain.provider import Unreadable
from runhook.worker.domain.reports import Accepted, Uncertain
from runhook.worker.runninghub import facts, wire
from runhook.worker.runninghub.codes import CODES
from runhook.worker.runninghub.shapes import STATES

NAMES = (
    *("taskId", "task_id", "status", "code", "errorCode", "errorMessage", "msg", "message"),
    *("data", "eventData", "event", "results", "url", "outputUrl", "text", "outputType", "nodeId"),
    *("fileUrl", "fileType", "usage", "consumeMoney", "thirdPartyConsumeMoney", "failedReason"),
    *("node_name", "exception_message", "id", "webhookUrl", "concurrentLimit", "runningCount"),
    *("queuedCount", "totalCurrentTasks"),
)
WORDS = st.sampled_from([*STATES, *CODES, "0", "", "success", "https://a.example/b.png"])
POISON = st.sampled_from(["\ud83d", "a\x00b", "9" * 5000, 10**400, "1e999999999", "1e60000000"])
LEAVES = (
    POISON
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | WORDS
    | st.text()
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
        | inner.map(json.dumps)
    ),
    max_leaves=15,
)
BODIES = st.binary(max_size=60) | ANYTHING.map(lambda value: json.dumps(value).encode())
WRITTEN = TypeAdapter(Any)  # as records are written down
STATUSES = st.sampled_from([200, 301, 400, 408, 429, 500, 503])


@settings(max_examples=300, deadline=None)
@given(STATUSES, BODIES)
def test_an_answer_to_a_free_question_is_read_or_unreadable(status: int, body: bytes) -> None:
    for read in (
        wire.read_query,
        wire.read_status,
        wire.read_webhook_detail,
        facts.read_queue_status,
        facts.read_account,
        facts.read_price,
        facts.read_app,
        facts.read_workflow,
        facts.read_styles,
        facts.read_upload,
        facts.read_lora_url,
        wire.read_done,
        wire.asks_to_slow_down,
        lambda s, b: wire.read_outputs(s, b, "1"),
        lambda s, b: wire.read_callback(b),
    ):
        try:
            found: Any = read(status, body)
        except Unreadable as error:
            found = str(error)
        assert WRITTEN.dump_json(found)


@settings(max_examples=300, deadline=None)
@given(STATUSES, BODIES)
def test_an_answer_to_a_paid_submit_is_always_sorted(status: int, body: bytes) -> None:
    assert wire.read_submit(status, body) is not None


@settings(max_examples=200, deadline=None)
@given(st.integers(min_value=1, max_value=2**63), ANYTHING, ANYTHING)
def test_a_submits_answer_that_names_a_task_is_never_taken_for_a_refusal(
    ref: int, code: Any, rest: Any
) -> None:
    body = {"taskId": ref, "errorCode": code, "results": rest}
    answer = wire.read_submit(200, json.dumps(body).encode())
    assert isinstance(answer, Accepted | Uncertain)
    assert answer.ref == str(ref)
