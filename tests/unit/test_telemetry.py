"""Log lines: each is whole, and nothing that matters is kept from them."""

import json
import logging
import re
import subprocess
import sys

import pytest
from celery import signals

from runhook.worker import tasks  # noqa: F401 - who listens to the signal
from runhook.worker.telemetry import LOOKALIKES, masked

CHILDREN = """
import os
from runhook.worker.telemetry import configure, report
configure()
for _ in range(4):
    if not os.fork():
        for number in range(300):
            report("alert", number=number, why="x" * 3000)
        os._exit(0)
for _ in range(4):
    os.wait()
"""
LIBRARY = """
import logging
import re
from runhook.worker.telemetry import configure
configure()
logging.getLogger("celery.worker.consumer").error("cannot connect to %s", "https://a/b?token=1")
logging.getLogger("celery.worker.consumer").info("ready")
logging.getLogger("shop").info("sold")
"""
HELD = """
from runhook.worker.telemetry import conceal, configure, report
configure()
conceal(["topsecret"])
report("alert", why="a topsecret b", job="job_1", lane="line")
report("alert", why="https://a/b", job="?c", lane="line")
"""
FAILED = """
from runhook.worker.telemetry import configure, report
configure()
try:
    raise ValueError("token=topsecret")
except ValueError as error:
    report("task.failed", lane="line", exc_info=True, what=object)
    report("task.failed", lane="line", exc_info=error)
"""


def _lines(program: str) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-u", "-c", program], stderr=subprocess.PIPE, check=True, timeout=60
    )
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_lines_of_children_with_one_standard_error_do_not_run_into_each_other() -> None:
    assert len(_lines(CHILDREN)) == 4 * 300


def test_what_celery_warns_of_is_a_line_like_any_other() -> None:
    (said,) = _lines(LIBRARY)
    assert (said["event"], said["level"]) == ("celery.says", "error")
    assert said["why"] == "cannot connect to https://a/b?***"


def test_a_line_about_an_exception_holds_its_trace_without_secrets() -> None:
    first, second = _lines(FAILED)
    assert first["what"] == "<class 'object'>"
    assert first["exception"] == second["exception"]
    assert list(second) == ["lane", "exception", "event", "level", "timestamp"]
    assert str(second["exception"]).startswith("Traceback (most recent call last):\n")
    assert str(second["exception"]).endswith("ValueError: token=***")


def test_of_several_texts_of_a_line_each_is_masked_by_itself() -> None:
    first, second = _lines(HELD)
    assert (first["why"], first["job"], first["lane"]) == ("a *** b", "job_1", "line")
    assert (second["why"], second["job"]) == ("https://a/b", "?c")


@pytest.mark.parametrize(
    "url",
    [
        "redis://:topsecret@h:6379/0",
        "rediss://user:topsecret@h",
        "sentinel://:topsecret@a:1;sentinel://:topsecret@b:2/0",
        "amqp://me:top@secret@h//",
        "s3://key:topsecret@bucket/folder",
        "http://topsecret@proxy:3128",
    ],
)
def test_a_password_in_a_url_is_masked_wherever_it_is_told(url: str) -> None:
    said = masked(f"Cannot connect to {url}: Error 111. Trying again.")
    assert "secret" not in said
    assert said.endswith(": Error 111. Trying again.")


@pytest.mark.parametrize(
    "told",
    [
        "?token=topsecret",
        '"token": "topsecret"',
        "token: topsecret",
        "token topSecret",
        "token topsecret1",
        "api_key=topsecret&a",
        "Bearer topsecret",
        "apiKey  : topsecret",
        "whsec_topsecret",
    ],
)
def test_what_is_named_a_token_is_masked(told: str) -> None:
    said = masked(f"it said {told} and more")
    assert "secret" not in said.lower()
    assert said.endswith("more")


def test_a_sentence_about_a_token_is_told_whole() -> None:
    said = "RUNHOOK_DATA_DIR: .runhook/token is a symbolic link; entry 2: its token has 3 letters"
    assert masked(said) == said


def test_a_worker_that_is_ended_while_it_starts_tells_no_fault_of_its_pool() -> None:
    celery = logging.getLogger("celery.worker")
    fault = AttributeError("'NoneType' object has no attribute 'did_start_ok'")
    told, other = (
        logging.LogRecord("celery.worker", logging.CRITICAL, "", 1, text, (one,), None)
        for text, one in (("Unrecoverable error: %r", fault), ("Unrecoverable error: %r", "other"))
    )
    signals.worker_shutting_down.send(sender=None)
    try:
        assert not celery.filter(told)
        assert celery.filter(other)
    finally:
        celery.filters.clear()


@pytest.mark.parametrize(
    "text",
    [
        "BEARER abc123DEF",
        "to\u212aen=abc123DEF",
        "WH\u017fEC_abc123DEF",
        "rh-com\u0066y-auth: abc123DEF",
        "ap\u0130Key=abc123DEF",
        "ap\u0131_key=abc123DEF",
        "用户 TOKEN: abc123DEF",
    ],
)
def test_a_secret_is_masked_in_every_letter_that_a_pattern_takes_for_one(text: str) -> None:
    assert "abc123DEF" not in masked(text)
    assert "f" * 40 not in masked(f"CALLBAC\u212a\u017f%2Fjob_1%2F1%2F{'f' * 40}")


def test_no_other_letter_than_the_lookalikes_is_taken_for_one_of_ascii() -> None:
    beyond = "".join(chr(code) for code in range(128, sys.maxunicode + 1))
    found = re.findall("[a-z]", beyond, re.IGNORECASE)
    assert set(found) == set(LOOKALIKES)
