"""A user's file, by its path or as it is open, ready to be read from its start more than once."""

import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

IN_MEMORY = 1024 * 1024  # bytes of what cannot be read twice that are kept in memory
UNNAMED = "file"


@dataclass(frozen=True)
class UserFile:
    """A file from where it stands to its end: what it is called, and how many bytes that are."""

    name: str
    file: IO[bytes]
    size: int


@contextmanager
def opened(file: str | Path | IO[bytes], name: str | None = None) -> Iterator[UserFile]:
    """A file of the user's; one that it opened itself stays open.

    Args:
        file: Its path, or an open file. What cannot be read twice is copied first.
        name: What it is called; None: its own name.
    """
    with ExitStack() as stack:
        if isinstance(file, str | Path):
            name = name or Path(file).name
            file = stack.enter_context(Path(file).open("rb"))
        elif not file.seekable():
            copy = stack.enter_context(tempfile.SpooledTemporaryFile(IN_MEMORY))
            shutil.copyfileobj(file, copy)
            copy.seek(0)
            file = copy
        yield UserFile(name or _name_of(file), file, _size_of(file))


def _name_of(file: IO[bytes]) -> str:
    """Its own name, where it has one: pipes have a number, and what lies in memory has none."""
    name = getattr(file, "name", None)
    if isinstance(name, str):
        return Path(name).name or UNNAMED
    return UNNAMED


def _size_of(file: IO[bytes]) -> int:
    start = file.tell()
    size = file.seek(0, io.SEEK_END) - start
    file.seek(start)
    return size
