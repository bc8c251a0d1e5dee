"""`runhook upload` and `runhook lora`: files for later submits."""

from pathlib import Path
from typing import IO, cast

import click

from runhook.worker.cli.commands import runhook
from runhook.worker.cli.console import print_json, say

LARGEST_LORA = 16 * 1024**3  # bytes; more than any that nodes load


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True)
def upload(file: Path, as_json: bool) -> None:
    """Keep a file for jobs.

    Jobs name it asset:<id>, as printed; RunningHub gets it when a job needs it.
    """
    from runhook.worker.cli.inputs import keep_file

    asset = keep_file(runhook(), file)
    if as_json:
        print_json(asset.document)
    else:
        say(str(asset))


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="Its name at RunningHub; left out: the file's own.")
@click.option("--json", "as_json", is_flag=True)
def lora(file: Path, name: str | None, as_json: bool) -> None:
    """Upload a LoRA to RunningHub.

    The node RHLoraLoader loads it by the name that is printed. The file is read twice: RunningHub
    wants its MD5 first.
    """
    from runhook.worker.cli.inputs import plain_file

    rh = runhook()
    with plain_file(file, LARGEST_LORA) as shown:
        stored = rh.lora(cast(IO[bytes], shown), name=name or file.stem)
    if as_json:
        print_json({"file_name": stored, "size": file.stat().st_size})
    else:
        say(stored)
