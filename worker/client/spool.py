"""The lines of a batch, in a file once they are many: written before any of them is asked for.

So what cannot be said as JSON is an error of the whole batch while nothing is queued yet, on either
way; and a batch that broke off can be sent again.
"""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO

import orjson

from runhook.worker.client.inputs import Input, plain

IN_MEMORY = 1024 * 1024  # bytes that are kept in memory; more wait in a file


class Spool:
    """All lines of a batch: one by one, or as the body of a request."""

    def __init__(self, file: IO[bytes], count: int) -> None:
        """Args:
        file: The lines, read behind the last of them.
        count: How many there are.
        """
        self._file, self._size = file, file.tell()
        self.count = count

    def lines(self) -> Iterator[bytes]:
        """Each of them."""
        self.begin()
        yield from self._file

    def begin(self) -> None:
        """Be read from the start."""
        self._file.seek(0)

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        return self._file.read(size)

    def __len__(self) -> int:
        return self._size


@contextmanager
def spooled(jobs: Iterable[Input | bytes]) -> Iterator[Spool]:
    """The lines of these jobs; one that is a line already stays as it is.

    Raises:
        TypeError: One holds what has no meaning as JSON.
        InvalidRequest: One holds a number or text that JSON has not.
    """
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
        # An empty line has a number and no answer.
        count = sum(1 for line in map(_line, jobs) if file.write(line) and line.strip())
        yield Spool(file, count)


def _line(job: Input | bytes) -> bytes:
    if isinstance(job, bytes):
        return job.rstrip(b"\r\n") + b"\n"
    return orjson.dumps(plain(job)) + b"\n"
