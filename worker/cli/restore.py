"""`runhook restore`: a backup into an empty installation."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runhook.worker.cli.statuses import INTERRUPTED

if TYPE_CHECKING:
    from runhook.worker.wiring import Wiring


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True)
def restore(file: Path, as_json: bool) -> None:
    """Put a backup into an installation that is still empty.

    The queue is paused afterwards: Redis has forgotten what was sent since the backup, and what
    was queued in it may have been paid. `runhook resume` once you have looked.
    """
    from runhook.config.settings import Settings
    from runhook.worker.cli.console import print_json, say
    from runhook.worker.cli.copying import line_end, progress, wired
    from runhook.worker.cli.machine import alone_in
    from runhook.worker.flows.restore import restore as put

    settings = Settings.load("client")
    with ExitStack() as held:
        if settings.embedded:
            settings.own_data_dir()
            held.enter_context(alone_in(settings.data_dir))
        w = None
        try:
            w = held.enter_context(wired(settings))
            count, why = put(w, file, progress("restored"))
        except KeyboardInterrupt:
            line_end()
            say(_left(w), err=True)
            sys.exit(INTERRUPTED)
        finally:
            line_end()
    if as_json:
        print_json({"file": str(file), "keys": count, "why_paused": why})
        return
    say(f"{count} keys restored. The queue is paused. {why}")


def _left(w: "Wiring | None") -> str:
    """What a restore that was broken off left behind."""
    if w is None or not w.store.copies.is_half_restored():
        return "broken off; nothing was changed"
    return (
        "broken off half-way: nothing starts here until `runhook restore` has been run again, a "
        "minute from now or later, and has ended"
    )
