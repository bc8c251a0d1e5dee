"""A backup put back into an empty installation, as what it is: a Redis that went backwards.

Whatever left after the backup was made is forgotten, so the queue is paused by the same script as
when a server loses writes; nothing leaves until its owner says so.
"""

import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

from runhook.worker.errors import StoreRefuses
from runhook.worker.files import backup as files
from runhook.worker.files.backup import Reader
from runhook.worker.wiring import Wiring


def restore(w: Wiring, path: Path, told: Callable[[int], None]) -> tuple[int, str]:
    """Restore a backup; how many keys it had, and why the queue is paused.

    Args:
        w: The parts.
        path: The file.
        told: Called with how many keys there are by now.

    Raises:
        BadBackup: The file cannot be restored; nothing was changed.
        Conflict: The installation is not empty; nothing was changed. Or another restore took this
            one's place, which was silent for too long.
        StoreUnavailable: Redis does not answer or refuses. Nothing starts until it was done again.
    """
    me = uuid.uuid4().hex
    with files.opened(path, w.settings.secrets) as reader:
        why = _why(reader)
        w.store.copies.begin(me, why)
        count = _put(w, me, reader, why, told)
    # While processes ran, lists and records were of different moments. Of many jobs it takes long.
    w.store.upkeep.repair(partial(w.store.copies.renew, me))
    w.store.queue.lost_writes(me, w.store.copies.fence(), why, f"{why}.")
    w.store.copies.end(me)
    return count, why


def _put(w: Wiring, me: str, reader: Reader, why: str, told: Callable[[int], None]) -> int:
    copies = w.store.copies
    try:
        return copies.put(me, reader.keys(), why, told)
    except StoreRefuses as refused:
        copies.give_up(me)
        made = reader.about.get("redis")
        raise StoreRefuses(
            f"{refused}. The backup is of Redis {made}, and only that or a later one takes it; "
            "nothing was restored"
        ) from refused


def _why(reader: Reader) -> str:
    made = reader.about.get("made_at")
    return (
        f"Redis was restored from a backup of {made}: it has forgotten every paid request that "
        "left since. Compare the queued jobs with RunningHub's account, cancel those that were "
        "sent, then `runhook resume`"
    )
