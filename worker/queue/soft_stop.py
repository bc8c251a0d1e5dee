"""A worker that is told to end waits for the work it has begun, and no longer.

Celery sleeps its whole `worker_soft_shutdown_timeout` as soon as one request is open, and the
process that sleeps cannot hear from its children that theirs have ended.
"""

import mmap
import time

from billiard import current_process
from celery import signals
from celery.apps import worker
from celery.concurrency import prefork
from celery.worker import state

MOST_CHILDREN = 1024  # with a byte of their own; no machine runs as many
LOOK_EVERY = 0.05  # seconds
LOOKS = 2  # at rest one after the other: what lies in a child's pipe begins between them

_at_work = mmap.mmap(-1, MOST_CHILDREN)  # a byte a child, shared with all that are forked later


@signals.worker_process_init.connect
def _watch(**_: object) -> None:
    """A child says when it works; its number may have been another's, who was killed at it."""
    _rests()
    signals.task_prerun.connect(_begins)
    signals.task_postrun.connect(_rests)


def _begins(**_: object) -> None:
    _at_work[_number()] = 1


def _rests(**_: object) -> None:
    _at_work[_number()] = 0


def _number() -> int:
    return int(getattr(current_process(), "index", 0)) % MOST_CHILDREN


def at_work() -> int:
    """How many children of this process are at work, by their own word."""
    return sum(_at_work[:])


class SoftWorker(worker.Worker):
    """Celery's worker but for how it waits."""

    def wait_for_soft_shutdown(self) -> bool:
        """Wait for what is begun, at most the soft shutdown's time; whether it has ended."""
        deadline = time.monotonic() + self.app.conf.worker_soft_shutdown_timeout
        looks = 0
        while looks < LOOKS and time.monotonic() < deadline:
            looks += 1
            if self._works():
                looks = 0
            time.sleep(LOOK_EVERY)
        return looks == LOOKS

    def _works(self) -> bool:
        if not state.active_requests:
            return False
        if isinstance(getattr(self, "pool", None), prefork.TaskPool):
            return at_work() > 0
        return True
