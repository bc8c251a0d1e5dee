"""runhook: what users' code needs, in one place. Everything else may change between releases."""

from runhook.worker.domain.handlers import HandlerEvent as Event
from runhook.worker.domain.handlers import Retry, Stop, on

__all__ = ["Event", "Retry", "Stop", "on"]
