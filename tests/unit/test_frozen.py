"""A frozen record with some fields changed is what the standard library would make of it."""

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime

import pytest

from runhook.worker.domain.frozen import evolve
from runhook.worker.domain.jobs import Attempt

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def test_it_differs_in_the_fields_that_were_changed_and_the_old_stays_as_it_was() -> None:
    attempt = Attempt(n=1, ref="7")
    after = evolve(attempt, n=2, ended_at=NOW)
    assert after == replace(attempt, n=2, ended_at=NOW)
    assert attempt == Attempt(n=1, ref="7")


def test_it_is_as_frozen_as_the_old() -> None:
    with pytest.raises(FrozenInstanceError):
        evolve(Attempt(n=1), n=2).n = 3  # type: ignore[misc]


def test_a_field_that_there_is_not_is_refused_by_its_name() -> None:
    with pytest.raises(TypeError, match="Attempt has no field rfe"):
        evolve(Attempt(n=1), rfe="7")
