"""Choosing the way to runhook. What a way needs is imported when it is taken: neither is cheap."""

import math
import re

from runhook.config.roles import SettingsError as WrongSetting
from runhook.worker.client.errors import SettingsError
from runhook.worker.client.transport import Transport

IN_HEADER = re.compile(r"[!-~]*")  # what a token can be made of; none at all is none


def in_process(seconds: float) -> Transport:
    """The way to the Redis of this process's settings; nothing is read or connected yet."""
    from runhook.worker.client.in_process import InProcess

    return InProcess(seconds)


def over_http(
    url: str | None, token: str | None, seconds: float, repeats: float = math.inf
) -> Transport:
    """The way to a `web`.

    Args:
        url: Where it is; None: as RUNHOOK_URL or `runhook up` says.
        token: What it lets in; None: the token that is meant for this URL, if any.
        seconds: For one call in all.
        repeats: Seconds after which a call is not made again.

    Raises:
        SettingsError: Nobody says where it is, or what says so is wrong.
    """
    from runhook.config.settings import Settings
    from runhook.config.web import web_of
    from runhook.worker.client.over_http import OverHttp

    try:
        found = web_of(Settings.load(), url)
    except WrongSetting as wrong:
        raise SettingsError({"title": "Wrong setting", "detail": str(wrong)}) from None
    if token is None:
        token = found.token
    if not IN_HEADER.fullmatch(token):
        detail = "the token holds what no header can carry, often a line's end read along with it"
        raise SettingsError({"title": "Wrong setting", "detail": detail})
    return OverHttp(found.url, token, seconds, repeats=repeats)
