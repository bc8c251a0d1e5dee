"""`runhook submit`: one job, or a file of them."""

import sys
from typing import IO, Any

import click
import orjson

from runhook.worker.catalogue.views import dry_run_view
from runhook.worker.cli.inputs import from_file, job_lines, options_of, typed
from runhook.worker.cli.talk import FAILED, err, escaped, out, print_json, refuse_beside, wiring
from runhook.worker.cli.waiting import going_on, say_end, wait
from runhook.worker.domain.jobs import State
from runhook.worker.domain.views import job_view
from runhook.worker.errors import InvalidRequest, StoreUnavailable
from runhook.worker.flows import create
from runhook.worker.flows.batch import Line, accept, key_fault
from runhook.worker.flows.create import JobRequest
from runhook.worker.wiring import Wiring, check_secrets


@click.command(name="submit")
@click.argument("model", required=False)
@click.option(
    "-i", "inputs", multiple=True, metavar="NAME=VALUE", help="A parameter; @FILE a file."
)
@click.option("--input", "file", type=click.File("rb"), help="All parameters, as JSON.")
@click.option("--batch", type=click.File("rb"), help="Jobs as JSON lines, as POST /v1/jobs takes.")
@click.option("-o", "options", multiple=True, metavar="NAME=VALUE", help="One option.")
@click.option("--priority", type=click.IntRange(0, 9), default=5, show_default=True)
@click.option(
    "--key", help="Idempotency key: the same makes one job, or one for each line of a batch."
)
@click.option("--dry-run", is_flag=True, help="Check it and show its price; nothing is kept.")
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
    """Put a job into the line."""
    if (model is None) == (batch is None):
        raise click.UsageError("name a MODEL, or a --batch FILE")
    if key is not None and (fault := key_fault(key, "--key")):
        raise click.BadParameter(fault.message, param_hint="--key")
    if batch is not None:
        refuse_beside("--batch", "inputs", "file", "options", "priority", "waits")
    if dry_run:
        refuse_beside("--dry-run, which keeps nothing", "key", "waits")
    w = wiring()
    check_secrets(w)
    if model is None:
        _submit_lines(w, batch, key, dry_run=dry_run)
        return
    given = (from_file(file) if file else {}) | typed(w, model, inputs)
    asked = JobRequest(model, given, options_of(options), priority=priority)
    if dry_run:
        _show_price(w, asked, as_json)
        return
    new, job = create.request(w, asked, key=key)
    if not waits:
        print_json(job_view(job)) if as_json else click.echo(job.id)
        return
    if not as_json:
        err.print(f"{job.id} {'is in the line' if new else 'was asked for before'}")
    _wait_for(w, job.id, as_json)


def _wait_for(w: Wiring, job_id: str, as_json: bool) -> None:
    """Wait for a job and say how it ended; Ctrl-C says what goes on."""
    if not as_json and w.store.line.state().paused:
        err.print("the line is paused; nothing is sent until `runhook resume`")
    try:
        job = wait(w, job_id, quiet=as_json)
    except KeyboardInterrupt:
        err.print(going_on(job_id))
        sys.exit(FAILED)
    print_json(job_view(job)) if as_json else say_end(job)
    if job.state is not State.SUCCEEDED:
        sys.exit(FAILED)


def _submit_lines(w: Wiring, file: IO[bytes], key: str | None, *, dry_run: bool) -> None:
    """A job for each line; one line of JSON on standard output for each, in order."""
    refused = taken = 0
    for line in accept(w, job_lines(file), key=key, dry_run=dry_run):
        if isinstance(line.error, StoreUnavailable):
            again = "with the same --key nothing is asked for twice" if key else "leave them out"
            err.print(f"{taken} lines before were taken; to go on, {again}")
            raise line.error
        refused += line.error is not None
        taken += line.job is not None
        click.echo(escaped(orjson.dumps(_told(w, line)).decode()))
    if refused:
        err.print(f"{refused} lines were refused; nothing was sent of them, nothing is paid")
        sys.exit(FAILED)


def _told(w: Wiring, line: Line) -> dict[str, Any]:
    if line.error:
        faults = line.error.listed if isinstance(line.error, InvalidRequest) else ()
        errors = [{"path": f.path, "message": f.message} for f in faults]
        return {"line": line.number, "error": str(line.error), "errors": errors}
    if line.job:
        return {"line": line.number, "id": line.job.id, "new": line.new}
    checked = line.checked
    shown = checked and dry_run_view(checked, create.live_price(w, checked))
    return {"line": line.number, "dry_run": shown}


def _show_price(w: Wiring, asked: JobRequest, as_json: bool) -> None:
    checked = create.check(w, asked)
    shown = dry_run_view(checked, create.live_price(w, checked))
    price, now = shown["price"], shown["live_price"]
    if as_json:
        print_json(shown)
        return
    out.print("It is good. Nothing was sent, nothing is paid.")
    if now:
        out.print(f"RunningHub's price now: {now['money']} {now['currency'] or ''}")
    if price:
        low = "at least " if price["at_least"] else ""
        money = f"{low}{price['money']} {price['currency']}" if price["money"] else "not known"
        out.print(f"By the catalogue: {money} ({price['text']})")
    if not now and not price:
        out.print("No price is known.")
