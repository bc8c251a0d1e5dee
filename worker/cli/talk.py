"""How the command line speaks: its two consoles, JSON, errors as a line and an exit status."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import click
import orjson
from click.core import ParameterSource
from rich.console import (
    Console,
    ConsoleOptions,
    ConsoleRenderable,
    RenderableType,
    RenderHook,
    RenderResult,
)
from rich.segment import Segment

from runhook.config.settings import Settings, SettingsError
from runhook.worker.cli import screens
from runhook.worker.errors import (
    UNPAID,
    Conflict,
    InvalidRequest,
    ProviderRefused,
    ProviderSilent,
    RunhookError,
    StoreRefuses,
)
from runhook.worker.errors import StoreUnavailable as Away
from runhook.worker.net.untrusted import lines, one_line
from runhook.worker.telemetry import masked
from runhook.worker.wiring import Wiring, assemble

FAILED, UNREACHABLE = 1, 3  # and 2 from click for wrong usage

WIDE = 1_000_000  # columns of a pipe: there nothing is wrapped or cut


class _Clean:
    """Something to show, in which only the console's own colours reach the terminal."""

    def __init__(self, shown: ConsoleRenderable) -> None:
        self._shown = shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for part in console.render(self._shown, options):
            clean = part.text if part.control else lines(part.text)
            yield Segment(clean, part.style, part.control)


class _Cleaning(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Whatever is printed, with data in it."""
        return [_Clean(shown) for shown in renderables]


def console_of(file: TextIO, *, width: int | None = None) -> Console:
    """A console that takes no data for markup and lets none of it move the cursor."""
    plain = {"markup": False, "emoji": False, "highlight": False}
    console = Console(file=file, width=width, **plain)  # type: ignore[arg-type]
    console.push_render_hook(_Cleaning())
    return console


def _console(file: TextIO) -> Console:
    return console_of(file, width=None if file.isatty() else WIDE)


out = _console(sys.stdout)
err = _console(sys.stderr)


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
            _say_wrong(str(error))
            ctx.exit(FAILED)
        except StoreRefuses as error:
            _say_wrong(f"REDIS_URL: {error}")
            ctx.exit(FAILED)
        except Away as error:
            hint = "Is `runhook up` running in this folder, or REDIS_URL set?"
            _say_wrong(f"{str(error).rstrip('.')}. {hint}")
            ctx.exit(UNREACHABLE)
        except ProviderSilent as error:
            _say_wrong(f"RunningHub: {error}")
            ctx.exit(FAILED if isinstance(error, ProviderRefused) else UNREACHABLE)
        except Conflict as error:
            _say_wrong(f"{error}. {UNPAID}")
            ctx.exit(FAILED)
        except RunhookError as error:
            _say_wrong(str(error))
            ctx.exit(FAILED)
        except click.ClickException as error:
            if isinstance(error, click.UsageError) and error.ctx:
                click.echo(error.ctx.get_usage(), err=True)
            say(f"Error: {masked(error.format_message())}", err=True)
            ctx.exit(error.exit_code)


def _say_wrong(text: str) -> None:
    say(f"runhook: {masked(text)}", err=True)


def say(text: str, *, err: bool = False) -> None:
    """One line, whatever the data in it are."""
    click.echo(one_line(text), err=err)


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
    click.echo(escaped(orjson.dumps(body, option=orjson.OPT_INDENT_2, default=str).decode()))


UNSEEN = re.compile(r"[^\n -~\xa1-\u052f]")  # may be a sign that a terminal obeys


def escaped(text: str) -> str:
    """The same JSON, in which signs that a terminal would obey are spelt as escapes."""
    return UNSEEN.sub(_spelt, text)


def _spelt(found: re.Match[str]) -> str:
    char = found[0]
    if char.isprintable():
        return char
    return json.dumps(char)[1:-1] if char > "\x7f" else f"\\u{ord(char):04x}"
