"""What is printed once a job has ended, or nobody waits for it any more."""

import click
from rich.text import Text

from runhook.worker.cli.ages import took
from runhook.worker.cli.commands import page_of
from runhook.worker.cli.console import err, say
from runhook.worker.cli.job_tables import amounts, state_text
from runhook.worker.cli.tables import particulars
from runhook.worker.client.jobs import Job
from runhook.worker.net.untrusted import lines, one_line


def goes_on(job_id: str) -> str:
    """What Ctrl-C did not end, what it may cost, and how to end it."""
    # Nobody knows here whether it was sent since it was last looked at.
    return one_line(
        f"{job_id} goes on without you, and is paid for unless it is cancelled before it is sent: "
        f"`runhook watch {job_id}` or `runhook cancel {job_id}`"
    )


def print_end(job: Job, *, quiet: bool = False) -> None:
    """Print where the outputs are, our own copies first, or why there are none.

    Outputs go to standard output, a line each, whatever else is shown beside them.

    Args:
        job: Which.
        quiet: Show nothing else but its error.
    """
    if not quiet:
        err.print(_summary(job))
    for output in job.outputs:
        click.echo(lines(output.archived_url or output.url or output.text or ""))
    if job.error:
        say(f"{job.error.code}: {job.error.message}", err=True)
    if not quiet:
        table = particulars()
        table.add_row("dashboard", page_of(job.id))
        err.print(table)


def _summary(job: Job) -> Text:
    line = Text.assemble(state_text(job.state), f" after {took(job.created_at, job.ended_at)}")
    if job.cost:
        line.append(f", {amounts(job.cost)}")
    if job.settled_by:
        line.append(f", by {job.settled_by}", "bright_black")
    return line
