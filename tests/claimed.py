"""A duty held while a block runs, as a worker holds it while a flow does."""

from collections.abc import Iterator
from contextlib import contextmanager

from runhook.worker.errors import StoreUnavailable
from runhook.worker.store import Again, Claim
from runhook.worker.store.duties import Duties


def hold(duties: Duties, lane: str, duty: str) -> Claim | None:
    """Hold a duty as whoever is woken for it does; None: there is nothing to do now."""
    claim = duties.claim(lane, first=duty)
    if claim and claim.id != duty:
        duties.put_down(claim, Again(0))
        return None
    return claim


@contextmanager
def claimed(duties: Duties, lane: str, duty: str) -> Iterator[Claim | None]:
    """Hold a duty; None when there is nothing to do now. At the end it is done, or has failed."""
    claim = hold(duties, lane, duty)
    if claim is None:
        yield None
        return
    try:
        yield claim
    except StoreUnavailable:
        raise
    except Exception as error:
        duties.fail(claim, error)
        raise
    duties.put_down(claim)
