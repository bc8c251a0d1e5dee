"""What people type where JSON is meant: a value where the text is one, else the text. Pure."""

from typing import Any

import orjson

from runhook.worker.domain.bodies import too_long


def guess(text: str) -> Any:
    """What the text says as JSON: `5` is a number.

    The text itself where it is none, or has a whole number in it that would become another.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return text if too_long(text.encode()) else value


def exactly(text: str) -> Any:
    """What the text says as JSON where that says no less: `7` is a number, `7.10` stays text."""
    value = guess(text)
    if isinstance(value, list | dict) or orjson.dumps(value).decode() == text:
        return value
    return text
