"""Showing on a terminal that something goes on: what is read, and what is waited for."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import IO

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    Task,
    TextColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from runhook.worker.cli.console import err
from runhook.worker.net.untrusted import one_line


@contextmanager
def busy(what: str) -> Iterator[None]:
    """Say on a terminal what is done while it is; how far it is nobody knows, and nothing says."""
    if not err.is_terminal:
        yield
        return
    with err.status(one_line(what)):
        yield


class Speed(TransferSpeedColumn):
    """How fast it goes, once that is known: a small file has gone before."""

    def render(self, task: Task) -> Text:
        """The speed, or nothing yet."""
        if task.finished_speed is None and task.speed is None:
            return Text("")
        return super().render(task)


class ShownFile:
    """A file of the user's as long as it is now, whose reading a bar shows on a terminal."""

    def __init__(self, file: IO[bytes], size: int, name: str) -> None:
        """Args:
        file: What is read, from its start.
        size: How many bytes of it; it may grow meanwhile.
        name: What the bar says.
        """
        self._file, self._size = file, size
        self.name = name
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            Speed(),
            console=err,
            disable=not err.is_terminal,
        )
        self._task = self._bar.add_task(one_line(name), total=size)

    def __enter__(self) -> "ShownFile":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, up to where the file ended when it was opened."""
        left = self._size - self._file.tell()
        if size < 0:
            size = left
        piece = self._file.read(min(size, left))
        self._bar.update(self._task, completed=self._file.tell())
        return piece

    def seekable(self) -> bool:
        """It is: what is sent again is read again."""
        return True

    def tell(self) -> int:
        """Where it is read."""
        return self._file.tell()

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Be read from there."""
        if whence:
            offset += self._size
        return self._file.seek(offset)
