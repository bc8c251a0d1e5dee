"""The keys that may be in Redis after a test, and what ends each."""

import fnmatch
from typing import Any

# Until the job is swept: its record, timeline, callbacks, deliveries, places in indices.
OF_JOBS = (
    "job:*",
    "timeline:*",
    "raw:*",
    "unread:*",
    "heard:*",
    "deliveries:*",
    "delivery:*",
    "jobs",
    "jobs:state:*",
    "jobs:model:*",
    "jobs:tenant:*",
    "ended",
    "told",
    "outbox:*",
    "held:*",
    "events",
    "line:*",
    "lines",
    "aside",
    "holding",
    "unreadable",
    "missed:*",
)
# Until the sweep finds that nobody used the file.
OF_FILES = ("asset", "assets")
# Until somebody removes the subscription, or ends the handler.
OF_SUBSCRIPTIONS = ("subscription:*", "subscriptions", "endpoint:*")
# Until an attempt comes back or counts as lost, or a place is free.
OF_PLACES = ("telling:*", "slow:*", "unproved:*", "waiting:*")
# As many as there are lanes, gates, models, handlers or processes, whatever runs.
BOUNDED = (
    "due:*",
    "claims:*",
    "failures:*",
    "parked:*",
    "wakeups",
    "queue:*",
    "gate:*",
    "line",
    "fence",
    "pace",
    "handlers",
    "handlers:first",
    "wanted",
    "slots",
    "trimmed",
    "secrets",
    "account",
    "alive:*",
)
LASTING = (*OF_JOBS, *OF_FILES, *OF_SUBSCRIPTIONS, *OF_PLACES, *BOUNDED)
EXPIRING = (
    "idempotency:*",
    "pump",
    "upload:*",
    "uploading:*",
    "app:*",
    "legacy:*",
    "seen:*",
    "strays",
    "durations:*",
    "done:*",
    "asked:*",
    "alerted:key",
)


def unknown_keys(client: Any) -> list[str]:
    """Keys that none of the lists names, or that should expire and do not."""
    found = []
    for key in client.scan_iter("*"):
        name = key.decode().removeprefix("runhook:")
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in EXPIRING):
            if client.ttl(key) == -1:
                found.append(name)
        elif not any(fnmatch.fnmatchcase(name, pattern) for pattern in LASTING):
            found.append(name)
    return found
