"""What is made of secrets: callback URLs, one attempt of one job each, and nothing good for two."""

import hashlib
import hmac
from pathlib import Path

import pytest

from runhook import webhook, worker
from runhook.worker.secrets.deriving import Kind, derived
from runhook.worker.secrets.signing import (
    PROBE,
    callback_url,
    fingerprint,
    probe_answer,
    signed_by_us,
)

OLD, NEW = "o" * 32, "n" * 32


def _signature(url: str) -> str:
    return url.rsplit("/", 1)[1]


def test_the_first_secret_signs_and_all_verify() -> None:
    before = _signature(callback_url("https://a.example", [OLD], "job_1", 1))
    after = _signature(callback_url("https://a.example", [NEW, OLD], "job_1", 1))
    assert before != after
    assert signed_by_us([NEW, OLD], "job_1", 1, before)
    assert signed_by_us([NEW, OLD], "job_1", 1, after)
    assert not signed_by_us([NEW], "job_1", 1, before)


def test_a_signature_is_good_for_its_attempt_alone() -> None:
    signature = _signature(callback_url("https://a.example", [OLD], "job_1", 1))
    assert not signed_by_us([OLD], "job_1", 2, signature)
    assert not signed_by_us([OLD], "job_2", 1, signature)
    assert not signed_by_us([OLD], "job_1", 1, signature[:-1])
    assert not signed_by_us([OLD], "job_1", 1, "é")


def test_a_fingerprint_tells_secrets_apart() -> None:
    assert fingerprint(OLD) != fingerprint(NEW)
    assert fingerprint(OLD) not in OLD


def test_urls_that_were_given_out_before_stay_good() -> None:
    of_before = hmac.new(OLD.encode(), b"callback/job_1/2", hashlib.sha256).hexdigest()[:40]
    assert signed_by_us([NEW, OLD], "job_1", 2, of_before)


@pytest.mark.parametrize("job", ["probe", "probe answer", "answer to a probe", "job_1", "7"])
def test_what_a_probe_shows_signs_no_callback(job: str) -> None:
    answer, url = probe_answer(OLD, 7), callback_url("https://a.example", [OLD], PROBE, 7)
    assert not signed_by_us([OLD], job, 7, answer)
    assert job == PROBE or not signed_by_us([OLD], job, 7, _signature(url))


def test_no_callbacks_signature_is_good_for_a_probe_or_answers_one() -> None:
    message = f"callback/{PROBE}/7".encode()
    of_a_callback = hmac.new(OLD.encode(), message, hashlib.sha256).hexdigest()[:40]
    assert not signed_by_us([OLD], PROBE, 7, of_a_callback)
    assert probe_answer(OLD, 7) not in (of_a_callback, derived(OLD, Kind.CALLBACK, "7").hex()[:40])


def test_every_kind_of_what_is_made_of_a_secret_is_of_its_own() -> None:
    made = {derived(OLD, kind) for kind in Kind}
    assert len(made) == len(Kind)
    for kind in Kind:
        assert [other for other in Kind if other.startswith(kind)] == [kind]


def test_nothing_is_made_of_a_secret_anywhere_else() -> None:
    """A label that stands somewhere else is not held against the others."""
    folders = [Path(str(package.__file__)).parent for package in (worker, webhook)]
    files = [file for folder in folders for file in folder.rglob("*.py")]
    assert [file.name for file in files if "hmac.new" in file.read_text()] == ["deriving.py"]
