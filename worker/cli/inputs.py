"""What is typed on the command line, as a job: NAME=VALUE pairs, files of JSON, and @files."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import click

from runhook.worker import catalogue
from runhook.worker.cli.busy import ShownFile
from runhook.worker.cli.commands import pair
from runhook.worker.client.answers import Asset
from runhook.worker.domain.bodies import json_object
from runhook.worker.domain.typed import exactly, guess
from runhook.worker.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from runhook.worker.client.runhook import Runhook

LARGEST_FILE = 2 * 1024**3  # bytes; as many as `web` takes
LARGEST_JSON = 64 * 1024**2  # bytes of parameters or of a workflow's graph, with files in data URIs
# Options whose value is text whatever it looks like: 0.10 as a number is 0.1, and a password may be
# all digits.
AS_TYPED = ("max_price", "accessPassword")
LISTS = ("fallback",)  # options that are typed as words with commas between them, or as JSON


def typed(rh: "Runhook", model: str, pairs: Iterable[str]) -> dict[str, Any]:
    """The input that was typed; @ names a file: its text, or for media itself, kept first."""
    given: dict[str, Any] = {}
    for name, text in map(pair, pairs):
        value = _value(rh, model, name, text)
        if isinstance(value, list) and isinstance(given.get(name), list):
            given[name] += value
        elif name in given:
            raise click.UsageError(f"-i {name} is given twice, but takes one value")
        else:
            given[name] = value
    return given


def _value(rh: "Runhook", model: str, name: str, text: str) -> Any:
    """One parameter as it was typed, its file read or kept."""
    if not text.startswith("@"):
        return _typed(model, name, text)
    if not _takes_files(model, name):
        return _typed(model, name, _from_text(name, text))
    # Kept before the job is checked, for the rules are about the file's kind and size.
    asset = f"asset:{keep_file(rh, Path(text[1:])).id}"
    if _is_list(model, name):
        return [asset]
    return asset


def _from_text(name: str, text: str) -> str:
    """The text of the file that @ names; @@ begins a text with @, as prompts name pictures."""
    if text.startswith("@@"):
        return text[1:]
    try:
        return _text_of(text[1:])
    except click.UsageError as wrong:
        raise click.UsageError(
            f"-i {name}: {wrong.message}; a text that begins with @ is typed as @{text}"
        ) from None


def options_of(pairs: Iterable[str]) -> dict[str, Any]:
    """The options that were typed."""
    given: dict[str, Any] = {}
    for name, value in map(pair, pairs):
        if name in given:
            raise click.UsageError(f"-o {name} is given twice")
        given[name] = option(name, value)
    return given


def metadata_of(pairs: Iterable[str]) -> dict[str, Any]:
    """The metadata that was typed; `7` is a number, as in JSON."""
    given: dict[str, Any] = {}
    for name, value in map(pair, pairs):
        if name in given:
            raise click.UsageError(f"--metadata {name} is given twice")
        given[name] = exactly(value)
    return given


def keep_file(rh: "Runhook", path: Path) -> Asset:
    """Keep a file of this machine as an asset."""
    with plain_file(path, LARGEST_FILE) as file:
        return rh.upload(cast(IO[bytes], file), name=path.name)


@contextmanager
def plain_file(path: Path, largest: int) -> Iterator[ShownFile]:
    """A file of this machine as long as it is now; no device or pipe, which may never end.

    Raises:
        UsageError: It is none, it cannot be read, or it is larger.
    """
    try:
        # Without O_NONBLOCK a FIFO would be waited for.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise click.UsageError(f"{path} is not a regular file")
            if found.st_size > largest:
                raise click.UsageError(f"{path} is over {largest >> 20} MiB")
            with ShownFile(file, found.st_size, path.name) as shown:
                yield shown
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}") from None


def from_file(file: Any) -> dict[str, Any]:
    """All parameters, from a file of JSON."""
    text = file.read(LARGEST_JSON + 1)
    if len(text) > LARGEST_JSON:
        raise click.UsageError(f"--input is over {LARGEST_JSON >> 20} MiB")
    try:
        return json_object(text, "--input")
    except InvalidRequest as invalid:
        raise click.UsageError(str(invalid)) from None


def job_lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a batch, one after the other; all are read before the first is sent."""
    while line := file.readline(LARGEST_JSON + 1):
        if len(line) > LARGEST_JSON:
            size = LARGEST_JSON >> 20
            raise click.UsageError(f"a line of --batch is over {size} MiB; nothing was sent")
        yield line


def option(name: str, value: str) -> Any:
    """An option's value; `@` names a file whose text it is.

    Args:
        name: Of the option.
        value: As it was typed.

    Raises:
        UsageError: The file cannot be read, is too large or no text.
    """
    if name in AS_TYPED:
        return value
    if name in LISTS and not value.startswith("["):
        return value.split(",")
    if not value.startswith("@"):
        return guess(value)
    return _text_of(value[1:])


def _text_of(path: str) -> str:
    with plain_file(Path(path), LARGEST_JSON) as file:
        text = file.read()
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{path}: {error}") from None


def _param(model: str, name: str) -> catalogue.Param | None:
    try:
        found = catalogue.find(model)
    except NotFound:
        return None
    return next((p for p in found.params if name in (p.name, p.alias)), None)


def _takes_files(model: str, name: str) -> bool:
    """Whether @ sends a file itself, and not its text."""
    # A parameter that nobody documented may take a file: `@` is taken at its word there.
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
        if value[:1] in "[{":
            return guess(value)
        return [value]
    if param.type in ("integer", "number", "boolean"):
        return guess(value)
    return value
