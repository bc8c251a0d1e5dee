"""The values and errors that users' code holds: read, compared, stored."""

import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import runhook
from runhook import (
    InvalidRequest,
    Job,
    Output,
    RunhookError,
    SettingsError,
    Unavailable,
    WaitTimeout,
)
from runhook.worker.client import sse
from runhook.worker.client.errors import CLASSES, error_of
from runhook.worker.client.inputs import body_of, plain
from runhook.worker.client.jobs import job_of
from runhook.worker.domain.events import sample
from runhook.worker.domain.views import job_view

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


def _document(**more: Any) -> dict[str, Any]:
    event = sample("job.succeeded", NOW)
    assert event.job is not None
    return job_view(event.job) | more


def _job(**more: Any) -> Job:
    return job_of(_document(**more), runhook.Runhook("http://127.0.0.1:9"))


def test_what_a_newer_version_says_besides_is_kept_in_the_document() -> None:
    job = _job(colour="red", outputs=[{"url": "https://a.example/x.png", "frames": 3}])
    assert job.document["colour"] == "red"
    assert job.outputs == (Output(job=job.id, n=0, url="https://a.example/x.png"),)


def test_a_state_of_a_newer_version_that_is_an_end_is_one() -> None:
    assert _job(state="abandoned").ended
    assert not _job(state="thinking", ended_at=None).ended


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("attempts", None),
        ("attempts", [None]),
        ("attempts", {"n": 1}),
        ("attempts", [{"n": 1, "state": "failed", "outputs": 5}]),
        ("outputs", None),
        ("outputs", ["x"]),
        ("created_at", 1795983223),
        ("created_at", "2026-11-22T10:00:00"),
        ("cost", "x"),
    ],
)
def test_a_job_that_no_runhook_says_so_is_a_strangers(name: str, odd: object) -> None:
    with pytest.raises(SettingsError, match=f"its job has no good '{name}"):
        _job(**{name: odd})


def test_a_stored_copy_of_a_job_takes_no_token_along_and_says_how_to_go_on() -> None:
    job = _job()
    stored = pickle.dumps(job)
    copy = pickle.loads(stored)
    assert copy == job
    with pytest.raises(RuntimeError, match=rf"Runhook\(\)\.get\('{job.id}'\)"):
        copy.refresh()


@pytest.mark.parametrize("status", [*CLASSES, 400, 413, 422, 500, 501])
def test_errors_are_stored_and_found_again_whole(status: int) -> None:
    fault = {"path": "input.duration", "message": "must be 5", "allowed": ["5"], "nearest": "5"}
    error = error_of({"status": status, "title": "T", "detail": "d", "errors": [fault]}, 7)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.errors) == (type(error), str(error), error.errors)
    assert copy.__dict__ == error.__dict__
    assert isinstance(error, RunhookError)
    assert type(error).__module__ == "runhook", "as users know it, in tracebacks and what is stored"


def test_the_root_catches_every_error_that_is_named() -> None:
    named = [getattr(runhook, name) for name in runhook.__all__]
    errors = [one for one in named if isinstance(one, type) and issubclass(one, Exception)]
    others = [one.__name__ for one in errors if not issubclass(one, RunhookError)]
    assert others == ["Retry", "Stop"], "those two are a handler's answers"
    tree = runhook.worker.client.errors.__doc__
    for error in errors:
        assert error.__name__ in tree or error.__name__ in others


def test_an_error_says_what_is_known_of_the_money() -> None:
    lost = error_of({"status": 503, "detail": "Redis does not answer."})
    assert isinstance(lost, Unavailable)
    assert str(lost) == (
        "Redis does not answer. It may have been done all the same: look before you call again"
    )
    lost.key = "auto-1"
    assert str(lost).endswith("It may have been accepted: submit it again with key='auto-1'")
    lost.maybe_done = False
    assert str(lost) == "Redis does not answer"
    late = WaitTimeout({"title": "Not ended", "detail": "x"})
    late.job = _job()
    assert pickle.loads(pickle.dumps(late)).job == late.job


def test_an_invalid_request_of_a_newer_version_is_read_as_far_as_it_goes() -> None:
    fault = {"path": "model", "message": "is old", "since": "2027"}
    error = error_of({"status": 422, "detail": "1 fault", "errors": [fault]})
    assert isinstance(error, InvalidRequest)
    assert str(error) == "1 fault. model: is old"


def test_what_users_write_is_put_as_json_has_it() -> None:
    output = Output(job="job_1", n=2)
    written = plain(
        {"a": [output, (Decimal("0.10"), None)], "at": datetime(2026, 1, 2, 3, 4), "t": True}  # noqa: DTZ001
    )
    assert written == {
        "a": ["output:job_1/2", ["0.10", None]],
        "at": "2026-01-02T03:04:00.000Z",
        "t": True,
    }


@pytest.mark.parametrize("never", [float("inf"), float("nan"), 2**64, -(2**63) - 1, "\ud800"])
def test_what_json_has_not_is_refused_with_its_path(never: object) -> None:
    with pytest.raises(InvalidRequest) as refused:
        body_of("vidu/x", {"prompt": "a"}, {"metadata": {"order": ["a", never]}})
    assert [fault.path for fault in refused.value.errors] == ["metadata.order[1]"]


@given(
    st.lists(st.binary(max_size=20).filter(lambda data: not {10, 13} & set(data)), max_size=5),
    st.lists(st.integers(1, 30), min_size=1, max_size=40),
)
def test_a_stream_says_the_same_in_whatever_pieces_it_comes(
    said: list[bytes], cuts: list[int]
) -> None:
    whole = b": alive\n\n" + b"".join(b"id: 1\nevent: x\ndata: %s\n\n" % one for one in said)
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(whole[at : at + cut])
        at += cut
    pieces.append(whole[at:])
    assert list(sse.messages(pieces)) == said


def test_a_line_without_an_end_fills_no_memory() -> None:
    with pytest.raises(ValueError, match="over 100 bytes"):
        list(sse.lines([b"x" * 60] * 10, largest=100))
