"""How the command line speaks: its two consoles, JSON, errors as a line and an exit status."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import click
import orjson
from click.core import ParameterSource
from rich.console import Console, RenderableType

from config.settings import Settings, SettingsError
from worker.cli import screens
from worker.errors import (
    InvalidRequest,
    ProviderRefused,
    ProviderSilent,
    RunhookError,
    StoreRefuses,
)
from worker.errors import StoreUnavailable as Away
from worker.wiring import Wiring, assemble

FAILED, UNREACHABLE = 1, 3  # and 2 from click for wrong usage

WIDE = 1_000_000  # columns of a pipe: there nothing is wrapped or cut


def _console(file: TextIO, *, stderr: bool = False) -> Console:
    return Console(stderr=stderr, width=None if file.isatty() else WIDE)


out = _console(sys.stdout)
err = _console(sys.stderr, stderr=True)


class Commands(click.Group):
    """Turns what goes wrong into a line and an exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except InvalidRequest as error:
            screens.show_faults(err, error)
            ctx.exit(FAILED)
        except SettingsError as error:
            click.echo(f"runhook: {error}", err=True)
            ctx.exit(FAILED)
        except StoreRefuses as error:
            click.echo(f"runhook: REDIS_URL: {error}", err=True)
            ctx.exit(FAILED)
        except Away as error:
            hint = "Is `runhook up` running in this folder, or REDIS_URL set?"
            click.echo(f"runhook: {str(error).rstrip('.')}. {hint}", err=True)
            ctx.exit(UNREACHABLE)
        except ProviderSilent as error:
            click.echo(f"runhook: RunningHub: {error}", err=True)
            ctx.exit(FAILED if isinstance(error, ProviderRefused) else UNREACHABLE)
        except RunhookError as error:
            click.echo(f"runhook: {error}", err=True)
            ctx.exit(FAILED)


def wiring(*, asks: bool = False) -> Wiring:
    """The parts of a command.

    Args:
        asks: It asks RunningHub, so it needs a key.
    """
    return assemble(Settings.load("asker" if asks else "client"), patience="door")


def refuse_beside(other: str, *names: str) -> None:
    """Refuse options of the command that were typed and would be ignored beside another.

    Args:
        other: What they mean nothing with, as the user typed it.
        names: By their parameters' names.
    """
    context = click.get_current_context()
    typed = [
        max(param.opts, key=len)
        for param in context.command.params
        if param.name in names
        and context.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
    ]
    if typed:
        raise click.UsageError(f"{', '.join(typed)} would be ignored with {other}; leave it out")


@contextmanager
def wrong_usage() -> Iterator[None]:
    """What is refused in here was typed as an option of the command: exit status 2."""
    try:
        yield
    except InvalidRequest as error:
        fault = error.faults[0]
        raise click.BadParameter(fault.message, param_hint=f"--{fault.path}") from None


def show(records: RenderableType, count: int, none: str) -> None:
    """Records on standard output; that there are none is no record, so it is said beside it."""
    if count:
        out.print(records)
    else:
        err.print(none)


def print_json(body: Any) -> None:
    """One JSON document on standard output."""
    click.echo(orjson.dumps(body, option=orjson.OPT_INDENT_2, default=str).decode())
