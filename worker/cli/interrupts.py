"""Ctrl-C: a command that has something to say hears of it; anywhere else it ends the process."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from runhook.worker.cli.statuses import INTERRUPTED


def end_at_once(*_: object) -> None:
    """End the process without a word, and without what Python does at its end."""
    os._exit(INTERRUPTED)


def quieten() -> None:
    """End at Ctrl-C from here on; who was started to ignore it goes on ignoring it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end_at_once)


@contextmanager
def heard() -> Iterator[None]:
    """Raise KeyboardInterrupt in here."""
    with _instead(of=end_at_once, handler=signal.default_int_handler):
        yield


@contextmanager
def unheard() -> Iterator[None]:
    """End at Ctrl-C in here, though it is heard around it: an import can say nothing about it."""
    with _instead(of=signal.default_int_handler, handler=end_at_once):
        yield


@contextmanager
def _instead(*, of: Callable[..., Any], handler: Callable[..., Any]) -> Iterator[None]:
    if signal.getsignal(signal.SIGINT) is not of:
        yield
        return
    with suppress(ValueError):  # in a thread that hears no signals
        signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        with suppress(ValueError):
            signal.signal(signal.SIGINT, of)
