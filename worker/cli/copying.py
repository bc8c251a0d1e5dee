"""What `backup` and `restore` share: a server to copy from or into, and how far they are."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from runhook.config.settings import Settings
    from runhook.worker.wiring import Wiring


@contextmanager
def wired(settings: "Settings") -> Iterator["Wiring"]:
    """The parts, with the server of `runhook up` started for as long where it does not run."""
    from runhook.worker.store.embedded import EmbeddedServer
    from runhook.worker.wiring import assemble

    _ = settings.secrets  # refused before anything is started
    if not settings.embedded:
        yield assemble(settings)
        return
    settings.own_data_dir()
    server = EmbeddedServer(settings.data_dir, settings.embedded_socket)
    server.start()
    try:
        yield assemble(settings)
    finally:
        if server.process_id:
            server.stop()


def progress(word: str) -> Callable[[int], None]:
    """Tell how many keys there are by now, on a terminal only."""

    def told(count: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{word} {count:,} keys", err=True, nl=False)

    return told


def line_end() -> None:
    """End the line of the progress, so that what is said next stands alone."""
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", err=True, nl=False)
