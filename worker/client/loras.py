"""Sending a LoRA file straight to RunningHub, at the URL that it signed for it."""

import hashlib

from runhook.worker.client.errors import unavailable
from runhook.worker.client.files import UserFile
from runhook.worker.net.faults import why
from runhook.worker.net.http import FAILURES
from runhook.worker.net.upload import put

# Bytes a second at which a file is still worth waiting for, and seconds before the first of them.
SLOWEST, PATIENCE = 64 * 1024, 60.0


def md5_of(file: UserFile) -> str:
    """The MD5 of a file, which RunningHub wants before it names a URL (api-276642712)."""
    start = file.file.tell()
    found = hashlib.md5(usedforsecurity=False)
    while piece := file.file.read(1024 * 1024):
        found.update(piece)
    file.file.seek(start)
    return found.hexdigest()


def send(url: str, file: UserFile) -> None:
    """Put a file where RunningHub wants it.

    Raises:
        Unavailable: It was not taken. Send it again: the same content is the same file.
    """
    try:
        status = put(url, _Sized(file), PATIENCE + file.size / SLOWEST)
    except FAILURES as error:
        raise unavailable(f"the upload broke off: {why(error)}", maybe_done=False) from error
    if status >= 300:
        raise unavailable(f"the upload was answered with HTTP {status}", maybe_done=False)


class _Sized:
    """A file whose length is known, by which it is sent whole and not in chunks."""

    def __init__(self, file: UserFile) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        return self._file.file.read(size)

    def __len__(self) -> int:
        return self._file.size
