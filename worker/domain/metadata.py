"""The metadata that jobs are found and counted by, as keys and texts. Pure."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from runhook.worker.domain.faults import misspelt
from runhook.worker.errors import Fault, InvalidRequest

PREFIX = "metadata."  # before a key in queries, and on the command line
# Characters of a value that is kept as it is; a longer one is known by its hash, so that names in
# Redis and rows of the ledger stay short.
LONGEST = 100

Label = tuple[str, str]  # a key, and the text of its value


def text_of(value: Any) -> str:
    """A value as it is looked for: 7 and "7" are one; all but strings is JSON."""
    text = value
    if not isinstance(value, str):
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return shortened(text)


def shortened(text: str) -> str:
    """The text of a value, or the hash of one that is longer than is kept."""
    if len(text) <= LONGEST:
        return text
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def labels_of(metadata: Mapping[str, Any], keys: Sequence[str]) -> tuple[Label, ...]:
    """What a job is found by: the indexed keys that its metadata has."""
    return tuple((key, text_of(metadata[key])) for key in keys if key in metadata)


def labels_wanted(given: Mapping[str, str], keys: Sequence[str]) -> tuple[Label, ...]:
    """What is looked for, given as `metadata.KEY` and a value each.

    Raises:
        InvalidRequest: With every key that no job is found by.
    """
    wanted = {name.removeprefix(PREFIX): shortened(value) for name, value in given.items()}
    if faults := [unindexed(key, keys) for key in wanted if key not in keys]:
        raise InvalidRequest(faults)
    return tuple(wanted.items())


def unindexed(key: str, keys: Sequence[str]) -> Fault:
    """The fault of a key that jobs are not indexed by."""
    text = "is not indexed: RUNHOOK_INDEX_METADATA names no keys"
    if keys:
        text = f"is not indexed; RUNHOOK_INDEX_METADATA names {', '.join(keys)}"
    return misspelt(f"{PREFIX}{key}", text, key, keys)
