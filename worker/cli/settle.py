"""`runhook cancel`, `retry`, `reconcile`, `resolve`: a user's word on a job."""

from typing import Literal

import click

from runhook.worker.cli import screens
from runhook.worker.cli.talk import out, refuse_beside, wiring
from runhook.worker.domain.jobs import State
from runhook.worker.flows import resolve as words
from runhook.worker.flows.cancel import cancel as cancel_job


@click.command()
@click.argument("job_id")
def cancel(job_id: str) -> None:
    """Cancel a job: free before it was sent; after that its run time may be charged."""
    found = cancel_job(wiring(), job_id)
    if found.state is State.CANCELLED:
        click.echo("cancelled")
    else:
        click.echo(
            f"It is {found.state}, so RunningHub may have it. It is cancelled as soon as its task"
            f" is known, and may be charged until then. `runhook resolve {job_id}` ends it by your"
            " word."
        )


@click.command()
@click.argument("job_id")
def retry(job_id: str) -> None:
    """Pay for another attempt of a failed or cancelled job."""
    found = words.retry(wiring(), job_id)
    click.echo(f"attempt {found.attempt.n} is in the line")


@click.command()
@click.argument("job_id")
def reconcile(job_id: str) -> None:
    """Ask RunningHub about a job now."""
    out.print(screens.state_text(words.ask_now(wiring(asks=True), job_id)))


@click.command()
@click.argument("job_id")
@click.option("--as", "verdict", type=click.Choice(["failed", "resubmit"]), help="Its end.")
@click.option("--ref", help="The task that RunningHub made of it.")
@click.option("--force", is_flag=True, help="Take the task though its callback is not this job's.")
def resolve(
    job_id: str, verdict: Literal["failed", "resubmit"] | None, ref: str | None, force: bool
) -> None:
    """Settle an unconfirmed job; resubmit risks paying twice."""
    if (verdict is None) == (ref is None):
        raise click.UsageError("say --as failed, --as resubmit, or --ref TASK")
    if verdict is not None:
        refuse_beside("--as", "force")
    if ref is not None:
        found = words.resolve_by_ref(wiring(asks=True), job_id, ref, force=force)
    elif verdict is not None:
        found = words.resolve(wiring(), job_id, verdict)
    out.print(screens.state_text(found))
    if found.attempt.unproved:
        click.echo("noted: taken when the task has ended and RunningHub's record proves it yours")
