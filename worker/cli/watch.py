"""`runhook watch`: how jobs go until they have ended."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import click
import orjson
from rich.console import RenderableType
from rich.live import Live

from runhook.worker.cli.commands import refuse_beside, runhook
from runhook.worker.cli.console import err, escaped, out
from runhook.worker.cli.ending import goes_on, print_end
from runhook.worker.cli.following import (
    EVERY,
    LOOKS_FOR_COPY,
    REFRESH,
    awaits_copy,
    follow,
    patiently,
)
from runhook.worker.cli.job_tables import jobs_table
from runhook.worker.cli.naming import whole_id
from runhook.worker.cli.outputs import COMPACT, INTERACTIVE, OUTPUTS, QUIET, chosen
from runhook.worker.cli.statuses import FAILED, INTERRUPTED
from runhook.worker.cli.trees import endings, tree_of
from runhook.worker.client.jobs import Job

if TYPE_CHECKING:
    from runhook.worker.client.runhook import Runhook

NEWEST = 20  # jobs that `watch` shows: as many as `runhook jobs`, and they fit a terminal


@click.command()
@click.argument("job_id", metavar="[JOB]", required=False)
@click.option("--output", "shows", type=click.Choice(OUTPUTS), help="How it is shown how it goes.")
@click.option("--json", "as_json", is_flag=True, help="A job as a line of JSON at each change.")
def watch(job_id: str | None, shows: str | None, as_json: bool) -> None:
    """Watch a job until it ends, or the newest.

    A job from which others grew is watched as a tree, until all of it has ended.
    """
    rh = runhook()
    if as_json:
        refuse_beside("--json", "shows")
        _print_records(rh, job_id)
        return
    if job_id is None:
        if shows == QUIET:
            refuse_beside("the newest jobs, which quiet would not show", "shows")
        _watch_newest(rh, shows)
        return
    name = whole_id(rh, job_id)
    grown = list(rh.tree(name))
    if len(grown) > 1:
        _watch_tree(rh, grown, shows)
    else:
        _watch_one(rh, rh.get(name), shows)


def _print_records(rh: "Runhook", job_id: str | None) -> None:
    """A line for each job, and again whenever it has changed, the oldest first.

    Ends as a job or tree does; the newest are watched until Ctrl-C.
    """
    name = None
    if job_id is not None:
        name = whole_id(rh, job_id)

    def look() -> Sequence[Job]:
        if name is None:
            return rh.jobs_page(limit=NEWEST).items[::-1]
        return list(rh.tree(name))

    jobs, said, more = look(), dict[str, tuple[object, ...]](), LOOKS_FOR_COPY
    try:
        while True:
            said = _told(jobs, said)
            if name is not None and all(job.ended for job in jobs):
                if not (more and any(map(awaits_copy, jobs))):
                    break
                more -= 1
            time.sleep(EVERY)
            jobs = patiently(look, _silent)
    except KeyboardInterrupt:
        if name is None:
            return
        err.print(goes_on(name))
        sys.exit(INTERRUPTED)
    if any(job.state != "succeeded" for job in jobs):
        sys.exit(FAILED)


def _told(
    jobs: Sequence[Job], said: Mapping[str, tuple[object, ...]]
) -> dict[str, tuple[object, ...]]:
    """Print the jobs that are not as they were said to be; how they are said to be now."""
    now: dict[str, tuple[object, ...]] = {job.id: (job.state, job.updated_at) for job in jobs}
    for job in jobs:
        if said.get(job.id) != now[job.id]:
            click.echo(escaped(orjson.dumps(job.document).decode()))
    return now


def _watch_one(rh: "Runhook", job: Job, shows: str | None) -> None:
    """Exit as the job ends; Ctrl-C says that the job goes on."""
    try:
        job = follow(rh, job, shows)
    except KeyboardInterrupt:
        err.print(goes_on(job.id))
        sys.exit(INTERRUPTED)
    print_end(job, quiet=shows == QUIET)
    if job.state != "succeeded":
        sys.exit(FAILED)


def _watch_tree(rh: "Runhook", jobs: Sequence[Job], shows: str | None) -> None:
    """A live tree, or a line for each job whose state has changed; then what became of all."""
    name, shows = jobs[0].id, chosen(shows, err)
    live = Live(console=err, refresh_per_second=REFRESH, transient=True)
    said: dict[str, str] = {}
    try:
        if shows == INTERACTIVE:
            live.start()
        while True:
            live.update(tree_of(jobs))
            if shows == COMPACT:
                said = _changes(jobs, said, err.print)
            if all(job.ended for job in jobs):
                break
            time.sleep(EVERY)
            jobs = patiently(lambda: list(rh.tree(name)), _silent)
    except KeyboardInterrupt:
        err.print(goes_on(name))
        sys.exit(INTERRUPTED)
    finally:
        live.stop()
    out.print(endings(jobs))
    if any(job.state != "succeeded" for job in jobs):
        sys.exit(FAILED)


def _watch_newest(rh: "Runhook", shows: str | None) -> None:
    """A live table, or a line for each job whenever its state has changed, until Ctrl-C."""

    def newest() -> Sequence[Job]:
        return rh.jobs_page(limit=NEWEST).items

    said: dict[str, str] = {}
    jobs = newest()
    try:
        # A pipe is read by programs or kept: there a table that redraws itself is noise.
        if chosen(shows, out) == COMPACT:
            while True:
                # The oldest first, as they happened.
                said = _changes(jobs[::-1], said, out.print)
                time.sleep(EVERY)
                jobs = patiently(newest, _silent)
        with Live(console=out, refresh_per_second=REFRESH) as live:
            while True:
                live.update(jobs_table(jobs))
                time.sleep(EVERY)
                jobs = patiently(newest, _silent)
    except KeyboardInterrupt:
        return


def _changes(
    jobs: Sequence[Job], said: Mapping[str, str], show: Callable[[RenderableType], None]
) -> dict[str, str]:
    """Show the jobs that have another state than was said; the states that are said now."""
    changed = [job for job in jobs if said.get(job.id) != job.state]
    if changed:
        show(jobs_table(changed))
    return {job.id: job.state for job in jobs}


def _silent(why: str) -> None:
    err.print(f"{why}; asked again", style="yellow")
