"""How many children run handlers: a few, and more as soon as handlers hold them for long.

So handlers that hang leave children free, and no memory is taken for them before they do. What a
child needs was imported before it was forked, and most of that memory stays one for all.
"""

import ctypes
import gc
import sys
import time
from typing import Any

import billiard.util
from celery import signals
from celery.worker import state
from celery.worker.autoscale import Autoscaler

from runhook.worker.domain import policy

# Billiard has a child end with its parent by one call, through cffi where that is installed: each
# child would load cffi's parser of C for it, 5 MB. Without cffi it calls through ctypes.
sys.modules.pop("cffi", None)
vars(billiard.util).setdefault("ctypes", ctypes)


@signals.worker_before_create_process.connect
def _share(**_: object) -> None:
    """Before the first fork: what is there now lives on, and no collector need write into it.

    A page that a child writes into is no longer shared; looking objects through is writing.
    """
    if not gc.get_freeze_count():
        gc.freeze()


def places(most: int) -> int:
    """How many places so many children at most stand for."""
    return max(1, most // policy.CHILDREN_A_PLACE)


class HandlerAutoscaler(Autoscaler):
    """Celery's own grows with what waits, so a burst of quick work would fork; this does not."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "keepalive": policy.CHILDREN_LOOK})
        self._grown = 0.0

    @property
    def qty(self) -> int:
        """How many children are wanted: as many free as are held, and the fewest at least."""
        now = time.time()
        begun = [one.time_start for one in list(state.active_requests)]
        held = sum(1 for at in begun if at and now - at > policy.CHILD_HELD)
        return held + max(held, int(self.min_concurrency))

    def scale_up(self, n: int) -> None:
        """Add some."""
        self._grown = time.monotonic()
        super().scale_up(n)

    def scale_down(self, n: int) -> None:
        """End some that are idle, once there was no need of more for a while."""
        if time.monotonic() - self._grown > policy.CHILD_SPARE:
            super().scale_down(n)
