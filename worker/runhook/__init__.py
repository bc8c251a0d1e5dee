"""runhook: what users' code needs, in one place. Everything else may change between releases."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runhook.worker.domain.handlers import HandlerEvent as Event
    from runhook.worker.domain.handlers import Retry, Stop, on
else:

    def __getattr__(name):
        """One of them, imported when it is asked for: each part of runhook imports this file."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from runhook.worker.domain import handlers

        return getattr(handlers, {"Event": "HandlerEvent"}.get(name, name))


__all__ = ["Event", "Retry", "Stop", "on"]
