"""Versions of records: what a newer version wrote stays, what is older is brought up."""

from dataclasses import MISSING, fields
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from runhook.worker.domain.jobs import (
    Attempt,
    Fallback,
    Job,
    JobHistory,
    JobSpec,
    OwnersTask,
    State,
)
from runhook.worker.domain.reports import Archived, Cost, Error, Output
from runhook.worker.errors import UnreadableRecord
from runhook.worker.store import records
from runhook.worker.store.job_records import packed
from runhook.worker.store.records import Migration


def test_members_that_are_not_known_are_kept_by_name_and_by_place() -> None:
    held = {
        "v": 2,
        "weather": "rain",
        "state": "running",
        "attempts": [{"n": 1, "ref": None, "error": None, "mood": "good"}],
    }
    known = {"state": "running", "attempts": [{"n": 1, "ref": None, "error": None}]}
    new = {
        "state": "queued",
        "attempts": [{"n": 1, "ref": "7", "error": None}, {"n": 2, "ref": None, "error": None}],
    }
    assert records.merged(held, known, new) == {
        "v": 2,
        "weather": "rain",
        "state": "queued",
        "attempts": [
            {"n": 1, "ref": "7", "error": None, "mood": "good"},
            {"n": 2, "ref": None, "error": None},
        ],
    }


def test_an_attempt_that_is_dropped_takes_its_members_along() -> None:
    held = {"attempts": [{"n": 1, "mood": "good"}, {"n": 2, "mood": "bad"}]}
    known = {"attempts": [{"n": 1}, {"n": 2}]}
    new = {"attempts": [{"n": 1}]}
    assert records.merged(held, known, new) == {"attempts": [{"n": 1, "mood": "good"}]}


def test_what_was_said_of_an_error_is_not_said_of_the_next() -> None:
    def life(error: dict[str, str]) -> dict[str, Any]:
        return {"attempts": [{"n": 1, "error": error}]}

    held, known = life({"code": "a", "advice": "wait"}), life({"code": "a"})
    assert records.merged(held, known, life({"code": "a"})) == held
    assert records.merged(held, known, life({"code": "b"})) == life({"code": "b"})


def test_what_says_nothing_is_not_written_and_what_is_not_known_stays_as_it_was() -> None:
    whole = {
        "error": None,
        "asked": 0,
        "priority": 5,
        "input": {"seed": None},
        "attempts": [{"n": 1, "ref": None, "outputs": []}, {"n": 0, "ref": "7", "outputs": []}],
    }
    short = {"input": {"seed": None}, "attempts": [{"n": 1}, {"n": 0, "ref": "7"}]}
    members = whole | {"weather": None, "mood": []}
    assert records.lean(members, whole, short) == {
        "priority": 5,
        "input": {"seed": None},
        "attempts": [{"n": 1}, {"n": 0, "ref": "7"}],
        "weather": None,
        "mood": [],
    }


def test_a_record_of_a_newer_version_stays_of_that_version() -> None:
    assert records.stamped("life", {"v": 9, "needs": 1}) == {"v": 9, "needs": 1}
    assert records.stamped("life", {})["v"] == records.VERSION


@pytest.mark.parametrize(
    ("text", "newer"),
    [
        (b'{"v": 9, "needs": 9}', True),
        (b'{"v": 9, "needs": "x"}', False),
        (b"[]", False),
        (b"", False),
        (b"\xff", False),
        (b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}", False),
    ],
)
def test_what_cannot_be_read_says_whether_a_newer_process_may(text: bytes, newer: bool) -> None:
    with pytest.raises(UnreadableRecord) as caught:
        records.opened("life", "job job_1", text)
    assert caught.value.newer is newer
    assert "job job_1" in str(caught.value)


def test_a_word_that_only_a_newer_version_knows_is_told_from_a_broken_record() -> None:
    def make() -> None:
        raise ValueError("'dreaming' is not a valid State")

    for version, newer in ((records.VERSION, False), (records.VERSION + 1, True)):
        with pytest.raises(UnreadableRecord, match="dreaming") as caught:
            records.made("job job_1", {"v": version}, make)
        assert caught.value.newer is newer


def test_migrations_are_applied_in_order_each_to_what_is_older(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def to(version: int) -> Migration:
        def change(members: dict[str, Any]) -> dict[str, Any]:
            return members | {"steps": [*members.get("steps", []), version]}

        return Migration(to=version, name=f"to {version}", kinds=("life",), change=change)

    monkeypatch.setattr(records, "MIGRATIONS", (to(1), to(2), to(3)))
    assert records.opened("life", "job", b"{}")["steps"] == [1, 2, 3]
    assert records.opened("life", "job", b'{"v": 2}')["steps"] == [3]
    assert "steps" not in records.opened("ask", "job", b"{}")


def test_every_migration_has_a_name_and_leads_to_this_version() -> None:
    versions = [step.to for step in records.MIGRATIONS]
    assert versions == sorted(versions)
    assert versions[-1] == records.VERSION
    assert all(step.name and step.kinds for step in records.MIGRATIONS)


def test_a_default_that_says_something_is_written_at_the_top_of_a_record() -> None:
    """So it may change. Of what is nested only what is no default is written, and none says any."""
    nested = (Attempt, Fallback, OwnersTask, Output, Archived, Error, Cost)
    saying = {
        (kind, field.name)
        for kind in (JobSpec, JobHistory, *nested)
        for field in fields(kind)
        if field.default is not MISSING and field.default not in (*records.NOTHING, ())
    }
    assert saying == {(JobSpec, "priority"), (JobHistory, "attempts")}
    now = datetime(2026, 11, 30, tzinfo=UTC)
    spec = JobSpec(model="a", kind="image", input={}, created_at=now)
    job = Job(id="job_1", spec=spec, state=State.QUEUED, history=JobHistory(updated_at=now))
    ask, life = (orjson.loads(text) for text in packed(job))
    assert (ask["priority"], life["attempts"]) == (5, [{"n": 1}])
    assert "metadata" not in ask
    assert "risk" not in life
