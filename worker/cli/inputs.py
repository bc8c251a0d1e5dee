"""What is typed on the command line, as a job: NAME=VALUE pairs, files of JSON, and @files."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import orjson

from worker import ask, catalogue
from worker.errors import NotFound
from worker.wiring import Wiring


def pair(text: str) -> tuple[str, str]:
    """NAME=VALUE in two."""
    name, found, value = text.partition("=")
    if not found or not name:
        raise click.UsageError(f"{text!r} is not NAME=VALUE")
    return name, value


def typed(w: Wiring, model: str, pairs: Iterable[str]) -> dict[str, Any]:
    """The input that was typed; a value that begins with @ names a file, which is kept first."""
    given: dict[str, Any] = {}
    for name, value in map(pair, pairs):
        if value.startswith("@") and _takes_files(model, name):
            found: Any = f"asset:{keep_file(w, Path(value[1:])).id}"
            found = [found] if _is_list(model, name) else found
        else:
            found = _typed(model, name, value)
        if isinstance(found, list) and isinstance(given.get(name), list):
            given[name] += found
        elif name in given:
            raise click.UsageError(f"-i {name} is given twice, and takes one value")
        else:
            given[name] = found
    return given


def options_of(pairs: Iterable[str]) -> dict[str, Any]:
    """The options that were typed."""
    given: dict[str, Any] = {}
    for name, value in map(pair, pairs):
        if name in given:
            raise click.UsageError(f"-o {name} is given twice")
        given[name] = option(name, value)
    return given


def keep_file(w: Wiring, path: Path) -> catalogue.Asset:
    """Keep a file of this machine as an asset."""
    try:
        with path.open("rb") as file:
            return ask.keep(w, path.name, file)
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}") from None


def from_file(file: Any) -> dict[str, Any]:
    """All parameters, from a file of JSON."""
    try:
        given = orjson.loads(file.read())
    except orjson.JSONDecodeError as error:
        raise click.UsageError(f"--input is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise click.UsageError("--input must hold a JSON object")
    return given


def guess(value: str) -> Any:
    """JSON where it is JSON, else text."""
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def option(name: str, value: str) -> Any:
    """An option's value; money and passwords stay as they are typed, @ names a file of JSON."""
    if name in ("max_price", "accessPassword"):
        return value
    if not value.startswith("@"):
        return guess(value)
    try:
        return Path(value[1:]).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{value[1:]}: {error}") from None


def _param(model: str, name: str) -> catalogue.Param | None:
    try:
        found = catalogue.find(model)
    except NotFound:
        return None
    return next((p for p in found.params if name in (p.name, p.alias)), None)


def _takes_files(model: str, name: str) -> bool:
    """Whether @ names a file: not for a model's text, where it may name a picture of the prompt."""
    param = _param(model, name)
    return param is None or param.type in catalogue.FILES


def _is_list(model: str, name: str) -> bool:
    param = _param(model, name)
    return param is not None and param.list


def _typed(model: str, name: str, value: str) -> Any:
    """What was typed, as the parameter's type; left as text where that fails, to be refused."""
    param = _param(model, name)
    if param is None:
        return value
    if param.list or param.type == "object":
        return guess(value) if value[:1] in "[{" else [value]
    return guess(value) if param.type in ("integer", "number", "boolean") else value
