"""How safe what Redis was told is there, and what a paid request waits for before it leaves."""

from typing import Literal

from runhook.config.settings import Settings
from runhook.worker.flows.steps.findings import Finding, bad, good, warning
from runhook.worker.store.durability import FOR_THE_DISK
from runhook.worker.store.server import Server
from runhook.worker.telemetry import report

Waits = Literal["disk", "early", "replica", "memory", "never"]
EARLY = (
    "{} says too early, or not at all, when a write is on disk: what leaves in the second before "
    "its machine loses power may be paid for twice"
)
PROVE = (
    "Set appendonly yes and appendfsync always. RUNHOOK_DURABLE=fsync needs Redis 7.2 or later, "
    "and replica a server of your own."
)


def waits_for(settings: Settings, server: Server) -> Waits:
    """Who must have a departure before a paid request leaves.

    Args:
        settings: The user's.
        server: What it says of itself.

    Returns:
        `early`: the disk is waited for, and may not have it yet; `never`: nothing leaves, for
        nothing proves that it is kept.
    """
    if settings.durable == "replica":
        return "never" if settings.embedded else "replica"
    if settings.durable not in FOR_THE_DISK:
        return "memory"
    if settings.embedded:
        return "disk" if server.durable else "never"
    if server.never_tells or (settings.durable == "fsync" and not server.has_waitaof):
        return "never"
    if server.tells_when_on_disk:
        return "disk"
    return "early" if server.durable else "memory"


def tell_what_leaves_early(settings: Settings, server: Server) -> None:
    """Say so where a paid request may leave before its departure is on disk."""
    if waits_for(settings, server) == "early":
        report("redis.not_durable", why=EARLY.format(server.name))


def persistence(settings: Settings, server: Server) -> Finding:
    """What to think of the server's append-only file.

    Args:
        settings: The user's.
        server: What it says of itself.
    """
    waits = waits_for(settings, server)
    if waits == "never":
        return bad(
            "persistence",
            "no paid request leaves: nothing proves that its departure is kept",
            PROVE,
        )
    if not server.durable:
        text = "no append-only file: a restart of Redis loses jobs"
        return warning("persistence", text, "Set appendonly yes.")
    if waits == "early":
        return warning("persistence", EARLY.format(server.name), "Set appendfsync always.")
    if waits == "disk" and server.appendfsync == "everysec" and not settings.embedded:
        text = "append-only file; each paid request waits up to a second until it is on disk"
        return warning("persistence", text, "Set appendfsync always.")
    return good("persistence", "append-only file")
