"""The metadata that jobs are found and counted by: the keys of RUNHOOK_INDEX_METADATA."""

import re
from collections.abc import Sequence

KEY = re.compile(r"[A-Za-z0-9_.-]{1,100}")  # what a query and a command line can say as it is
# Each costs every job that has it two entries of lists; more is a table that belongs elsewhere.
MOST_KEYS = 10


def read_keys(keys: Sequence[str]) -> tuple[str, ...]:
    """The keys, each once.

    Raises:
        ValueError: With everything that is wrong.
    """
    faults = [
        f"{key!r} is no key: write 1 to 100 letters, digits and _.-"
        for key in keys
        if not KEY.fullmatch(key)
    ]
    if len(set(keys)) > MOST_KEYS:
        faults.append(f"has {len(set(keys))} keys; {MOST_KEYS} at most are indexed")
    if faults:
        raise ValueError("; ".join(faults))
    return tuple(dict.fromkeys(keys))
