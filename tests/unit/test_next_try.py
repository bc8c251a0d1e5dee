"""When a delivery is tried next, as a page and a terminal say it."""

import io
from datetime import UTC, datetime, timedelta

import pytest

from runhook.webhook.pages.words import next_try
from runhook.worker.cli.console import console_of
from runhook.worker.cli.delivery_tables import delivery_page
from runhook.worker.client.receivers import Delivery

DUE = "due, waits for its turn"


def _delivery(next_at: datetime | None) -> Delivery:
    now = datetime.now(UTC)
    return Delivery(
        id="dlv_1-0_publish",
        event="evt_1-0",
        type="job.succeeded",
        handler="publish",
        job=None,
        state="pending",
        created_at=now,
        next_at=next_at,
    )


def _drawn(delivery: Delivery) -> str:
    file = io.StringIO()
    console_of(file, width=100).print(delivery_page(delivery))
    return file.getvalue()


@pytest.mark.parametrize("seconds", [0, 1, 3600])
def test_a_moment_that_is_over_is_never_said_to_be_the_next_try(seconds: int) -> None:
    over = datetime.now(UTC) - timedelta(seconds=seconds)
    assert next_try(over) == next_try(over.isoformat()) == DUE
    assert DUE in _drawn(_delivery(over))
    assert f"{over:%H:%M:%S} UTC" not in _drawn(_delivery(over))


def test_a_moment_to_come_is_said_to_the_second() -> None:
    coming = datetime.now(UTC) + timedelta(minutes=1)
    said = f"{coming:%Y-%m-%d %H:%M:%S} UTC"
    assert next_try(coming) == f"next {said}"
    assert said in _drawn(_delivery(coming))


def test_nothing_is_said_of_one_that_is_not_tried_again() -> None:
    assert next_try(None) == ""
    assert DUE not in _drawn(_delivery(None))
