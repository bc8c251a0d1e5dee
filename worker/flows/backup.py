"""Everything that Redis holds of this installation, written into one file."""

from collections.abc import Callable
from pathlib import Path

from runhook.worker.errors import Conflict
from runhook.worker.files import backup as files
from runhook.worker.wiring import Wiring

TELL_EVERY = 1000  # keys between two words about how far it is


def backup(w: Wiring, path: Path, told: Callable[[int], None]) -> int:
    """Write a backup; how many keys are in it.

    Args:
        w: The parts.
        path: The file, which must not be there.
        told: Called with how many keys there are by now.

    Raises:
        BadBackup: The file cannot be written.
        Conflict: There is nothing to keep, or a restore has not ended here.
        StoreUnavailable: Redis does not answer or refuses.
    """
    copies = w.store.copies
    if copies.is_half_restored():
        raise Conflict("a restore into this Redis has not ended, so nothing whole is there")
    about = {
        "made_at": w.clock.now().isoformat(),
        "redis": w.store.processes.server().version,
    }
    with files.written(path) as file:
        writer = files.Writer(file, w.settings.secrets[0], about)
        for key in copies.read():
            writer.add(key)
            if writer.keys % TELL_EVERY == 0:
                told(writer.keys)
        if not writer.keys:
            raise Conflict("this Redis holds nothing of runhook's; no backup was written")
        writer.end()
    return writer.keys
