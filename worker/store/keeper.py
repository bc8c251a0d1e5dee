"""One thread of a process that renews the leases of all duties under way."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from runhook.worker.domain.lanes import LANES
from runhook.worker.errors import StoreUnavailable
from runhook.worker.store.claims import Claim, Lease
from runhook.worker.telemetry import report

# A lease is renewed this often while it lasts: two renewals may fail before it is over.
RENEWALS = 3
# Seconds between looks at what is kept, of which each lasts longer than that many times: so nobody
# who begins or ends a duty has to wake the thread.
LOOK = 1.0
Renew = Callable[[Claim], float | None]


# Each is only itself: a Redis that went back gives a token twice.
@dataclass(eq=False, kw_only=True)
class _Kept:
    """A claim that is kept alive.

    Attributes:
        claim: Which.
        lease: As its block sees it.
        next_at: When it is renewed next, by the monotonic clock.
        late_at: From when on its block takes long.
        while_late: What is done then, each second.
    """

    claim: Claim
    lease: Lease
    next_at: float
    late_at: float
    while_late: Callable[[], None]


class Keeper:
    """Renews what is handed to it; its thread begins with the first."""

    def __init__(self, renew: Renew) -> None:
        """Args:
        renew: Renews one claim: until when it holds now, or None if somebody else has the duty.
        """
        self._renew = renew
        self._kept: set[_Kept] = set()
        self._lock = threading.Lock()
        self._needed = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def keeping(
        self, claim: Claim, while_late: Callable[[], None] | None = None
    ) -> Iterator[Lease]:
        """Keep a claim alive while the block runs; once that takes long, do something beside it."""
        lease, now = Lease(claim.until), time.monotonic()
        kept = _Kept(
            claim=claim,
            lease=lease,
            next_at=now + _gap(claim),
            late_at=now + LOOK,
            while_late=while_late or _nothing,
        )
        with self._lock:
            self._kept.add(kept)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
                self._thread.start()
        if not self._needed.is_set():
            self._needed.set()
        try:
            yield lease
        finally:
            with self._lock:
                self._kept.discard(kept)

    def _run(self) -> None:
        while True:
            self._needed.wait()
            late, due = self._late(), self._due()
            for one in late:
                self._try(one, one.while_late)
            for one in due:
                self._try(one, partial(self._keep, one))
            time.sleep(LOOK)

    def _late(self) -> list[_Kept]:
        """Those whose block takes long."""
        now = time.monotonic()
        with self._lock:
            return [one for one in self._kept if one.late_at <= now]

    def _due(self) -> list[_Kept]:
        """Those that are to be renewed now; with none to come, the thread sleeps until there is."""
        now = time.monotonic()
        with self._lock:
            if not self._kept:
                self._needed.clear()
            found = [one for one in self._kept if one.next_at <= now]
        for one in found:
            one.next_at = now + _gap(one.claim)
        return found

    def _try(self, one: _Kept, do: Callable[[], None]) -> None:
        try:
            do()
        except StoreUnavailable:
            return  # the lease may run out; what the block brings is heard all the same
        except Exception:  # noqa: BLE001 - the thread is everybody's, and the next time may do
            report("task.failed", lane=one.claim.lane, duty=one.claim.id, exc_info=True)

    def _keep(self, one: _Kept) -> None:
        until = self._renew(one.claim)
        if until is not None:
            one.lease.until = until
            return
        with self._lock:
            self._kept.discard(one)


def _gap(claim: Claim) -> float:
    """Seconds between two renewals."""
    return LANES[claim.lane].lease / RENEWALS


def _nothing() -> None:
    """Nothing is to be done."""
