"""`runhook submit`: one job, or a file of them."""

import sys
from typing import IO, Any

import click
import orjson

from runhook.worker.catalogue.views import dry_run_view
from runhook.worker.cli.commands import refuse_beside, wiring
from runhook.worker.cli.console import err, escaped, out, print_json
from runhook.worker.cli.group import FAILED
from runhook.worker.cli.inputs import from_file, job_lines, options_of, typed
from runhook.worker.cli.watch import goes_on, print_end, wait
from runhook.worker.domain.jobs import State
from runhook.worker.domain.views import View, job_view
from runhook.worker.errors import InvalidRequest, RunhookError, StoreUnavailable
from runhook.worker.flows import create
from runhook.worker.flows.batch import Line, accept, key_fault
from runhook.worker.flows.create import JobRequest
from runhook.worker.wiring import Wiring, check_secrets


@click.command(name="submit")
@click.argument("model", required=False)
@click.option(
    "-i", "inputs", multiple=True, metavar="NAME=VALUE", help="One parameter; @FILE sends a file."
)
@click.option("--input", "file", type=click.File("rb"), help="All parameters, as a JSON file.")
@click.option("--batch", type=click.File("rb"), help="Many jobs, as JSON lines for POST /v1/jobs.")
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
    options: tuple[str, ...],
    priority: int,
    key: str | None,
    dry_run: bool,
    waits: bool,
    as_json: bool,
) -> None:
    """Queue a job, or a job for each line of a file."""
    if (model is None) == (batch is None):
        raise click.UsageError("name a MODEL, or a --batch FILE")
    if key is not None and (fault := key_fault(key, "--key")):
        raise click.BadParameter(fault.message, param_hint="--key")
    if batch is not None:
        refuse_beside("--batch", "inputs", "file", "options", "priority", "waits")
    if dry_run:
        refuse_beside("--dry-run, which keeps nothing", "key", "waits")
    w = wiring()
    # Another folder may have another secret, with which no callback could be verified.
    check_secrets(w)
    if model is None:
        _submit_lines(w, batch, key, dry_run=dry_run)
        return
    given: dict[str, Any] = {}
    if file:
        given = from_file(file)
    given |= typed(w, model, inputs)  # what is typed wins over the file
    body = {"model": model, "input": given, "options": options_of(options), "priority": priority}
    asked = create.read_job(w, body)
    if dry_run:
        _show_price(w, asked, as_json=as_json)
    elif waits:
        _submit_and_wait(w, asked, key, as_json=as_json)
    else:
        _submit(w, asked, key, as_json=as_json)


def _submit(w: Wiring, asked: JobRequest, key: str | None, *, as_json: bool) -> None:
    _, job = create.request(w, asked, key=key)
    if as_json:
        print_json(job_view(job))
    else:
        click.echo(job.id)


def _submit_and_wait(w: Wiring, asked: JobRequest, key: str | None, *, as_json: bool) -> None:
    """Queue a job and print how it ended; Ctrl-C says that it goes on."""
    new, job = create.request(w, asked, key=key)
    if not as_json:
        _print_queued(w, job.id, new=new)
    try:
        job = wait(w, job.id, quiet=as_json)
    except KeyboardInterrupt:
        # Not cancelled: it may be paid for already, and whoever wants that can say so.
        err.print(goes_on(job.id))
        sys.exit(FAILED)
    if as_json:
        print_json(job_view(job))
    else:
        print_end(job)
    if job.state is not State.SUCCEEDED:
        sys.exit(FAILED)


def _print_queued(w: Wiring, job_id: str, *, new: bool) -> None:
    if new:
        err.print(f"{job_id} is queued")
    else:
        err.print(f"{job_id} was made by an earlier request with this --key; nothing new was made")
    if w.store.queue.state().paused:
        err.print("the queue is paused; nothing is sent until `runhook resume`")


def _submit_lines(w: Wiring, file: IO[bytes], key: str | None, *, dry_run: bool) -> None:
    """A job for each line; one line of JSON on standard output for each, in order."""
    refused = taken = 0
    for line in accept(w, job_lines(file), key=key, dry_run=dry_run):
        # Not a fault of this line: the lines behind it would fare the same.
        if isinstance(line.error, StoreUnavailable):
            err.print(f"{taken} lines were queued before this; {_how_to_go_on(key)}")
            raise line.error
        # A refused line is no reason to stop: those behind it are judged by themselves.
        refused += line.error is not None
        taken += line.job is not None
        click.echo(escaped(orjson.dumps(_line_view(w, line)).decode()))
    if refused:
        err.print(f"{refused} lines were refused; nothing was sent or paid for them")
        sys.exit(FAILED)


def _how_to_go_on(key: str | None) -> str:
    """How to submit the rest of a batch that broke off, and pay for none of it twice."""
    if key:
        return "run it again with the same --key, and none of them is queued twice"
    return "take them out before you run it again, or they are paid for twice"


def _line_view(w: Wiring, line: Line) -> View:
    """What became of a line of a batch, as its line of output."""
    if line.error:
        return {"line": line.number, "error": str(line.error), "errors": _faults(line.error)}
    if line.job:
        return {"line": line.number, "id": line.job.id, "new": line.new}
    checked = line.checked
    shown = checked and dry_run_view(checked, create.live_price(w, checked))
    return {"line": line.number, "dry_run": shown}


def _faults(error: RunhookError) -> list[View]:
    if not isinstance(error, InvalidRequest):
        return []
    return [{"path": fault.path, "message": fault.message} for fault in error.listed]


def _show_price(w: Wiring, asked: JobRequest, *, as_json: bool) -> None:
    checked = create.check(w, asked)
    shown = dry_run_view(checked, create.live_price(w, checked))
    if as_json:
        print_json(shown)
        return
    out.print("The job is valid. Nothing was sent, and nothing was paid.")
    # Both: RunningHub's is what counts, and the catalogue's says what it depends on.
    live, listed = shown["live_price"], shown["price"]
    if live:
        out.print(f"RunningHub's price now: {live['money']} {live['currency'] or ''}")
    if listed:
        out.print(f"By the catalogue: {_listed_price(listed)} ({listed['text']})")
    if not live and not listed:
        out.print("Its price is unknown.")


def _listed_price(price: View) -> str:
    if not price["money"]:
        return "unknown"
    money = f"{price['money']} {price['currency']}"
    if price["at_least"]:
        return f"at least {money}"
    return money
