"""How many children run handlers: few, and more where handlers wait or hold them for long.

So handlers that hang leave children free, and no memory is taken for them before they do. What a
child needs was imported before it was forked; pages that it writes to are copied, some 15 MB.
"""

import ctypes
import gc
import sys
import time
from collections import deque
from typing import Any

import billiard.util
from celery import signals
from celery.worker import state
from celery.worker.autoscale import Autoscaler

from runhook.worker.domain import policy
from runhook.worker.queue import soft_stop

# In a row that call for so many children before they come: in a burst of quick work a third is now
# and then called for, which would have nothing to do.
LOOKS = 4

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
        self._needed = 0.0  # when there were last no more than wanted
        self._calls: deque[int] = deque([0] * LOOKS, maxlen=LOOKS)

    def maybe_scale(self, req: Any = None) -> None:
        """Celery's look, at each message and from time to time."""
        if req is None:
            self._calls.append(len(state.reserved_requests))
        if self.qty >= self.processes:
            self._needed = time.monotonic()
        super().maybe_scale(req)

    @property
    def qty(self) -> int:
        """How many children are wanted.

        As many as were called for at a few looks in a row, up to those that work side by side.
        With any held, as many free ones, so that their number doubles while all hang.
        """
        now, begun = time.time(), [one.time_start for one in list(state.active_requests)]
        held = sum(1 for at in begun if at and now - at > policy.CHILD_HELD)
        if not held:
            return min(*self._calls, policy.CHILDREN_BUSY)
        return held + max(held, policy.CHILDREN_BUSY, int(self.min_concurrency))

    def scale_down(self, n: int) -> None:
        """End some once there was no need of them for a while.

        None while one may have begun of which nobody knows: Celery takes a child to be idle until
        it has heard that it works, which a lost connection to Redis has it forget, and would kill
        it at its work.
        """
        if not state.reserved_requests <= state.active_requests:
            return
        if soft_stop.at_work(self.pool) > len(state.active_requests):
            return
        if time.monotonic() - self._needed > policy.CHILD_SPARE:
            super().scale_down(n)
