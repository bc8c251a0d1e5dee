"""Keeping what an attempt made before RunningHub removes it, and removing what is kept of a job."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from runhook.worker.domain import moves, policy
from runhook.worker.domain.jobs import Attempt, Job
from runhook.worker.domain.reports import Output
from runhook.worker.errors import NotFound, StorageUnavailable
from runhook.worker.files.outputs import WrongContent, all_kept
from runhook.worker.flows.steps import transcript
from runhook.worker.flows.steps.archiving import archive_gap, dead_at, storage_away
from runhook.worker.net.download import NoRoom, NotFetched
from runhook.worker.store import Again, Answer, Change, Claim, Closing, TimelineEntry
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring

REMOVE = "remove/"  # before a job that is no more: its files are to go


@dataclass(frozen=True)
class _Fetched:
    """What came of looking for some outputs.

    Attributes:
        done: By its place, each that is kept now, or never will be.
        away: The place of files took none, so that nothing else need be tried.
    """

    done: Mapping[int, Output]
    away: bool = False


def archive(w: Wiring, claim: Claim) -> Answer:
    """Keep the outputs of an attempt that are not kept yet.

    One that cannot be had stops no other, and a storage that is away loses none while RunningHub
    has them. A job that was forgotten meanwhile leaves no file behind.
    """
    if claim.id.startswith(REMOVE):
        return _remove(w, claim.id.removeprefix(REMOVE))
    job_id, n = claim.attempt
    try:
        job = w.store.jobs.of(claim)
        attempt = job.nth(n)
        if attempt is None or not w.settings.archive:
            return None
        with w.store.duties.renewing(claim):
            return _keep_missing(w, claim, job, attempt)
    except NotFound:
        return _remove(w, job_id)


def _remove(w: Wiring, job_id: str) -> Answer:
    try:
        w.outputs.remove(job_id)
    except StorageUnavailable as away:
        storage_away(w, away)
        return Again(policy.ARCHIVE_MOST)
    return None


def _keep_missing(w: Wiring, claim: Claim, job: Job, attempt: Attempt) -> Answer:
    """Look for each that is missing once, and write down what was had, a few at a time."""
    missing = [k for k, output in enumerate(attempt.outputs) if output.to_archive]
    left, again, most = len(missing), None, policy.ARCHIVED_AT_ONCE
    small = claim.failures < policy.THUMBNAILS_KILLED
    for start in range(0, len(missing), most):
        found = _fetched(w, job, attempt, missing[start : start + most], small=small)
        left -= len(found.done)
        closing = None
        if found.away or start + most >= len(missing):
            if left:
                again = Again(archive_gap(w, attempt))
            if found.done:
                closing = w.store.duties.closing(claim, again)
        if found.done:
            _write_down(w, claim, attempt.n, found.done, closing)
        if found.away:
            break
    return again


def _fetched(
    w: Wiring, job: Job, attempt: Attempt, wanted: Sequence[int], *, small: bool
) -> _Fetched:
    """Look for some of an attempt's outputs, with thumbnails or without."""
    done: dict[int, Output] = {}
    try:
        for k in wanted:
            if output := _had(w, job, attempt, k, small=small):
                done[k] = output
    except StorageUnavailable as away:
        storage_away(w, away)
        left = {k: str(away) for k in wanted if k not in done}
        return _Fetched({**done, **_lost(w, attempt, left)}, away=True)
    return _Fetched(done)


def _had(w: Wiring, job: Job, attempt: Attempt, k: int, *, small: bool) -> Output | None:
    """One output with our copy of it, or with why there will be none; None: not this time.

    Raises:
        StorageUnavailable: The place of files takes none.
    """
    output = attempt.outputs[k]
    try:
        with tempfile.TemporaryFile() as file:
            w.downloads.fetch(output.url or "", file, policy.LARGEST_OUTPUT)
            kept = w.outputs.keep(job.id, (attempt.n, k), output, file, small=small)
    except NotFetched as missed:
        why = str(missed)
        if missed.final:
            return replace(output, lost=why)
    except WrongContent as wrong:
        why = str(wrong)
    # The folder of temporary files too may be full, or not there.
    except (NoRoom, OSError) as full:
        raise StorageUnavailable(f"the file was not kept: {full}") from full
    else:
        report("output.archived", job=job.id, attempt=attempt.n, output=k, bytes=kept.size)
        return replace(output, archived=kept)
    report("output.not_had", job=job.id, attempt=attempt.n, output=k, why=why)
    return _lost(w, attempt, {k: why}).get(k)


def _lost(w: Wiring, attempt: Attempt, missed: Mapping[int, str]) -> dict[int, Output]:
    """Those of the outputs that were missed for the last time: RunningHub has them no more."""
    if w.clock.now() < dead_at(w, attempt):
        return {}
    why = "RunningHub keeps it no longer, and before that it could not be kept here: "
    return {k: replace(attempt.outputs[k], lost=why + text) for k, text in missed.items()}


def _write_down(
    w: Wiring, claim: Claim, n: int, done: Mapping[int, Output], closing: Closing | None
) -> None:
    """Write into the job what is kept now, and tell of it once all is."""

    def decide(job: Job) -> Change | None:
        attempt = job.nth(n)
        if attempt is None:
            return None
        outputs = tuple(_as_found(output, done.get(k)) for k, output in enumerate(attempt.outputs))
        if outputs == attempt.outputs:
            return None
        return _change(w, job, attempt, outputs)

    transcript.change(w, claim.attempt[0], decide, closing)


def _as_found(output: Output, found: Output | None) -> Output:
    """An output as it is now, with what was found of it; it may have been reported anew."""
    if found is None or found.url != output.url or not output.to_archive:
        return output
    return found


def _change(w: Wiring, job: Job, attempt: Attempt, outputs: tuple[Output, ...]) -> Change:
    new = [k for k, output in enumerate(outputs) if output != attempt.outputs[k]]
    kept, lost = [k for k in new if outputs[k].archived], [k for k in new if outputs[k].lost]
    notes, event, why = [], "", ""
    if kept:
        notes.append(TimelineEntry("archived", {"attempt": attempt.n, "outputs": kept}))
    for k in lost:
        detail = {"attempt": attempt.n, "output": k, "why": outputs[k].lost}
        notes.append(TimelineEntry("not archived", detail))
    if all_kept(outputs) and attempt is job.attempt:
        event = "job.archived"
    if lost:
        event = "runhook.alert"
        why = f"{len(lost)} of the outputs of attempt {attempt.n} will not be archived: "
        why += str(outputs[lost[0]].lost)
        report("alert", job=job.id, attempt=attempt.n, why=why)
    return Change(
        job=moves.with_attempt(job, attempt.n, w.clock.now(), outputs=outputs),
        notes=tuple(notes),
        event=event,
        why=why,
        files=bool(kept),
    )
