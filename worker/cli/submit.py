"""`runhook submit`: one job, or a file of them."""

from typing import Any

import click

from runhook.worker.cli.commands import refuse_beside, wiring


@click.command(name="submit")
@click.argument("model", required=False)
@click.option(
    "-i", "inputs", multiple=True, metavar="NAME=VALUE", help="One parameter; @FILE sends a file."
)
@click.option("--input", "file", type=click.File("rb"), help="All parameters, as a JSON file.")
@click.option("--batch", type=click.File("rb"), help="Many jobs, as JSON lines for POST /v1/jobs.")
@click.option("--metadata", multiple=True, metavar="KEY=VALUE", help="Given back with the job.")
@click.option("-o", "options", multiple=True, metavar="NAME=VALUE", help="One option.")
@click.option(
    "--priority", type=click.IntRange(0, 9), default=5, show_default=True, help="9 goes first."
)
@click.option(
    "--key", help="Idempotency key: repeat the command with it, and nothing is paid for twice."
)
@click.option("--dry-run", is_flag=True, help="Only check it and show its price; nothing is kept.")
@click.option("--wait", "waits", is_flag=True, help="Wait until it has ended.")
@click.option("--json", "as_json", is_flag=True)
def submit(
    model: str | None,
    inputs: tuple[str, ...],
    file: Any,
    batch: Any,
    metadata: tuple[str, ...],
    options: tuple[str, ...],
    priority: int,
    key: str | None,
    dry_run: bool,
    waits: bool,
    as_json: bool,
) -> None:
    """Queue a job, or a job for each line of a file."""
    from runhook.worker.cli import submission
    from runhook.worker.domain.bodies import key_fault
    from runhook.worker.wiring import check_secrets

    if (model is None) == (batch is None):
        raise click.UsageError("name a MODEL, or a --batch FILE")
    if key is not None and (fault := key_fault(key, "--key")):
        raise click.BadParameter(fault.message, param_hint="--key")
    if batch is not None:
        refuse_beside("--batch", "inputs", "file", "metadata", "options", "priority", "waits")
    if dry_run:
        refuse_beside("--dry-run, which keeps nothing", "key", "waits")
    w = wiring()
    # Another folder may have another secret, with which no callback could be verified.
    check_secrets(w)
    if model is None:
        submission.submit_lines(w, batch, key, dry_run=dry_run)
        return
    typed = {"inputs": inputs, "file": file, "options": options, "metadata": metadata}
    asked = submission.read(w, model, priority=priority, **typed)
    if dry_run:
        submission.show_price(w, asked, as_json=as_json)
    elif waits:
        submission.submit_and_wait(w, asked, key, as_json=as_json)
    else:
        submission.submit(w, asked, key, as_json=as_json)
