"""Waiting for a job and telling how it goes."""

import time

import click

from runhook.worker.cli import screens
from runhook.worker.cli.talk import err, say
from runhook.worker.domain.jobs import Job, State
from runhook.worker.flows.steps.first_look import usual_seconds
from runhook.worker.net.untrusted import lines
from runhook.worker.wiring import Wiring

EVERY = 0.5


def wait(w: Wiring, job_id: str, *, quiet: bool) -> Job:
    """The job once it has ended; each new state is a line on standard error."""
    shown = None
    while True:
        found = w.store.jobs.get(job_id)
        line = w.client.line_of(found.spec.options)
        place = w.store.line.position(line, job_id) if found.state is State.QUEUED else None
        if not quiet and (found.state, place) != shown:
            usual = usual_seconds(w, found) if found.state is State.RUNNING else None
            err.print(screens.progress_line(found, place, usual))
            shown = (found.state, place)
        if found.state.ended:
            return found
        time.sleep(EVERY)


def going_on(job_id: str) -> str:
    """What Ctrl-C did not end."""
    return (
        f"{job_id} goes on without you, and is paid when it is sent: "
        f"`runhook watch {job_id}` or `runhook cancel {job_id}`"
    )


def say_end(found: Job) -> None:
    """Where the outputs are, or why there are none."""
    for output in found.attempt.outputs:
        click.echo(lines(output.url or output.text or ""))
    if found.attempt.error:
        say(f"{found.attempt.error.code}: {found.attempt.error.message}", err=True)
