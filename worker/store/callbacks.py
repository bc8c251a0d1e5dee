"""Callbacks as they came: written down raw, taken in later."""

from dataclasses import dataclass
from datetime import UTC, datetime

from worker.store import records
from worker.store.connection import reaching
from worker.store.duties import Claim
from worker.store.scripts import Scripts


@dataclass(frozen=True)
class Callback:
    """One HTTP request of RunningHub, verified but unread."""

    at: datetime
    via: str  # callback, or resend
    body: bytes


class Callbacks:
    """The callbacks of each attempt, oldest first."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def take(self, job_id: str, attempt: int, via: str, body: bytes) -> str:
        """Keep one, in one round trip: `taken`, or `stray` when there is no such job.

        Raises:
            StoreUnavailable: Redis did not take it; RunningHub must send it again.
        """
        at = self._scripts.clock.now().timestamp()
        facts = {"job": job_id, "attempt": attempt, "at": at, "via": via}
        head = records.packed("callback", facts)
        return self._scripts.waking("take_callback", 1, job_id, attempt, head + b"\n" + body)[0]

    def waiting(self, job_id: str, attempt: int) -> list[Callback]:
        """Those not yet taken in.

        Raises:
            UnreadableRecord: One of them is not for this version.
        """
        with reaching():
            entries = self._scripts.client.lrange(
                f"{self._scripts.root}raw:{job_id}/{attempt}", 0, -1
            )
        return [_callback(f"callback of {job_id}/{attempt}", entry) for entry in entries]

    def drop(self, claim: Claim, count: int) -> None:
        """The first ones were taken in by the holder of their duty."""
        self._scripts.words("drop_callbacks", claim.id, claim.token, count)

    def strays(self) -> int:
        """How many came for jobs that nobody knows; the last thousand are kept."""
        with reaching():
            return int(self._scripts.client.llen(f"{self._scripts.root}strays"))


def _callback(name: str, entry: bytes) -> Callback:
    head, _, body = entry.partition(b"\n")
    facts = records.opened("callback", name, head)

    def made() -> Callback:
        return Callback(datetime.fromtimestamp(facts["at"], UTC), facts["via"], body)

    return records.made(name, facts, made)
