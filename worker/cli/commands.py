"""What all commands share: the way to `web`, options they refuse, and how they show a refusal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from runhook.worker.client.errors import InvalidRequest
from runhook.worker.domain import policy
from runhook.worker.errors import MOST_FAULTS, Fault
from runhook.worker.net.untrusted import one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from runhook.worker.client.runhook import Runhook

TIMES = "As 2h, which is two hours ago, or 2026-11-22T10:00:00Z."


def runhook() -> "Runhook":
    """The way to `web`: where RUNHOOK_URL says, else where `runhook up` runs in this folder.

    Raises:
        SettingsError: Neither is there.
    """
    # Not at the top: it brings pydantic's models and requests, which no --help of a command needs.
    from runhook.worker.client.runhook import Runhook

    return Runhook.over_http(repeats=policy.PROMPT_PATIENCE)


def page_of(job_id: str) -> str:
    """Where the dashboard shows a job."""
    from runhook.config.settings import Settings
    from runhook.config.web import web_of

    return f"{web_of(Settings.load()).url}/jobs/{job_id}"


def show_faults(console: "Console", error: InvalidRequest) -> None:
    """Print everything that is wrong with a request, a line each."""
    # Not at the top: a command that is only completed prints nothing.
    from rich.text import Text

    console.print(Text("Refused. Nothing was sent, and nothing was paid.", "red"))
    for fault in error.errors:
        console.print(_fault_line(fault))
    # Not all of very many are told; the sentence counts them.
    if len(error.errors) >= MOST_FAULTS:
        console.print(Text(one_line(error.detail), "bright_black"))


def _fault_line(fault: Fault) -> "Text":
    from rich.text import Text

    line = Text.assemble("  ", (one_line(fault.path), "bold"), f"  {one_line(fault.message)}")
    if fault.nearest:
        line.append(f"; did you mean {one_line(fault.nearest)}?", "yellow")
    return line


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
        for fault in error.errors:
            name, _, key = fault.path.partition(".")
            said = one_line(f"{key} {fault.said}".strip())
            raise click.BadParameter(said, param_hint=_typed_as(name.partition("[")[0])) from None
        raise


def _typed_as(name: str) -> str:
    """A parameter as the command's help has it: an option, or an argument in capitals."""
    context = click.get_current_context()
    for param in context.command.params:
        if param.name == name:
            return param.get_error_hint(context)
    return f"'--{name.replace('_', '-')}'"


def pair(text: str) -> tuple[str, str]:
    """NAME=VALUE in two."""
    name, found, value = text.partition("=")
    if not found or not name:
        raise click.UsageError(f"{text!r} is not NAME=VALUE")
    return name, value
