"""runhook: what users' code needs, in one place. Everything else may change between releases."""

from runhook.worker.domain.handlers import Event, Retry, Stop, on

__all__ = ["Event", "Retry", "Stop", "on"]
