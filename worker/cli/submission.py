"""What `runhook submit` does: reads a job as it was typed, queues it, and says how it went."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any

import click
import orjson

from runhook.worker.cli.console import err, escaped, out, print_json, say
from runhook.worker.cli.ending import goes_on, print_end
from runhook.worker.cli.following import follow
from runhook.worker.cli.inputs import from_file, job_lines, metadata_of, options_of, typed
from runhook.worker.cli.naming import whole_id
from runhook.worker.cli.outputs import QUIET
from runhook.worker.cli.statuses import FAILED, INTERRUPTED
from runhook.worker.client.answers import Checked, Line, Price
from runhook.worker.client.errors import RunhookError, Unavailable
from runhook.worker.client.inputs import JobParts
from runhook.worker.client.jobs import Job
from runhook.worker.domain.views import View

if TYPE_CHECKING:
    from runhook.worker.client.runhook import Runhook


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A job as it was typed.

    Attributes:
        model: Its endpoint or name.
        input: Its parameters, its files kept.
        parts: What else is said of it.
        key: The idempotency key; None: none was typed.
    """

    model: str
    input: Mapping[str, Any]
    parts: JobParts
    key: str | None


def read(rh: "Runhook", model: str, key: str | None, options: Mapping[str, Any]) -> Submission:
    """A job as it was typed, its files kept.

    Args:
        rh: The way to jobs.
        model: Its endpoint or name.
        key: The idempotency key, if one was typed.
        options: What else was typed, by the names of the command's parameters.
    """
    given: dict[str, Any] = {}
    if options["file"]:
        given = from_file(options["file"])
    # What is typed wins over the file of all.
    given |= typed(rh, model, options["inputs"])
    return Submission(model=model, input=given, parts=_parts(rh, options), key=key)


def _parts(rh: "Runhook", options: Mapping[str, Any]) -> JobParts:
    """What is said of a job beside its model and input; what was not typed is left out."""
    parts = JobParts(
        options=options_of(options["options"]),
        metadata=metadata_of(options["metadata"]),
        priority=options["priority"],
    )
    if options["handlers"] is not None:
        parts["handlers"] = options["handlers"]
    if options["parent"] is not None:
        parts["parent"] = whole_id(rh, options["parent"])
    if options["tenant"] is not None:
        parts["tenant"] = options["tenant"]
    if options["group"] is not None:
        parts["group"] = options["group"]
    if options["group_size"] is not None:
        parts["group_size"] = options["group_size"]
    return parts


def submit(rh: "Runhook", asked: Submission, *, as_json: bool) -> None:
    """Queue a job, and print its id or all of it."""
    job = _queued(rh, asked)
    if as_json:
        print_json(job.document)
    else:
        say(job.id)
        if job.why_waiting:
            say(job.why_waiting, err=True)


def submit_and_wait(rh: "Runhook", asked: Submission, *, as_json: bool, shows: str | None) -> None:
    """Queue a job and print how it ended; Ctrl-C says that it goes on."""
    job = _queued(rh, asked)
    if as_json:
        shows = QUIET
    if shows != QUIET:
        _print_queued(job)
    try:
        job = follow(rh, job, shows)
    except KeyboardInterrupt:
        # Not cancelled: it may be paid for already, and whoever wants that can say so.
        err.print(goes_on(job.id))
        sys.exit(INTERRUPTED)
    if as_json:
        print_json(job.document)
    else:
        print_end(job, quiet=shows == QUIET)
    if job.state != "succeeded":
        sys.exit(FAILED)


def _queued(rh: "Runhook", asked: Submission) -> Job:
    return rh.submit(asked.model, asked.input, key=asked.key, **asked.parts)


def _print_queued(job: Job) -> None:
    if job.state == "queued":
        say(f"{job.id} is queued", err=True)
    else:
        # Only with its --key: a job that was made now is queued.
        say(f"{job.id} was made before, and is {job.state}; nothing new was made", err=True)


