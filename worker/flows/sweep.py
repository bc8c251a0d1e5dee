"""Removing what ended longer ago than it is kept."""

import sys
from datetime import datetime, timedelta

from runhook.worker.domain import policy
from runhook.worker.domain.jobs import State
from runhook.worker.errors import StorageUnavailable
from runhook.worker.flows.steps.inputs import assets_in
from runhook.worker.store import Again, Answer, JobFilter
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring


def sweep(w: Wiring) -> Answer:
    """Remove what ended longer ago than it is kept, and files that nobody used since."""
    now, kept = w.clock.now(), timedelta(days=w.settings.retention_days)
    before = now - kept
    # In time, for keys are over that soon, and this may come late.
    known = _remember_what_is_needed(w, now - kept / 2)
    rounds = (_remove_files(w, before) for _ in range(policy.SWEEP_ROUNDS))
    # A job that only a newer version can read may need any file.
    more = known and all(rounds)
    w.store.jobs.sweep(before)
    w.store.upkeep.list_what_older_processes_left()
    if more:
        return Again(0)
    return Again(policy.SWEEP_EVERY)


def _remove_files(w: Wiring, before: datetime) -> bool:
    """Remove some files that nobody used since; whether there may be more, and they can be."""
    unused, failed = w.store.assets.unused_since(before, policy.READ_AT_ONCE), 0
    for asset, used in unused:
        if not w.store.assets.let_go(asset, used):
            continue
        try:
            w.storage.remove(asset)
        except StorageUnavailable as away:
            report("storage.away", why=str(away))
            failed += 1
            if failed == policy.FILES_THAT_FAIL:
                break  # not one file's trouble, it seems; those behind come next time
            continue
        w.store.assets.forget(asset)
    return len(unused) == policy.READ_AT_ONCE and not failed


def _remember_what_is_needed(w: Wiring, before: datetime) -> bool:
    """Of jobs that were made before a moment and have not ended, files are used, and keys known.

    Returns:
        Whether all could be read.
    """
    standing = JobFilter(states=[state for state in State if not state.ended], until=before)
    known = True
    for names in w.store.listing.names(standing, sys.maxsize):
        w.store.jobs.remember_keys(names)
        specs = [job.spec for job in w.store.jobs.many(names)]
        inputs = [[spec.input, *(one.own for one in spec.fallback)] for spec in specs]
        w.store.assets.used(assets_in(inputs))
        known &= len(specs) == len(names)
    return known
