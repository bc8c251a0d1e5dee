"""What other flows want of the archive: to keep what came, to open it, to tell how it stands."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import IO

from runhook.worker.domain import policy
from runhook.worker.domain.jobs import Attempt, Job
from runhook.worker.domain.reports import Archived, Output
from runhook.worker.errors import NotFound, StorageUnavailable
from runhook.worker.store import Change, Duty
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring

LANE = "archive"


@dataclass(frozen=True, kw_only=True)
class OpenedOutput:
    """The archived file of an output, open.

    Attributes:
        file: Its bytes, anywhere in it; whoever opened it closes it.
        kept: What is known of it: name, media type, size, SHA-256.
    """

    file: IO[bytes]
    kept: Archived


def open_output(w: Wiring, job: Job, n: int) -> OpenedOutput:
    """Open our own copy of a job's n-th output, of its current attempt.

    Raises:
        NotFound: There is no such output, or no copy of it here.
        StorageUnavailable: The place of files does not answer.
    """
    output = output_of(job.attempt, n)
    if output.archived is None:
        raise NotFound(f"archived output {n} of {job.id}")
    return OpenedOutput(file=w.outputs.open(job.id, output.archived), kept=output.archived)


def output_of(attempt: Attempt, n: int) -> Output:
    """The n-th output of an attempt, from 0.

    Raises:
        NotFound: It has not so many.
    """
    if n >= len(attempt.outputs):
        raise NotFound(f"output {n}; there are {len(attempt.outputs)}, counted from 0")
    return attempt.outputs[n]


def archiving(w: Wiring, before: Job, n: int, change: Change | None) -> Change | None:
    """A change, with the duty to keep the files that it brings to an attempt."""
    if change is None or not w.settings.archive:
        return change
    then, now = before.nth(n), change.job.nth(n)
    if now is None or then is None or now.outputs == then.outputs:
        return change
    if not any(output.to_archive for output in now.outputs):
        return change
    return replace(change, duties=(*change.duties, Duty(LANE, f"{before.id}/{n}")))


def behind(w: Wiring, seconds: float) -> list[str]:
    """In words, attempts some of whose outputs have waited to be kept for longer than so."""
    found, now = [], w.clock.now()
    for duty in w.store.upkeep.waiting(LANE):
        name, _, n = duty.partition("/")
        jobs = w.store.jobs.many([name])
        attempt = jobs and n.isdecimal() and jobs[0].nth(int(n))
        if not attempt:
            continue
        missing = [output for output in attempt.outputs if output.to_archive]
        dead = min((out.expires_at for out in missing if out.expires_at), default=now)
        if (now - dead + w.client.capabilities.outputs_live).total_seconds() > seconds and missing:
            count = f"{len(missing)} of {len(attempt.outputs)}"
            until = f"{dead:%Y-%m-%d %H:%M} UTC"
            found.append(f"{count} of {duty}, which RunningHub keeps until {until}")
    return found


def dead_at(w: Wiring, attempt: Attempt) -> datetime:
    """When RunningHub removes what the attempt made."""
    moments = [output.expires_at for output in attempt.outputs if output.expires_at]
    return min(moments, default=w.clock.now())


def still_comes(w: Wiring, attempt: Attempt, n: int) -> bool:
    """Whether a copy of an output that is not kept yet may still be.

    Not of what came while nothing was kept, once RunningHub has removed it: nobody looks for that.
    """
    last = dead_at(w, attempt) + timedelta(seconds=policy.ARCHIVE_MOST)  # the archive's last look
    return w.settings.archive and attempt.outputs[n].to_archive and w.clock.now() < last


def archive_gap(w: Wiring, attempt: Attempt) -> float:
    """Seconds until an attempt's outputs that are not kept yet are looked for again."""
    came = dead_at(w, attempt) - w.client.capabilities.outputs_live
    gone = (w.clock.now() - came).total_seconds()
    return min(policy.ARCHIVE_MOST, max(policy.ARCHIVE_LEAST, gone / 4))


def storage_away(w: Wiring, away: StorageUnavailable) -> None:
    """Say that files cannot be kept or removed: in the log each time, to everybody now and then."""
    report("storage.away", why=str(away))
    why = f"RUNHOOK_STORAGE_URL: {away}. Outputs wait for it as long as RunningHub has them"
    w.store.events.alert("storage", why, once_in=policy.ALERTED_AGAIN_MS)
