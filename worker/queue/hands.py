"""The children that run handlers: a few, and more as soon as handlers hold them for long.

So handlers that hang leave hands free without a machine's memory being taken before they do.
"""

import time
from typing import Any

from celery.worker import state
from celery.worker.autoscale import Autoscaler

LOOK_EVERY = 0.5  # seconds
# Seconds after which a child counts as held: what makes a handler slow. Who waits for a child while
# fifty hang waits this long for each time that they double.
HELD = 1.0
# Children at most for each delivery that may be with a slow or a new handler. The rest is for those
# that were quick until now: nobody knows of them before they hang, a dozen or two in one moment.
CHILDREN_A_PLACE = 4
SPARE_FOR = 60.0  # seconds since the last was added, until those that nobody needs are ended


def places(most: int) -> int:
    """How many places so many children at most stand for."""
    return max(1, most // CHILDREN_A_PLACE)


class Hands(Autoscaler):
    """Celery's own grows with what waits, so a burst of quick work would fork; this does not."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "keepalive": LOOK_EVERY})
        self._grown = 0.0

    @property
    def qty(self) -> int:
        """How many children are wanted: as many free as are held, and the fewest at least."""
        now = time.time()
        begun = [one.time_start for one in list(state.active_requests)]
        held = sum(1 for at in begun if at and now - at > HELD)
        return held + max(held, int(self.min_concurrency))

    def scale_up(self, n: int) -> None:
        """Add some."""
        self._grown = time.monotonic()
        super().scale_up(n)

    def scale_down(self, n: int) -> None:
        """End some that are idle, once there was no need of more for a while."""
        if time.monotonic() - self._grown > SPARE_FOR:
            super().scale_down(n)
