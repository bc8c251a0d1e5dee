"""Which keys may be in Redis after a test: those that worker/store/keys.py names, as it says."""

import fnmatch
from typing import Any

from runhook.worker.store.keys import ALL, ROOT

LASTING = [key.pattern for key in ALL.values() if not key.family.expires]
EXPIRING = [key.pattern for key in ALL.values() if key.family.expires]


def unknown_keys(client: Any) -> list[str]:
    """Keys that nobody names, or that should expire and do not."""
    found = []
    for key in client.scan_iter("*"):
        name = key.decode().removeprefix(ROOT)
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in EXPIRING):
            if client.ttl(key) == -1:
                found.append(name)
        elif not any(fnmatch.fnmatchcase(name, pattern) for pattern in LASTING):
            found.append(name)
    return found
