"""A worker whose broker refuses waits before it asks again.

Celery waits for one that is away. One that lets it in and then refuses, as a Redis that takes no
writes, it asks again at once: six times a second, with a traceback in the log each second.
"""

import time

from celery.worker import consumer, state

# Seconds until it is asked again: what Celery waits first for one that is away.
AGAIN = 2.0
LOOK_EVERY = 0.05  # seconds between two looks whether the worker is told to end


class PatientConsumer(consumer.Consumer):
    """Celery's own but for that wait."""

    connection_errors: tuple[type[Exception], ...]  # of its broker; the stubs know none

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Close the connection, and wait if it was not lost."""
        super().on_connection_error_after_connected(exc)
        if isinstance(exc, self.connection_errors):
            return
        until = time.monotonic() + AGAIN
        while time.monotonic() < until:
            state.maybe_shutdown()
            time.sleep(LOOK_EVERY)
