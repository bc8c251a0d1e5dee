"""Removing what ended longer ago than it is kept."""

from datetime import timedelta

from runhook.worker.domain import policy
from runhook.worker.errors import StorageUnavailable
from runhook.worker.store import Again, Answer
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring


def sweep(w: Wiring) -> Answer:
    """Remove what ended longer ago than it is kept, and files that nobody used since."""
    before = w.clock.now() - timedelta(days=w.settings.retention_days)
    unused, failed = w.store.assets.unused_since(before, policy.SWEPT_AT_ONCE), 0
    for asset in unused:
        try:
            # The file before its record: a crash in between leaves a record that is swept again,
            # and never a file that nobody knows of.
            w.storage.remove(asset)
        except StorageUnavailable as away:
            report("storage.away", why=str(away))
            failed += 1
            if failed == policy.FILES_THAT_FAIL:
                break  # not one file's trouble, it seems; those behind come next time
            continue
        w.store.assets.forget(asset)
    w.store.jobs.sweep(before)
    w.store.upkeep.list_what_older_processes_left()
    if len(unused) == policy.SWEPT_AT_ONCE and not failed:
        return Again(0)  # there may be more files
    return Again(policy.SWEEP_EVERY)
