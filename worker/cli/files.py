"""`runhook upload` and `runhook lora`: files for later submits."""

from pathlib import Path

import click

from worker.cli.inputs import keep_file
from worker.cli.talk import Shown, md5_of, out, print_json, wiring
from worker.document import asset_document


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True)
def upload(file: Path, as_json: bool) -> None:
    """Keep a file; jobs name it asset:<id>. It goes to RunningHub when a job needs it."""
    asset = keep_file(wiring(), file)
    if as_json:
        print_json(asset_document(asset))
    else:
        click.echo(f"asset:{asset.id}")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="Its name there; the file's own when left out.")
@click.option("--json", "as_json", is_flag=True)
def lora(file: Path, name: str | None, as_json: bool) -> None:
    """Send a LoRA file to RunningHub; the node RHLoraLoader reads it by the name printed."""
    client = wiring(asks=True).client
    size = file.stat().st_size
    with file.open("rb") as content:
        md5 = md5_of(content)
        found, url = client.lora_url(name or file.stem, md5)
        content.seek(0)
        with Shown(content, size, file.name) as shown:
            client.put(url, shown)
    if as_json:
        print_json({"file_name": found, "md5": md5, "size": size})
    else:
        out.print(found, soft_wrap=True)
