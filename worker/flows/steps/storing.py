"""Whether all processes keep files in one place, and no other installation does so there.

What one process keeps another has to find: `web` takes uploads and serves outputs, `worker` sends
the uploads on and keeps the outputs. And who shares a place with strangers loses files: an upload's
name is made of its content, so each installation removes what the other still needs.
"""

from collections.abc import Iterator

from runhook.config.settings import Role
from runhook.worker.errors import StorageUnavailable
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring, check_storage, process_name, reached


def keep_files(w: Wiring, role: Role) -> None:
    """Look that files can be kept before any comes, mark the place, and say who else is in it.

    Raises:
        SettingsError: There is no such place, or nothing can be written there.
    """
    check_storage(w.settings)
    name = reached(w, w.store.installation.named)
    try:
        w.marks.leave(name, role, f"{role} of runhook on {process_name()}\n")
        reached(w, lambda: w.store.installation.keeps_files(role))
        for fault, advice in reached(w, lambda: list(faults(w))):
            report("storage.not_ours_alone", why=fault, advice=advice)
    except StorageUnavailable as away:
        report("storage.away", why=str(away))


def faults(w: Wiring) -> Iterator[tuple[str, str]]:
    """What is wrong with the place that this process keeps files in, and what to do about it.

    Raises:
        StorageUnavailable: It does not answer.
    """
    name = w.store.installation.name()
    if name is None:
        return
    elsewhere = w.store.installation.keeping_files() - w.marks.roles(name)
    if elsewhere:
        yield (
            f"{' and '.join(sorted(elsewhere))} kept files in another place than this one",
            "Set the same RUNHOOK_STORAGE_URL, which every process reaches, and restart them; what "
            "lies in the other place is not found here.",
        )
    others = w.marks.others(name)
    if others:
        yield (
            f"another installation keeps its files here too: marks/{', marks/'.join(others)}",
            "Give each a RUNHOOK_STORAGE_URL of its own, for each removes what the other still "
            "needs; if it is gone for good, remove its mark.",
        )
