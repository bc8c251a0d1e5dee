"""How an error ends a command: what is said of it, and the exit status."""

import click

from runhook.config.roles import SettingsError
from runhook.worker.cli.statuses import FAILED, UNREACHABLE
from runhook.worker.client import errors as over_http
from runhook.worker.errors import RunhookError, StoreRefuses, StoreUnavailable
from runhook.worker.net.untrusted import one_line
from runhook.worker.telemetry import masked


def told(error: Exception) -> int | None:
    """Say what happened; the exit status, or None where it is a mistake of the program's."""
    # One without faults says what came, perhaps of somebody who is not runhook.
    if isinstance(error, over_http.InvalidRequest) and error.errors:
        # Not at the top: they bring rich, which one line does without.
        from runhook.worker.cli.commands import show_faults
        from runhook.worker.cli.console import err

        show_faults(err, error)
        return FAILED
    if not isinstance(error, RunhookError | SettingsError | over_http.RunhookError):
        return None
    click.echo(one_line(f"runhook: {masked(_sentence(error))}"), err=True)
    return _exit_status(error)


def _sentence(error: Exception) -> str:
    """What happened, where it happened, and what to do about it."""
    match error:
        case StoreRefuses():
            return f"REDIS_URL: {error}"
        case StoreUnavailable():
            hint = "Is `runhook up` running in this folder, or is REDIS_URL set?"
            return f"{str(error).rstrip('.')}. {hint}"
        case over_http.Unavailable(title="No answer"):
            return _unanswered(error)
        case over_http.Unauthorized():
            return f"{error}. Set RUNHOOK_TOKEN to one of the RUNHOOK_API_TOKENS of that `web`"
    return str(error)


def _unanswered(error: over_http.Unavailable) -> str:
    """No answer came at all: what may have been done, and where to look."""
    if not error.maybe_done:
        return f"{error}. Is `runhook up` running in this folder, or is RUNHOOK_URL another's?"
    if error.key:
        again = f"run it again with --key {error.key}, and nothing is paid for twice"
        return f"{error.detail}. It may have been accepted: {again}"
    return str(error)


def _exit_status(error: Exception) -> int:
    """3 for what may work when it is tried again later; 1 for an answer that is no."""
    match error:
        # First, for both are kinds of what follows, and trying again later would not help.
        case StoreRefuses() | over_http.InternalError():
            return FAILED
        case StoreUnavailable() | over_http.Unavailable() | over_http.SettingsError():
            return UNREACHABLE
    return FAILED
