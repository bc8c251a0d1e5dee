"""runhook: what users' code needs, in one place. Everything else may change between releases."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runhook.worker.client.answers import (
        Account,
        Asset,
        Checked,
        Costs,
        CostSum,
        Fallback,
        Group,
        Line,
        Model,
        Param,
        Price,
        PriceRange,
        Queue,
    )
    from runhook.worker.client.errors import (
        BudgetExceeded,
        Conflict,
        DownloadFailed,
        Forbidden,
        Gone,
        InternalError,
        InvalidRequest,
        NotFound,
        ProviderRefused,
        RateLimited,
        RunhookError,
        SettingsError,
        Unauthorized,
        Unavailable,
    )
    from runhook.worker.client.jobs import (
        Attempt,
        Cost,
        Job,
        JobError,
        JobPage,
        Output,
        Progress,
        WaitTimeout,
    )
    from runhook.worker.client.receivers import (
        Delivery,
        Handler,
        Recovered,
        Redelivered,
        Subscription,
        Tried,
        Triggered,
    )
    from runhook.worker.client.runhook import Runhook
    from runhook.worker.domain.handlers import HandlerEvent as Event
    from runhook.worker.domain.handlers import Retry, Stop, on
    from runhook.worker.errors import Fault
else:
    # What a handler's module needs, which imports none of the rest.
    _HANDLERS = {"Event": "HandlerEvent", "Retry": "Retry", "Stop": "Stop", "on": "on"}
    _CLIENT = ("errors", "jobs", "answers", "receivers", "runhook")  # the quickest to import first

    def __getattr__(name):
        """One of them, imported when it is asked for: each part of runhook imports this file."""
        from importlib import import_module

        if name in _HANDLERS:
            return getattr(import_module("runhook.worker.domain.handlers"), _HANDLERS[name])
        if name in __all__:
            for part in _CLIENT:
                found = vars(import_module(f"runhook.worker.client.{part}"))
                if name in found:
                    return found[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Account",
    "Asset",
    "Attempt",
    "BudgetExceeded",
    "Checked",
    "Conflict",
    "Cost",
    "CostSum",
    "Costs",
    "Delivery",
    "DownloadFailed",
    "Event",
    "Fallback",
    "Fault",
    "Forbidden",
    "Gone",
    "Group",
    "Handler",
    "InternalError",
    "InvalidRequest",
    "Job",
    "JobError",
    "JobPage",
    "Line",
    "Model",
    "NotFound",
    "Output",
    "Param",
    "Price",
    "PriceRange",
    "Progress",
    "ProviderRefused",
    "Queue",
    "RateLimited",
    "Recovered",
    "Redelivered",
    "Retry",
    "Runhook",
    "RunhookError",
    "SettingsError",
    "Stop",
    "Subscription",
    "Tried",
    "Triggered",
    "Unauthorized",
    "Unavailable",
    "WaitTimeout",
    "on",
]
