"""How the command line speaks: its two consoles, JSON, errors as a line and an exit status."""

import hashlib
from typing import Any

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from config.settings import Settings, SettingsError
from worker.cli import screens
from worker.errors import InvalidRequest, ProviderRefused, ProviderSilent, RunhookError
from worker.errors import StoreUnavailable as Away
from worker.wiring import Wiring, assemble

FAILED, UNREACHABLE = 1, 3  # and 2 from click for wrong usage

out = Console()
err = Console(stderr=True)


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
        except Away as error:
            click.echo(f"runhook: {str(error).rstrip('.')}. Is `runhook up` running?", err=True)
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


def print_json(body: Any) -> None:
    """One JSON document on standard output."""
    click.echo(orjson.dumps(body, option=orjson.OPT_INDENT_2, default=str).decode())


class Shown:
    """A file that is read while its progress is shown: a bar on a terminal, else nothing."""

    def __init__(self, file: Any, size: int, name: str) -> None:
        """Args:
        file: What is read.
        size: How many bytes it has.
        name: What the bar says.
        """
        self._file, self._size = file, size
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=err,
            disable=not err.is_terminal,
        )
        self._task = self._bar.add_task(name, total=size)

    def __enter__(self) -> "Shown":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        found: bytes = self._file.read(size)
        self._bar.advance(self._task, len(found))
        return found


def md5_of(file: Any) -> str:
    """The MD5 that getLoraUploadUrl wants (api-276642712)."""
    return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
