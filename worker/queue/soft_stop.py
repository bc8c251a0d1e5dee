"""A worker that is told to end waits for the work it has begun, and no longer.

Celery sleeps its whole `worker_soft_shutdown_timeout` as soon as one request is open, and the
process that sleeps cannot hear from its children that theirs have ended.
"""

import mmap
import time
from typing import Any

from billiard import current_process
from celery import signals
from celery.apps import worker
from celery.concurrency import prefork
from celery.worker import state

from runhook.worker.queue.broker import task_name

MOST_CHILDREN = 1024  # with a byte of their own; no machine runs as many
LOOK_EVERY = 0.05  # seconds
LOOKS = 2  # at rest one after the other: what lies in a child's pipe begins between them

_at_work = mmap.mmap(-1, MOST_CHILDREN)  # a byte a child, shared with all that are forked later


@signals.worker_process_init.connect
def _watch(**_: object) -> None:
    """A child says when it works; its number may have been another's, who was killed at it."""
    _say(at_work=False)
    signals.task_prerun.connect(_begins)
    signals.task_postrun.connect(_rests)


def _begins(sender: Any, **_: object) -> None:
    if _is_ours(sender):
        _say(at_work=True)


def _rests(sender: Any, **_: object) -> None:
    if _is_ours(sender):
        _say(at_work=False)


def _is_ours(task: Any) -> bool:
    """Whether it is a lane of this worker's, and no task that a user's handler runs within it."""
    return str(task.name).startswith(task_name(""))


def _say(*, at_work: bool) -> None:
    _at_work[_number(current_process())] = int(at_work)


def _number(child: Any) -> int:
    return int(getattr(child, "index", 0)) % MOST_CHILDREN


def at_work(pool: Any) -> int:
    """How many children of a pool are at work, by their own word; no dead one is."""
    children = getattr(pool._pool, "_pool", ())  # none where a pool is not prefork
    return sum(_at_work[_number(child)] for child in children if child.exitcode is None)


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
        pool = getattr(self, "pool", None)
        if isinstance(pool, prefork.TaskPool):
            return at_work(pool) > 0
        return True
