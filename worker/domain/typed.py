"""What people type where JSON is meant: a value where the text is one, else the text. Pure."""

from typing import Any

import orjson


def guess(text: str) -> Any:
    """What the text says as JSON, or the text itself where it is none: `5` is a number."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def exactly(text: str) -> Any:
    """What the text says as JSON where that says no less: `7` is a number, `7.10` stays text."""
    value = guess(text)
    if isinstance(value, list | dict) or orjson.dumps(value).decode() == text:
        return value
    return text
