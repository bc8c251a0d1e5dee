"""What all commands share: their parts, options they refuse, and how they show a refusal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource
from rich.console import Console
from rich.text import Text

from runhook.worker.errors import Fault, InvalidRequest
from runhook.worker.net.untrusted import one_line

if TYPE_CHECKING:
    from runhook.worker.wiring import Wiring


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


def wiring(*, asks: bool = False) -> "Wiring":
    """The parts of a command.

    Args:
        asks: The command asks RunningHub, so it needs a key.

    Raises:
        SettingsError: A setting is wrong or missing.
    """
    # Not at the top: these bring Redis, Celery and requests, which no --help of a command needs.
    from runhook.config.settings import Settings
    from runhook.worker.wiring import assemble

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
