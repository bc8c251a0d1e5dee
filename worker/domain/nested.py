"""Nested JSON values: each of their strings with its path, or replaced; numbers alike. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

# From the outermost value down: names of objects, and places in lists.
Path = tuple[str | int, ...]
# What an integer of JSON may be where it is read here.
SMALLEST, BEYOND = -(2**63), 2**64


def strings(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every string in a value, however deep, and where it is."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from strings(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from strings(item, (*path, index))


def replaced(value: Any, change: Callable[[str], Any]) -> Any:
    """The same value with what `change` makes of each of its strings."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {name: replaced(item, change) for name, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, change) for item in value]
    return value


def whole(value: Any) -> Any:
    """The same value in which a number without a fraction is an integer: to JSON, 1.0 is 1."""
    if isinstance(value, float) and value.is_integer() and SMALLEST <= value < BEYOND:
        return int(value)
    if isinstance(value, Mapping):
        return {name: whole(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [whole(item) for item in value]
    return value


def written(path: Path) -> str:
    """A path in an input as faults name it: `input.images[0]`."""
    return "input" + "".join(map(_step, path))


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}"
