"""What `runhook submit` does: reads a job as it was typed, queues it, and says how it went."""

import sys
from collections.abc import Iterable
from typing import IO, Any

import click
import orjson

from runhook.worker.cli.console import err, escaped, out, print_json
from runhook.worker.cli.group import FAILED
from runhook.worker.cli.inputs import from_file, job_lines, metadata_of, options_of, typed
from runhook.worker.cli.watch import goes_on, print_end, wait
from runhook.worker.domain.jobs import State
from runhook.worker.domain.views import View, job_view
from runhook.worker.errors import InvalidRequest, RunhookError, StoreUnavailable
from runhook.worker.flows import create
from runhook.worker.flows.batch import Line, accept
from runhook.worker.flows.create import JobRequest
from runhook.worker.flows.steps.budgets import budgets_today
from runhook.worker.flows.steps.pricing import trial_view
from runhook.worker.money.amounts import money_text
from runhook.worker.wiring import Wiring


def read(
    w: Wiring,
    model: str,
    *,
    inputs: Iterable[str],
    file: IO[bytes] | None,
    options: Iterable[str],
    metadata: Iterable[str],
    priority: int,
) -> JobRequest:
    """A job as it was typed, its files kept.

    Args:
        w: The parts of the command.
        model: Its endpoint or name.
        inputs: Its parameters, NAME=VALUE each.
        file: All its parameters as JSON; what is typed wins over it.
        options: NAME=VALUE each.
        metadata: The same.
        priority: 9 goes first.
    """
    given: dict[str, Any] = {}
    if file:
        given = from_file(file)
    given |= typed(w, model, inputs)
    body = {
        "model": model,
        "input": given,
        "options": options_of(options),
        "metadata": metadata_of(metadata),
        "priority": priority,
    }
    return create.read_job(w, body)


def submit(w: Wiring, asked: JobRequest, key: str | None, *, as_json: bool) -> None:
    """Queue a job, and print its id or all of it."""
    _, job = create.request(w, asked, key=key)
    if as_json:
        print_json(job_view(job, base=w.settings.public_url))
    else:
        click.echo(job.id)


def submit_and_wait(w: Wiring, asked: JobRequest, key: str | None, *, as_json: bool) -> None:
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
        print_json(job_view(job, base=w.settings.public_url))
    else:
        print_end(job, w.settings.public_url)
    if job.state is not State.SUCCEEDED:
        sys.exit(FAILED)


def _print_queued(w: Wiring, job_id: str, *, new: bool) -> None:
    if new:
        err.print(f"{job_id} is queued")
    else:
        err.print(f"{job_id} was made by an earlier request with this --key; nothing new was made")
    if w.store.queue.state().paused:
        err.print("the queue is paused; nothing is sent until `runhook resume`")


def submit_lines(w: Wiring, file: IO[bytes], key: str | None, *, dry_run: bool) -> None:
    """Queue a job for each line; one line of JSON on standard output for each, in order."""
    refused = taken = 0
    for line in accept(w, job_lines(file), key=key, dry_run=dry_run):
        # Not a fault of this line: the lines behind it would fare the same.
        if isinstance(line.error, StoreUnavailable):
            err.print(f"{_counted(taken)} queued before this; {_how_to_go_on(key)}")
            raise line.error
        # A refused line is no reason to stop: those behind it are judged by themselves.
        refused += line.error is not None
        taken += line.job is not None
        click.echo(escaped(orjson.dumps(_line_view(w, line)).decode()))
    if refused:
        err.print(f"{_counted(refused)} refused: not sent, not paid")
        sys.exit(FAILED)


def _counted(lines: int) -> str:
    if lines == 1:
        return "1 line was"
    return f"{lines} lines were"


def _how_to_go_on(key: str | None) -> str:
    """How to submit the rest of a batch that broke off, and pay for none of it twice."""
    if key:
        return "run it again with the same --key, and none of them is queued twice"
    return "take them out before you run it again, or they are paid for twice"


def _line_view(w: Wiring, line: Line) -> View:
    """What became of a line of a batch, as its line of output."""
    view: View = {"line": line.number}
    if line.name:
        view["as"] = line.name
    if line.error:
        return view | {"error": str(line.error), "errors": _faults(line.error)}
    if line.job:
        return view | {"id": line.job.id, "new": line.new}
    checked = line.checked
    shown = checked and trial_view(w, checked)
    return view | {"dry_run": shown}


def _faults(error: RunhookError) -> list[View]:
    if not isinstance(error, InvalidRequest):
        return []
    return [{"path": fault.path, "message": fault.message} for fault in error.listed]


def show_price(w: Wiring, asked: JobRequest, *, as_json: bool) -> None:
    """Print what a job would cost; it is neither kept nor sent."""
    checked = create.check(w, asked)
    shown = trial_view(w, checked)
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
    for other in shown["fallback"]:
        out.print(f"If that fails, {other['model']}: {_price_of(other['price'])}")
    if shown["fallback"] or checked.retries:
        out.print(f"All in all, by the catalogue: {_range(shown['price_range'])}")
    for budget in budgets_today(w):
        out.print(f"Left of today's budget{_whose(budget.tenant)}: {money_text(budget.left)}")


def _whose(tenant: str | None) -> str:
    if tenant is None:
        return ""
    return f" of {tenant}"


def _price_of(price: View | None) -> str:
    if price is None:
        return "its price is unknown"
    return f"{_listed_price(price)} ({price['text']})"


def _range(price: View | None) -> str:
    """From what to what: an attempt that failed may be charged too."""
    if price is None:
        return "unknown"
    least, most = price["from"] or "?", price["to"] or "an amount that nobody knows before"
    return f"from {least} to {most} {price['currency']}, if every attempt is charged"


def _listed_price(price: View) -> str:
    if not price["money"]:
        return "unknown"
    money = f"{price['money']} {price['currency']}"
    if price["at_least"]:
        return f"at least {money}"
    return money
