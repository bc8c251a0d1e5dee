"""What the command line prints on: two consoles that no data can steer, and JSON."""

import json
import re
import sys
from typing import Any, TextIO

import click
import orjson
from rich.console import (
    Console,
    ConsoleOptions,
    ConsoleRenderable,
    RenderableType,
    RenderHook,
    RenderResult,
)
from rich.segment import Segment

from runhook.worker.net.untrusted import lines, one_line

# Columns of a pipe. Rich wraps at the width of its console, and a record in a pipe must stay one
# line, so this is wider than any record.
WIDE = 1_000_000


class _Clean:
    """Something to show, in which only the console's own colours reach the terminal."""

    def __init__(self, shown: ConsoleRenderable) -> None:
        self._shown = shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for part in console.render(self._shown, options):
            if part.control:
                yield part
            else:
                yield Segment(lines(part.text), part.style)


class _Cleaning(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Clean whatever is printed: somebody else may have written the data in it."""
        return [_Clean(shown) for shown in renderables]


def console_of(file: TextIO, *, width: int | None = None) -> Console:
    """A console that takes no data for markup and lets none of it move the cursor.

    Args:
        file: Where it prints.
        width: In columns; None: as wide as the terminal is.
    """
    plain = {"markup": False, "emoji": False, "highlight": False}
    console = Console(file=file, width=width, **plain)  # type: ignore[arg-type]
    console.push_render_hook(_Cleaning())
    return console


def _console(file: TextIO) -> Console:
    if file.isatty():
        return console_of(file)
    return console_of(file, width=WIDE)


out = _console(sys.stdout)
err = _console(sys.stderr)


def say(text: str, *, err: bool = False) -> None:
    """Print exactly one line, whatever the data in it holds.

    Args:
        text: The line.
        err: On standard error instead of standard output.
    """
    click.echo(one_line(text), err=err)


def show(records: RenderableType, count: int, none: str) -> None:
    """Print records on standard output.

    Args:
        records: A table of them.
        count: How many there are.
        none: What to say when there are none; on standard error, for it is no record.
    """
    if count:
        out.print(records)
    else:
        err.print(none)


def print_json(body: Any) -> None:
    """Print one JSON document on standard output."""
    click.echo(escaped(orjson.dumps(body, option=orjson.OPT_INDENT_2, default=str).decode()))


# Outside these ranges a character may be one that a terminal obeys. The ranges hold ASCII, Latin,
# Greek and Cyrillic, which need no closer look.
UNSEEN = re.compile(r"[^\n -~\xa1-\u052f]")
LAST_ASCII = "\x7f"


def escaped(text: str) -> str:
    """The same JSON, in which characters that a terminal would obey are written as escapes."""
    return UNSEEN.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    if char.isprintable():
        return char
    if char > LAST_ASCII:
        return json.dumps(char)[1:-1]
    # orjson leaves DEL as it is, and so does json.
    return f"\\u{ord(char):04x}"
