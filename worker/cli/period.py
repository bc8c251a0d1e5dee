"""From when to when jobs are listed, as a command is told it."""

from datetime import datetime

from runhook.worker.domain.bodies import Body, Moment, read


class Period(Body):
    """When the listed jobs were created.

    Attributes:
        since: Then or later.
        until: Before then.
    """

    since: Moment | None = None
    until: Moment | None = None


def period(since: str | None, until: str | None, now: datetime) -> Period:
    """What two options say.

    Raises:
        InvalidRequest: With every fault.
    """
    return read(Period, {"since": since, "until": until}, now=now)
