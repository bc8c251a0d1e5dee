"""`runhook backup`: Redis in one file."""

import sys
from pathlib import Path

import click

from runhook.worker.cli.statuses import INTERRUPTED


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True)
def backup(file: Path, as_json: bool) -> None:
    """Write everything that Redis holds of this installation into FILE.

    FILE must not be there yet, and is yours alone: inputs of jobs are in it. Not in it are
    RUNHOOK_SECRET, which restoring needs, and files (RUNHOOK_STORAGE_URL). Processes may go on
    meanwhile.
    """
    from runhook.config.settings import Settings
    from runhook.worker.cli.console import print_json, say
    from runhook.worker.cli.copying import line_end, progress, wired
    from runhook.worker.flows.backup import backup as write

    settings = Settings.load("client")
    try:
        with wired(settings) as w:
            count = write(w, file, progress("copied"))
    except KeyboardInterrupt:
        line_end()
        say(f"broken off; no backup was written, and {file} is not there", err=True)
        sys.exit(INTERRUPTED)
    finally:
        line_end()
    size = file.stat().st_size
    if as_json:
        print_json({"file": str(file), "keys": count, "bytes": size})
        return
    say(f"{count} keys, {size} bytes in {file}; keep RUNHOOK_SECRET and stored files beside it")
