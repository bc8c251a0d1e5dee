"""`runhook cancel`, `retry`, `reconcile`, `resolve`, `forget`, `download`: done with one."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from runhook.worker.cli.commands import refuse_beside, runhook
from runhook.worker.cli.console import out, say
from runhook.worker.cli.job_tables import state_text
from runhook.worker.cli.naming import whole_id
from runhook.worker.client.errors import NotFound

if TYPE_CHECKING:
    from runhook.worker.client.runhook import Runhook


@click.command()
@click.argument("job_id", metavar="JOB")
@click.option("--tree", is_flag=True, help="Cancel what waits for it too; else that fails, free.")
def cancel(job_id: str, tree: bool) -> None:
    """Cancel a job; free until it is sent.

    After that RunningHub may charge for the time that it ran.
    """
    rh = runhook()
    found = rh.cancel(whole_id(rh, job_id), tree=tree)
    if found.state == "cancelled":
        click.echo("cancelled")
        return
    say(
        f"It is {found.state}: RunningHub may already have it. It will be cancelled as soon as"
        " its task id is known, and its run time until then may be charged."
        f" `runhook resolve {found.id}` settles it yourself."
    )


@click.command()
@click.argument("job_id", metavar="JOB")
def retry(job_id: str) -> None:
    """Run a job again, and pay for it again.

    It must have failed or been cancelled.
    """
    rh = runhook()
    found = rh.retry(whole_id(rh, job_id))
    click.echo(f"attempt {found.attempts[-1].n} is queued")


@click.command()
@click.argument("job_id", metavar="JOB")
def reconcile(job_id: str) -> None:
    """Ask RunningHub about a job now."""
    rh = runhook()
    out.print(state_text(rh.reconcile(whole_id(rh, job_id)).state))


@click.command()
@click.argument("job_id", metavar="JOB")
@click.option("--as", "verdict", type=click.Choice(["failed", "resubmit"]), help="How to end it.")
@click.option("--ref", metavar="TASK", help="The id of the task that RunningHub made of it.")
@click.option("--force", is_flag=True, help="Take the task even if its callback is another job's.")
def resolve(
    job_id: str, verdict: Literal["failed", "resubmit"] | None, ref: str | None, force: bool
) -> None:
    """Settle an unconfirmed job yourself.

    An unconfirmed job may have been accepted and charged. `--as resubmit` sends it again and so
    risks paying twice; `--as failed` gives it up; `--ref` says which task it is.
    """
    if (verdict is None) == (ref is None):
        raise click.UsageError("say one of --as failed, --as resubmit, --ref TASK")
    if verdict is not None:
        # Refused and not ignored: with money at stake nobody should think that it had an effect.
        refuse_beside("--as", "force")
    rh = runhook()
    found = rh.resolve(whole_id(rh, job_id), verdict, ref=ref, force=force or None)
    out.print(state_text(found.state))
    if ref and found.state == "unconfirmed":
        click.echo("noted: the task is taken once it has ended and RunningHub's record proves it")


@click.command()
@click.argument("job_id", metavar="JOB")
@click.option("--tree", is_flag=True, help="All that grew from it too, once all has ended.")
def forget(job_id: str, tree: bool) -> None:
    """Remove an ended job, its files, deliveries and events.

    What it cost stays counted.
    """
    rh = runhook()
    name = whole_id(rh, job_id)
    alone = tree and not _has_root(rh, name)
    count = rh.forget(name, tree=tree)
    if alone:
        say(f"what grew from {name} is forgotten, {count} in all")
    elif count > 1:
        say(f"{name} and {count - 1} that grew from it are forgotten")
    else:
        say(f"{name} is forgotten")


def _has_root(rh: "Runhook", name: str) -> bool:
    """Whether the first job of a tree is still there: it may have been forgotten by itself.

    Raises:
        UsageError: A job is no tree's first, and what grew from it is not all of a tree.
    """
    try:
        job = rh.get(name)
    except NotFound:
        return False
    if job.root != job.id:
        raise click.UsageError(
            f"{job.id} grew from {job.root}, whose tree goes as a whole: "
            f"runhook forget --tree {job.root}"
        )
    return True


@click.command()
@click.argument("job_id", metavar="JOB")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
def download(job_id: str, folder: Path) -> None:
    """Write every output of a job into FOLDER, or here.

    Each file is there whole or not at all; its path is printed.
    """
    from runhook.worker.cli.busy import busy
    from runhook.worker.net.faults import why

    rh = runhook()
    try:
        with busy("fetching its files"):
            paths = rh.download(whole_id(rh, job_id), folder)
    except OSError as error:
        if not folder.is_dir():
            raise click.BadParameter(why(error), param_hint="FOLDER") from None
        raise click.ClickException(why(error)) from None  # it is full, or not to be written to
    for path in paths:
        say(str(path))
