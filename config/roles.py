"""What each kind of process needs of the settings, and how a missing one is said."""

from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from runhook.config.settings import Settings

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")  # as URLs and Host headers write them

Role = Literal["web", "worker", "handlers", "client"]


class SettingsError(Exception):
    """A setting is missing or wrong. The text is one line that names it."""


def _needs_key(settings: "Settings") -> str | None:
    if settings.api_key:
        return None
    return (
        "RUNNINGHUB_API_KEY is missing: the key of the RunningHub account that pays "
        "(`runhook up --sandbox` needs none)"
    )


def _needs_secret(settings: "Settings") -> str | None:
    try:
        settings.secrets  # noqa: B018 - it says itself what is missing
    except SettingsError as error:
        return str(error)
    return None


def _needs_tokens_in_public(settings: "Settings") -> str | None:
    host = urlsplit(settings.public_url).hostname
    if settings.token_setting or host is None or host in LOOPBACK_HOSTS:
        return None
    return (
        "RUNHOOK_API_TOKENS is missing: RUNHOOK_PUBLIC_URL is not loopback, so without tokens "
        "anybody could spend the account's money"
    )


# By kind of process. What a process does not use may be missing there.
CHECKS = {
    "web": (_needs_secret, _needs_tokens_in_public),
    "worker": (_needs_key, _needs_secret),
    "handlers": (_needs_secret,),
    "client": (),
}
