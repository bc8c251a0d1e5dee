"""Waiting for one job on the command line, and showing how it goes until it has ended."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from rich.live import Live

from runhook.worker.cli.console import err
from runhook.worker.cli.outputs import COMPACT, INTERACTIVE, chosen
from runhook.worker.cli.stages import Stage, stage_line
from runhook.worker.client.errors import RateLimited, Unavailable
from runhook.worker.client.jobs import Job
from runhook.worker.domain import policy

if TYPE_CHECKING:
    from runhook.worker.client.runhook import Runhook

Answer = TypeVar("Answer")
EVERY = 1.0  # seconds between two looks: a tenth of what a token may ask in a minute
# After its end, for runhook's own copy of what it made: mostly it is there within the second, and a
# link to it lives longer than RunningHub's. Where nothing is archived it is waited for in vain.
LOOKS_FOR_COPY = 2
REFRESH = 4  # times a second that the picture is drawn, so that its seconds do not jump


def follow(rh: "Runhook", job: Job, shows: str | None) -> Job:
    """Wait until a job has ended, for as long as that takes.

    Args:
        rh: The way to it.
        job: Which, as it was last seen.
        shows: How it is shown; None: as fits standard error.
    """
    shows, said, more = chosen(shows, err), "", LOOKS_FOR_COPY
    with _picture(job, shown=shows == INTERACTIVE) as stage:
        while True:
            stage.job_is(job)
            line = stage_line(job)
            # Its place too, or a long queue would look as if nothing moved.
            if shows == COMPACT and line.plain != said:
                err.print(line)
                said = line.plain
            if job.ended:
                if not (more and awaits_copy(job)):
                    return job
                more -= 1
            time.sleep(EVERY)
            job = patiently(partial(rh.get, job.id), stage.nobody_answers)


def awaits_copy(job: Job) -> bool:
    """Whether a job has succeeded, and nobody keeps what it made but RunningHub."""
    made = [output for output in job.outputs if output.url]
    return job.state == "succeeded" and any(one.archived_url is None for one in made)


@contextmanager
def _picture(job: Job, *, shown: bool) -> Iterator[Stage]:
    stage = Stage(job)
    if not shown:
        yield stage
        return
    with Live(stage, console=err, refresh_per_second=REFRESH, transient=True):
        yield stage


def patiently(ask: Callable[[], Answer], silent: Callable[[str], None]) -> Answer:
    """What is answered once somebody does: web may be started anew meanwhile.

    Args:
        ask: Asks.
        silent: Told why nobody answers, each time.

    Raises:
        Unavailable: Nobody does for so long that this is no restart.
    """
    since = time.monotonic()
    while True:
        try:
            return ask()
        except (RateLimited, Unavailable) as error:
            if time.monotonic() - since > policy.SILENT_FOR:
                raise
            silent(error.detail)
            time.sleep(max(EVERY, error.retry_after or 0.0))
