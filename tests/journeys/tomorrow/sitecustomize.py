"""The version after this one, in a few lines: processes with this folder on their path are of it.

An ask has a season, a life the weather, an attempt its mood; a failure is an error nobody knew; a
start is an event nobody knew; a job with `later` in its metadata may be touched by nobody older.
"""

import os
from dataclasses import dataclass, field, replace
from typing import Any

from runhook.worker.domain import jobs, moves


def _by_chance() -> str:
    return os.urandom(4).hex()


@dataclass(frozen=True, kw_only=True)
class Attempt(jobs.Attempt):
    """With a mood."""

    mood: str = field(default_factory=_by_chance)


@dataclass(frozen=True, kw_only=True)
class JobSpec(jobs.JobSpec):
    """With a season."""

    season: str = field(default_factory=_by_chance)


@dataclass(frozen=True, kw_only=True)
class JobHistory(jobs.JobHistory):
    """With weather."""

    attempts: tuple[Attempt, ...] = field(default_factory=lambda: (Attempt(n=1),))
    weather: str = field(default_factory=_by_chance)


jobs.Attempt, jobs.JobSpec, jobs.JobHistory = Attempt, JobSpec, JobHistory  # type: ignore[misc,assignment]

# From here on everything that is imported makes its values of these classes.
from runhook.worker.store import jobs as store_jobs  # noqa: E402
from runhook.worker.store import records  # noqa: E402
from runhook.worker.store.changes import Change  # noqa: E402
from runhook.worker.store.claims import Held  # noqa: E402
from runhook.worker.store.duties import Closing  # noqa: E402

records.VERSION += 1
_stamped = records.stamped
_results = moves.results
_write = store_jobs.Jobs._write


def stamped(kind: records.Kind, members: records.Members) -> records.Members:
    """With the version; what is for later is not for older processes."""
    found = _stamped(kind, members)
    if kind == "ask" and members.get("metadata", {}).get("later"):
        found["needs"] = records.VERSION
    return found


def results(report: Any, expires_at: Any) -> dict[str, Any]:
    """With an error that older processes do not know."""
    found = _results(report, expires_at)
    if found["error"]:
        found["error"] = replace(found["error"], code="overslept")
    return found


def write(
    self: store_jobs.Jobs, held: Held, change: Change, closing: Closing | None
) -> tuple[str, Held]:
    """With an event that older processes do not know."""
    if change.event == "job.running":
        change = replace(change, event="job.woken")
    return _write(self, held, change, closing)


records.stamped = stamped
moves.results = results
store_jobs.Jobs._write = write  # type: ignore[method-assign]
