"""Jobs as they are named on the command line: by their id, or by as much of it as is one job's.

An id begins with the moment of its birth, so the jobs whose ids begin alike are those of a time.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from runhook.worker.client.runhook import Runhook

PREFIX = "job_"
DIGITS = 28  # of a whole id, in hexadecimal
MOMENT = 12  # of them that are the milliseconds of its birth
LEAST = 6  # digits that are looked for; fewer are months, in which there is no one job
SHORT = re.compile(rf"({PREFIX})?[0-9a-f]{{{LEAST},{DIGITS}}}")
LAST = datetime(9999, 12, 31, tzinfo=UTC)


def whole_id(runhook: "Runhook", text: str) -> str:
    """The id of the job that is meant.

    Args:
        runhook: The way to jobs.
        text: An id, or the beginning of one, with or without its `job_`.

    Raises:
        UsageError: Several jobs begin so.
        RunhookError: As every call.
    """
    digits = text.removeprefix(PREFIX)
    # What is no beginning of an id is asked for as it stands, and is not found.
    if len(digits) == DIGITS or not SHORT.fullmatch(text):
        return text
    found = _beginning(runhook, digits)
    if len(found) > 1:
        raise click.UsageError(
            f"{text} is the beginning of {found[0]}, {found[1]} and perhaps others; say more of it"
        )
    return (found or [text])[0]


def _beginning(runhook: "Runhook", digits: str) -> list[str]:
    """The newest jobs whose ids begin so, two at most."""
    left = max(0, MOMENT - len(digits))
    first = int(digits[:MOMENT], 16) << 4 * left
    since, until = _moment(first), _moment(first + (1 << 4 * left))
    found = []
    for job in runhook.jobs(since=since, until=until):
        if job.id.startswith(f"{PREFIX}{digits}"):
            found.append(job.id)
        if len(found) > 1:
            break
    return found


def _moment(milliseconds: int) -> datetime:
    """A moment of an id; one that no clock reaches is the last there is."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return LAST
