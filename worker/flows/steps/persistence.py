"""How safe what Redis was told is there, and what a paid request waits for before it leaves."""

from runhook.config.settings import Settings
from runhook.worker.flows.steps.findings import Finding, bad, good, warning
from runhook.worker.store.durability import FOR_THE_DISK
from runhook.worker.store.server import Server
from runhook.worker.wiring import NOT_ON_DISK, may_leave_early

APPEND, ALWAYS = "Set appendonly yes.", "Set appendfsync always."


def persistence(settings: Settings, server: Server) -> Finding:
    """What to think of the server's append-only file.

    Args:
        settings: The user's.
        server: What it says of itself.
    """
    waits = settings.durable in FOR_THE_DISK
    if not server.durable and waits and settings.embedded:
        return bad("persistence", "no append-only file, so no paid request leaves", APPEND)
    if not server.durable:
        return warning("persistence", "no append-only file: a restart of Redis loses jobs", APPEND)
    if not waits or settings.embedded:
        return good("persistence", "append-only file")
    if server.never_tells:
        text = "with appendfsync no nothing is said to be on disk, so no paid request leaves"
        return bad("persistence", text, ALWAYS)
    if may_leave_early(settings, server):
        return warning("persistence", NOT_ON_DISK.format(server.name), ALWAYS)
    if server.appendfsync == "everysec":
        text = "append-only file; each paid request waits up to a second until it is on disk"
        return warning("persistence", text, ALWAYS)
    return good("persistence", "append-only file")
