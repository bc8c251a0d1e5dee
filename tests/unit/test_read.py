"""Every request is read by one function, and refused with every fault in plain words."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from runhook.worker.delivery.deliveries import RedeliverRequest
from runhook.worker.domain.bodies import Body, json_object, read
from runhook.worker.domain.times import moment_of
from runhook.worker.errors import InvalidRequest
from runhook.worker.flows.create import JobRequest
from runhook.worker.flows.recover import RecoverRequest

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FIELDS = "model, input, options, metadata, priority, handlers, tenant, parent, group, group_size"


def _faults(model: type[Body], given: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidRequest) as refused:
        read(model, given, now=NOW)
    return [f"{fault.path} {fault.message}" for fault in refused.value.faults]


@pytest.mark.parametrize(
    ("model", "given", "faults"),
    [
        (
            JobRequest,
            {"modle": "x", "priority": 12, "handlers": ["a", 5], "input": []},
            [
                f"modle is not a field of a job; expected one of {FIELDS}",
                "model is required: what to run, as vidu/text-to-video-q3-turbo",
                "input must be an object",
                "priority must be at most 9",
                "handlers[1] must be a string",
            ],
        ),
        (RecoverRequest, {}, ["since is required: start of the period to recover, as 2h ago"]),
        (
            RecoverRequest,
            {"since": "1h", "until": "2h"},
            ["until must be after since"],
        ),
        (
            RecoverRequest,
            {"since": "2999-01-01T00:00:00Z"},
            ["since must be in the past"],
        ),
        (
            RedeliverRequest,
            {"state": "ded", "job": "state:done", "since": "soon", "dry_run": "yes"},
            [
                "state must be one of pending, done, dead, superseded",
                "job must be a job's id, as job_…",
                "since must be a time as 2026-11-22T10:00:00Z, or 30m, 2h, 1d ago",
                "dry_run must be true or false",
            ],
        ),
    ],
)
def test_every_fault_is_named_at_once_and_says_what_is_expected(
    model: type[Body], given: dict[str, Any], faults: list[str]
) -> None:
    assert _faults(model, given) == faults


def test_a_misspelt_name_or_value_is_answered_with_the_nearest() -> None:
    for given, near in (({"modle": "x"}, "model"), ({"model": "x", "tennant": "y"}, "tenant")):
        with pytest.raises(InvalidRequest) as refused:
            read(JobRequest, given)
        assert refused.value.faults[0].nearest == near
    with pytest.raises(InvalidRequest) as refused:
        read(RedeliverRequest, {"state": "ded"}, now=NOW)
    assert (refused.value.faults[0].nearest, refused.value.faults[0].allowed[2]) == ("dead", "dead")


def test_a_moment_may_be_said_as_ago() -> None:
    period = read(RecoverRequest, {"since": "2h"}, now=NOW).range(NOW)
    assert (period.since, period.until) == (datetime(2026, 11, 24, 10, tzinfo=UTC), NOW)


@pytest.mark.parametrize(
    "text", ["9999-12-31T23:59:59-14:00", "1970-01-01T00:00:00+14:00", "700000d", "999999999d"]
)
def test_a_moment_beyond_the_calendar_or_before_the_first_event_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        moment_of(text, datetime.now(UTC))


def test_a_number_that_would_come_back_as_another_is_refused_with_its_path() -> None:
    kept = b'{"a": [18446744073709551615, -9223372036854775808], "id": "12345678901234567890123"}'
    assert json_object(kept)["a"] == [2**64 - 1, -(2**63)]
    with pytest.raises(InvalidRequest) as refused:
        json_object(b'{"metadata": {"order": [1, 12345678901234567890123]}, "n": 1e300}')
    assert [fault.path for fault in refused.value.faults] == ["metadata.order[1]"]
