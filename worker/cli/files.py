"""`runhook upload` and `runhook lora`: files for later submits."""

import hashlib
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from runhook.worker.cli.commands import wiring
from runhook.worker.cli.console import err, print_json, say
from runhook.worker.net.untrusted import one_line


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True)
def upload(file: Path, as_json: bool) -> None:
    """Keep a file for jobs.

    Jobs name it asset:<id>, as printed; RunningHub gets it when a job needs it.
    """
    from runhook.worker.catalogue.views import asset_view
    from runhook.worker.cli.inputs import keep_file

    asset = keep_file(wiring(), file)
    if as_json:
        print_json(asset_view(asset))
    else:
        click.echo(f"asset:{asset.id}")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="Its name at RunningHub; left out: the file's own.")
@click.option("--json", "as_json", is_flag=True)
def lora(file: Path, name: str | None, as_json: bool) -> None:
    """Upload a LoRA to RunningHub.

    The node RHLoraLoader loads it by the name that is printed.
    """
    if not file.is_file():
        raise click.UsageError(f"{file} is not a regular file")
    client = wiring(asks=True).client
    size = file.stat().st_size
    with file.open("rb") as content:
        md5 = _md5_of(content)
        stored_name, url = client.lora_url(name or file.stem, md5)
        # Read twice: RunningHub wants the MD5 before it names a URL.
        content.seek(0)
        with _Progress(content, size, file.name) as shown:
            client.put(url, shown)
    if as_json:
        print_json({"file_name": stored_name, "md5": md5, "size": size})
    else:
        say(stored_name)


class _Progress:
    """A file whose reading is shown: by a bar on a terminal, elsewhere not at all."""

    def __init__(self, file: Any, size: int, name: str) -> None:
        """Args:
        file: What is read.
        size: How many bytes it has.
        name: What the bar says.
        """
        self._file, self._size = file, size
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=err,
            disable=not err.is_terminal,
        )
        self._task = self._bar.add_task(one_line(name), total=size)

    def __enter__(self) -> "_Progress":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __len__(self) -> int:
        # By it requests sends a Content-Length; without it, it would send chunks.
        return self._size

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        piece: bytes = self._file.read(size)
        self._bar.advance(self._task, len(piece))
        return piece


def _md5_of(file: Any) -> str:
    """The MD5 that getLoraUploadUrl wants (api-276642712)."""
    return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
