"""Where `web` is for those who call it, and the token that is meant for it."""

from dataclasses import dataclass, field

from runhook.config import generated
from runhook.config.roles import SettingsError
from runhook.config.settings import Settings
from runhook.config.urls import plain_url

WRITTEN = "url"  # the file of the data folder in which `runhook up` says where its `web` is


@dataclass(frozen=True)
class WebAddress:
    """A `web`, and the token that it lets in; empty: none is known."""

    url: str
    token: str = field(repr=False)


def web_here(settings: Settings) -> str:
    """Where `runhook up` of this folder has its `web`; empty: it does not run."""
    return generated.kept(settings.data_dir / WRITTEN)


def web_of(settings: Settings, url: str | None = None) -> WebAddress:
    """The `web` that a caller means: as it says, else as RUNHOOK_URL or `runhook up` does.

    A token goes to no other `web` than the one that it is meant for.

    Args:
        settings: The caller's.
        url: Where it is, if the caller says so itself.

    Raises:
        SettingsError: Nobody says where it is, or the URL is none.
    """
    here = web_here(settings)
    wanted = url or settings.web_url or here
    if not wanted:
        raise SettingsError(
            f"RUNHOOK_URL is missing, and no `runhook up` runs in {settings.data_dir}: set "
            "RUNHOOK_URL and RUNHOOK_TOKEN, or run `runhook up`"
        )
    try:
        wanted = plain_url(wanted)
    except ValueError as wrong:
        raise SettingsError(f"RUNHOOK_URL: {wrong}") from None
    if settings.web_token and settings.web_url in ("", wanted):
        return WebAddress(wanted, settings.web_token)
    if wanted == here:
        return WebAddress(wanted, _token_here(settings))
    return WebAddress(wanted, "")


def _token_here(settings: Settings) -> str:
    """What the `web` of this folder lets in, by the same rule as `runhook up` has it."""
    if settings.callers:
        return settings.callers[0].token
    return generated.kept(settings.token_file)
