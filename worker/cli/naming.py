"""What is named on the command line by its id, or by as much of that as is no other's.

An id begins with the moment of its birth, so jobs whose ids begin alike are those of a time. That
of a delivery begins with the moment of its event, and ends with who is told.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from runhook.worker.client.errors import NotFound

if TYPE_CHECKING:
    from runhook.worker.client.runhook import Runhook

PREFIX = "job_"
DIGITS = 28  # of a whole id, in hexadecimal
MOMENT = 12  # of them that are the milliseconds of its birth
LEAST = 6  # digits that are looked for; fewer are months, in which there is no one job
SHORT = re.compile(rf"({PREFIX})?[0-9a-f]{{1,{DIGITS}}}")
SUBSCRIPTION = "sub_"
SHORT_SUBSCRIPTION = re.compile(rf"{SUBSCRIPTION}[0-9a-f]{{{LEAST},{DIGITS}}}")
DELIVERY = "dlv_"
# Its moment in milliseconds, which event of it, and the handler; any of them may be cut off.
SHORT_DELIVERY = re.compile(
    rf"(?:{DELIVERY})?([0-9]{{{LEAST},13}})(-(?:[0-9]{{1,19}}(_[A-Za-z0-9_.-]{{0,100}})?)?)?"
)
MOMENT_MS = 13  # digits of a moment since 2001
MOST_NAMED = 10  # that a refusal names; more would say no more
LAST = datetime(9999, 12, 31, tzinfo=UTC)


def whole_id(runhook: "Runhook", text: str) -> str:
    """The id of the job that is meant.

    Args:
        runhook: The way to jobs.
        text: An id, or the beginning of one, with or without its `job_`.

    Raises:
        UsageError: Several jobs begin so, or it is too little of an id.
        RunhookError: As every call.
    """
    digits = text.removeprefix(PREFIX)
    # What is no beginning of an id is asked for as it stands, and is not found.
    if len(digits) == DIGITS or not SHORT.fullmatch(text):
        return text
    if len(digits) < LEAST:
        raise click.UsageError(f"{text} is too short: say at least {LEAST} digits of a job's id")
    found = _beginning(runhook, digits)
    if len(found) > 1:
        raise click.UsageError(
            f"{text} is the beginning of {found[0]}, {found[1]} and perhaps others; say more of it"
        )
    return (found or [text])[0]


def whole_delivery(runhook: "Runhook", text: str) -> str:
    """The id of the delivery that is meant.

    Args:
        runhook: The way to deliveries.
        text: An id, or the beginning of one, with or without its `dlv_`.

    Raises:
        UsageError: Several deliveries begin so.
        RunhookError: As every call.
    """
    short = SHORT_DELIVERY.fullmatch(text)
    if short is None:
        return text
    begins = f"{DELIVERY}{text.removeprefix(DELIVERY)}"
    if short[3] and _is_delivery(runhook, begins):
        return begins  # another's handler may go on behind it, and is not meant
    open_digits = MOMENT_MS - len(short[1])
    if short[2]:
        open_digits = 0  # its moment is whole, however old it is
    first, behind = int(short[1]) * 10**open_digits, (int(short[1]) + 1) * 10**open_digits
    found = []
    for delivery in runhook.deliveries(cursor=f"{DELIVERY}{behind}-0_0"):
        if delivery.id.startswith(begins):
            found.append(delivery.id)
        if len(found) > MOST_NAMED or int(delivery.id[len(DELIVERY) :].partition("-")[0]) < first:
            break
    return _the_one(text, found)


def _is_delivery(runhook: "Runhook", text: str) -> bool:
    try:
        runhook.delivery(text)
    except NotFound:
        return False
    return True


def whole_subscription(runhook: "Runhook", text: str) -> str:
    """The id of the subscription that is meant, or a handler's name as it stands.

    Args:
        runhook: The way to subscriptions.
        text: An id, or the beginning of one with its `sub_`; or anything else.

    Raises:
        UsageError: Several subscriptions begin so.
        RunhookError: As every call.
    """
    if not SHORT_SUBSCRIPTION.fullmatch(text) or len(text) == len(SUBSCRIPTION) + DIGITS:
        return text
    return _the_one(text, [one.id for one in runhook.subscriptions() if one.id.startswith(text)])


def _the_one(text: str, found: Sequence[str]) -> str:
    """What begins so; where nothing does, the text, which is then not found.

    Raises:
        UsageError: Several do.
    """
    if len(found) > 1:
        named = ", ".join(found[:MOST_NAMED])
        if len(found) > MOST_NAMED:
            named += " and others"
        raise click.UsageError(f"{text} is the beginning of {named}; say more of it")
    return (*found, text)[0]


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
