"""Calls that ask RunningHub: only with a key, and few at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.exceptions import ServiceUnavailable

from runhook.webhook.edge.limits import ASKING
from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.scopes import caller


@contextmanager
def asking() -> Iterator[None]:
    """Hold a place among those that wait for RunningHub, which may take seconds to answer.

    Raises:
        ServiceUnavailable: There is no key here, or no place.
    """
    # Only the worker must have the key; web takes jobs and callbacks without it.
    if not wiring().settings.api_key:
        raise ServiceUnavailable("web has no RUNNINGHUB_API_KEY, so it cannot ask RunningHub")
    with ASKING.take(caller().name):
        yield
