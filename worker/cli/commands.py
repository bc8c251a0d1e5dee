"""What all commands share: their parts, options they refuse, and how an error ends them.

Exit statuses: 0 done, 1 the job or the call failed, 2 wrong usage (click's own), 3 cannot reach the
service.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console
from rich.text import Text

from runhook.config.settings import Settings, SettingsError
from runhook.worker.cli.console import err, say
from runhook.worker.errors import (
    UNPAID,
    Conflict,
    Fault,
    InvalidRequest,
    ProviderRefused,
    ProviderSilent,
    RunhookError,
    StoreRefuses,
    StoreUnavailable,
)
from runhook.worker.net.untrusted import one_line
from runhook.worker.telemetry import masked
from runhook.worker.wiring import Wiring, assemble

# The contract's exit statuses; 2 comes from click.
FAILED, UNREACHABLE = 1, 3


class Commands(click.Group):
    """The group of all commands; it turns an error into one line and an exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except InvalidRequest as error:
            show_faults(err, error)
            ctx.exit(FAILED)
        except (RunhookError, SettingsError) as error:
            say(f"runhook: {masked(_sentence(error))}", err=True)
            ctx.exit(_exit_status(error))
        except click.ClickException as error:
            # As click would, but what was typed may hold a secret or control characters.
            if isinstance(error, click.UsageError) and error.ctx:
                click.echo(error.ctx.get_usage(), err=True)
            say(f"Error: {masked(error.format_message())}", err=True)
            ctx.exit(error.exit_code)


def _sentence(error: Exception) -> str:
    """What happened, where it happened, and what to do about it."""
    match error:
        case StoreRefuses():
            return f"REDIS_URL: {error}"
        case StoreUnavailable():
            hint = "Is `runhook up` running in this folder, or is REDIS_URL set?"
            return f"{str(error).rstrip('.')}. {hint}"
        case ProviderSilent():
            return f"RunningHub: {error}"
        case Conflict():
            return f"{error}. {UNPAID}"
    return str(error)


def _exit_status(error: Exception) -> int:
    """3 for what may work when it is tried again later; 1 for an answer that is no."""
    match error:
        # First, for both are kinds of what follows, and trying again later would not help.
        case StoreRefuses() | ProviderRefused():
            return FAILED
        case StoreUnavailable() | ProviderSilent():
            return UNREACHABLE
    return FAILED


def show_faults(console: Console, error: InvalidRequest) -> None:
    """Print everything that is wrong with a request, a line each."""
    console.print(Text("Refused. Nothing was sent, and nothing was paid.", "red"))
    for fault in error.listed:
        console.print(_fault_line(fault))
    if more := len(error.faults) - len(error.listed):
        console.print(f"  and {more} more")


def _fault_line(fault: Fault) -> Text:
    line = Text.assemble("  ", (one_line(fault.path), "bold"), f"  {one_line(fault.message)}")
    if fault.nearest:
        line.append(f"; did you mean {one_line(fault.nearest)}?", "yellow")
    return line


def wiring(*, asks: bool = False) -> Wiring:
    """The parts of a command.

    Args:
        asks: The command asks RunningHub, so it needs a key.

    Raises:
        SettingsError: A setting is wrong or missing.
    """
    # "door": fails within seconds when Redis is away, for somebody is waiting at the prompt.
    if asks:
        return assemble(Settings.load("asker"), patience="door")
    return assemble(Settings.load("client"), patience="door")


def refuse_beside(other: str, *names: str) -> None:
    """Refuse options that were typed and would be ignored beside another one.

    Args:
        other: What they have no effect with, as the user typed it.
        names: The options, by the names of their parameters.

    Raises:
        UsageError: One of them was typed.
    """
    context = click.get_current_context()
    # A value that was typed counts even where it is the default.
    typed = [
        max(param.opts, key=len)
        for param in context.command.params
        if param.name in names
        and context.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
    ]
    if typed:
        raise click.UsageError(f"{', '.join(typed)} has no effect with {other}; leave it out")


@contextmanager
def wrong_usage() -> Iterator[None]:
    """Turn a refused request into wrong usage: what was refused in here was typed as an option."""
    try:
        yield
    except InvalidRequest as error:
        # The first only: click shows one, and names the option in its own way.
        fault = error.faults[0]
        raise click.BadParameter(fault.message, param_hint=f"--{fault.path}") from None
