"""Duties: work that must still happen, one sorted set a lane, claimed for a time by one holder."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import orjson

from worker.errors import StoreUnavailable
from worker.store.scripts import Scripts

# Seconds a claim lasts: longer than the flow's calls together can take. `send`, `handlers` and
# `subscribers` are renewed while they work, so that a dead holder is noticed soon.
LEASES = {
    "line": 45,
    "send": 30,
    "intake": 60,
    "reconcile": 90,
    "fanout": 30,
    "handlers": 30,
    "subscribers": 20,
}


@dataclass
class Claim:
    """One holder's turn at a duty.

    Attributes:
        again_in: Set by the holder: seconds until somebody must look again.
        over: A script of the holder's put the duty down already.
    """

    lane: str
    id: str
    token: str
    again_in: float | None = None
    over: bool = False

    @property
    def attempt(self) -> tuple[str, int]:
        """The job and the attempt's number, or the handler and its slot's number."""
        whose, _, n = self.id.partition("/")
        return whose, int(n)


class Duties:
    """Waking, claiming and putting down duties."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def wake(self, lane: str, duty: str, after: float = 0) -> None:
        """Have somebody look at a duty, now or in some seconds.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        self._scripts.waking("wake", 1, lane, duty, _ms(after))

    @contextmanager
    def claim(self, lane: str, duty: str) -> Iterator[Claim | None]:
        """Hold a duty while the block runs; None when there is nothing to do now.

        Put down as done when the block ends, or for `claim.again_in` seconds if that is set. If
        the block raises, the claim is left to run out, and the pump wakes the duty again.
        """
        lease = LEASES[lane]
        word, *token = self._scripts.words("claim", lane, duty, _ms(lease))
        if word != "claimed":
            yield None
            return
        claim = Claim(lane, duty, token[0])
        yield claim
        if not claim.over:
            self.put_down(claim)

    def put_down(self, claim: Claim) -> None:
        """End a claim, as done or until `again_in`."""
        after = -1 if claim.again_in is None else _ms(claim.again_in)
        self._scripts.waking("finish", 1, claim.lane, claim.id, claim.token, after)

    def renew(self, claim: Claim) -> bool:
        """Hold a duty for another lease; False if somebody else has it."""
        lease = _ms(LEASES[claim.lane])
        words = self._scripts.words("renew", claim.lane, claim.id, claim.token, lease)
        return words[0] == "done"

    @contextmanager
    def renewing(self, claim: Claim) -> Iterator[None]:
        """Keep a claim alive from another thread while the block runs."""
        over = threading.Event()

        def keep() -> None:
            while not over.wait(LEASES[claim.lane] / 3):
                try:
                    if not self.renew(claim):
                        return
                except StoreUnavailable:
                    continue  # the lease may run out; what the block brings is heard all the same

        thread = threading.Thread(target=keep, name=f"renew {claim.id}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def pump(self, process: str, lease: float, rooms: Iterable[tuple[str, int]]) -> int | None:
        """Post wake-ups for everything due: how many, None while another process does it.

        Args:
            process: Who pumps.
            lease: Seconds for which nobody else does.
            rooms: For each lane, the most messages its queue may hold at once.
        """
        rows = orjson.dumps([[lane, most] for lane, most in rooms])
        word, posted = self._scripts.waking("pump", 2, process, _ms(lease), rows)
        return int(posted) if word == "pumped" else None


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