def submit_lines(
    rh: "Runhook", file: IO[bytes], key: str | None, *, dry_run: bool, as_json: bool
) -> None:
    """Queue a job for each line; one line of JSON on standard output for each, in order.

    Args:
        rh: The way to jobs.
        file: The lines.
        key: The idempotency key of all; None: none was typed.
        dry_run: Only check each.
        as_json: The lines are /v1's own, each job or problem whole.
    """
    view = _line_view
    if as_json:
        view = _whole_line
    refused = taken = 0
    try:
        for line in rh.batch(job_lines(file), key=key, dry_run=dry_run):
            # Not a fault of this line: the lines behind it would fare the same.
            if isinstance(line.error, Unavailable):
                raise line.error
            # A refused line is no reason to stop: those behind it are judged by themselves.
            refused += line.error is not None
            taken += line.job is not None
            click.echo(escaped(orjson.dumps(view(line)).decode()))
    except Unavailable as away:
        err.print(f"{_counted(taken)} queued before this; {_how_to_go_on(away.key or key)}")
        raise
    if refused:
        err.print(f"{_counted(refused)} refused: not sent, not paid")
        sys.exit(FAILED)


def _counted(lines: int) -> str:
    if lines == 1:
        return "1 line was"
    return f"{lines} lines were"


def _how_to_go_on(key: str | None) -> str:
    """How to submit the rest of a batch that broke off, and pay for none of it twice."""
    return f"run it again with --key {key}, and none of them is queued twice"


def _line_view(line: Line) -> View:
    """What became of a line of a batch, as its line of output."""
    view: View = {"line": line.line}
    if line.name:
        view["as"] = line.name
    if line.error:
        return view | {"error": str(line.error), "errors": _faults(line.error)}
    if line.job:
        return view | {"id": line.job.id, "new": line.new}
    return view | {"dry_run": line.checked and line.checked.document}


def _whole_line(line: Line) -> View:
    return {**line.document}


def _faults(error: RunhookError) -> list[View]:
    return [{"path": fault.path, "message": fault.message} for fault in error.errors]


def show_price(rh: "Runhook", asked: Submission, *, as_json: bool) -> None:
    """Print what a job would cost; it is neither kept nor sent."""
    checked = rh.price(asked.model, asked.input, **asked.parts)
    if as_json:
        print_json(checked.document)
        return
    out.print("The job is valid. Nothing was sent, and nothing was paid.")
    # Both: RunningHub's is what counts, and the catalogue's says what it depends on.
    if checked.live_price:
        out.print(f"RunningHub's price now: {_amount(checked.live_price)}")
    if checked.price:
        out.print(f"By the catalogue: {_price_of(checked.price)}")
    if not checked.live_price and not checked.price:
        out.print("Its price is unknown.")
    for other in checked.fallback:
        out.print(f"If that fails, {other.model}: {_price_of(other.price)}")
    if checked.fallback or asked.parts.get("options", {}).get("retries"):
        out.print(f"All in all, by the catalogue: {_range(checked)}")
    for budget in checked.budgets:
        _print_budget(budget)


def _print_budget(budget: Mapping[str, Any]) -> None:
    whose = ""
    if budget["tenant"] is not None:
        whose = f" of {budget['tenant']}"
    out.print(f"Left of today's budget{whose}: {budget['left']}")
    if not budget["has_room"]:
        text = f"It has no room for this job before {budget['ends_at']}: a submit is refused."
        out.print(text, style="yellow")


def _price_of(price: Price | None) -> str:
    if price is None:
        return "its price is unknown"
    return f"{_amount(price)} ({price.text})"


def _range(checked: Checked) -> str:
    """From what to what: an attempt that failed may be charged too."""
    span = checked.price_range
    if span is None:
        return "unknown"
    most = "an amount that nobody knows before"
    if span.high is not None:
        most = _money(span.high)
    least = "?"
    if span.low is not None:
        least = _money(span.low)
    return f"from {least} to {most} {span.currency or ''}, if every attempt is charged"


def _amount(price: Price) -> str:
    if price.money is None:
        return "unknown"
    money = f"{_money(price.money)} {price.currency or ''}".rstrip()
    if price.at_least:
        return f"at least {money}"
    return money


def _money(amount: Decimal) -> str:
    return f"{amount:f}"
