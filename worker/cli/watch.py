"""`runhook watch`, and waiting for a job: how it goes until it has ended."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

import click
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from runhook.worker.cli.commands import wiring
from runhook.worker.cli.console import err, out, say
from runhook.worker.cli.group import FAILED
from runhook.worker.cli.jobs import age, jobs_table, state_text
from runhook.worker.domain import policy
from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.views import job_view
from runhook.worker.net.untrusted import lines

if TYPE_CHECKING:
    from runhook.worker.wiring import Wiring

EVERY = 0.5  # seconds between two looks at Redis; each costs it a few commands
NEWEST = 20  # jobs that `watch` shows: as many as `runhook jobs`, and they fit a terminal


@click.command()
@click.argument("job_id", required=False)
def watch(job_id: str | None) -> None:
    """Watch a job until it ends, or the newest.

    A job from which others grew is watched as a tree, until all of it has ended.
    """
    if job_id is None:
        _watch_newest()
    elif len(_grown(wiring(), job_id)) > 1:
        _watch_tree(job_id)
    else:
        _watch_one(job_id)


def _watch_one(job_id: str) -> None:
    """Exit as the job ends; Ctrl-C says that the job goes on."""
    w = wiring()
    try:
        job = wait(w, job_id, quiet=False)
    except KeyboardInterrupt:
        err.print(goes_on(job_id))  # and exit with 0: watching is what was asked for
        return
    print_end(job, w.settings.public_url)
    if job.state is not State.SUCCEEDED:
        sys.exit(FAILED)


def _watch_tree(job_id: str) -> None:
    """A live tree; in a pipe a line for each job whenever its state has changed."""
    w, live = wiring(), Live(console=err, refresh_per_second=4)
    shown: dict[str, State] = {}
    try:
        if err.is_terminal:
            live.start()
        while True:
            jobs = _grown(w, job_id)
            live.update(tree_of(jobs))
            if not err.is_terminal:
                shown = _shown_changes(jobs, shown)
            if all(job.state.ended for job in jobs):
                break
            time.sleep(EVERY)
    except KeyboardInterrupt:
        err.print(goes_on(job_id))
        return
    finally:
        live.stop()
    for job in jobs:
        print_end(job, w.settings.public_url)
    if any(job.state is not State.SUCCEEDED for job in jobs):
        sys.exit(FAILED)


def _grown(w: "Wiring", job_id: str) -> Sequence[Job]:
    """A job and what grew from it, the oldest first."""
    names, _ = w.store.lineage.grown(job_id, policy.MOST_OF_A_TREE)
    return w.store.jobs.many(names)


def tree_of(jobs: Sequence[Job]) -> Tree:
    """Jobs below those that they grew from; the first is what all grew from."""
    branches: dict[str, Tree] = {}
    top = Tree("")
    for job in jobs:
        line = Text.assemble(state_text(job), f"  {age(job)}  {job.spec.model}  {job.id}")
        above = branches.get(job.spec.parent or "")
        for other in job.spec.upstream:
            above = above or branches.get(other)
        branches[job.id] = (above or top).add(line)
    top.hide_root = True
    return top


def _shown_changes(jobs: Sequence[Job], shown: Mapping[str, State]) -> dict[str, State]:
    """Print the jobs that have another state than was shown; the states that are shown now."""
    changed = [job for job in jobs if shown.get(job.id) is not job.state]
    out.print(jobs_table(changed))
    return {**shown, **{job.id: job.state for job in changed}}


def _watch_newest() -> None:
    """A live table; in a pipe a line for each job whenever its state has changed."""
    w = wiring()
    try:
        # A pipe is read by programs or kept: there a table that redraws itself is noise.
        if not out.is_terminal:
            _print_changes(w)
        with Live(console=out, refresh_per_second=4) as live:
            while True:
                live.update(jobs_table(_newest(w)))
                time.sleep(EVERY)
    except KeyboardInterrupt:
        return


def _print_changes(w: "Wiring") -> NoReturn:
    shown: dict[str, State] = {}
    while True:
        # The oldest first, as they happened.
        shown = _shown_changes(list(reversed(_newest(w))), shown)
        time.sleep(EVERY)


def _newest(w: "Wiring") -> Sequence[Job]:
    # Of any state and any model, from the newest on.
    from runhook.worker.store import JobFilter

    return w.store.listing.page(JobFilter(), None, NEWEST).jobs


def wait(w: "Wiring", job_id: str, *, quiet: bool) -> Job:
    """Wait until a job has ended, for as long as that takes.

    Args:
        w: The parts of the command.
        job_id: Which job.
        quiet: Print nothing; else each new state is a line on standard error.

    Raises:
        NotFound: There is no such job.
    """
    shown = None
    while True:
        found = w.store.jobs.get(job_id)
        place = _place(w, found)
        # Its place too, or a long queue would look as if nothing moved.
        if not quiet and (found.state, place) != shown:
            err.print(_progress(w, found, place))
            shown = (found.state, place)
        if found.state.ended:
            return found
        time.sleep(EVERY)


def _place(w: "Wiring", job: Job) -> int | None:
    """Its place in the queue while it stands there."""
    if job.state is not State.QUEUED:
        return None
    return w.store.queue.position(w.client.line_of(job.spec.options), job.id)


def _progress(w: "Wiring", job: Job, place: int | None) -> Text:
    """Where a job stands: its place in the queue, or how long such jobs usually run."""
    from runhook.worker.flows.steps.first_look import usual_seconds

    line = Text.assemble(state_text(job), f"  {age(job)}")
    if place is not None:
        line.append(f"  place {place} in the queue")
    if job.state is State.RUNNING and job.attempt.submitted_at:
        usual = usual_seconds(w, job)
        if usual is not None:
            line.append(f"  usually {usual:.0f} s")
    return line


def goes_on(job_id: str) -> str:
    """What Ctrl-C did not end, what it may cost, and how to end it."""
    return (
        f"{job_id} goes on without you, and is paid for once it is sent: "
        f"`runhook watch {job_id}` or `runhook cancel {job_id}`"
    )


def print_end(job: Job, base: str) -> None:
    """Print where the outputs are, our own copies first, or why there are none.

    Args:
        job: Which.
        base: The URL under which this installation is reached; empty: its own URLs are paths.
    """
    for output in job_view(job, base=base)["outputs"]:
        click.echo(lines(output["archived_url"] or output["url"] or output["text"] or ""))
    if job.attempt.error:
        say(f"{job.attempt.error.code}: {job.attempt.error.message}", err=True)
