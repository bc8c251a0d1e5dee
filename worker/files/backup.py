"""The file of a backup, written and read as a stream; docs/backups.md says its format.

It ends with a code that only who has RUNHOOK_SECRET can make, and not a key of it is believed
before that is checked: what a stranger made, changed or cut short never reaches Redis.
"""

import hmac
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import orjson

from runhook.config.private import FILE
from runhook.worker.domain.copies import KeyCopy
from runhook.worker.errors import BadBackup
from runhook.worker.secrets.deriving import Kind, seal
from runhook.worker.secrets.signing import fingerprint

MAGIC = b"runhook-backup\n"
VERSION = 1
HEAD = struct.Struct(">HI")  # the version; how long the header is
KEY = struct.Struct(">IQI")  # how long the name is, when it expires (ms), how long the value is
# The length of a name that no key has: behind it, in place of when, how many keys there are.
END = 0
CODE = 32  # bytes of HMAC-SHA256
LONGEST_HEADER = 65_536  # bytes; it has a few hundred
CHUNK = 1_048_576  # bytes that are read at once


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


def _code(secret: str) -> _Hash:
    return seal(secret, Kind.BACKUP)


class Writer:
    """Writes one backup."""

    def __init__(self, file: IO[bytes], secret: str, about: Mapping[str, Any]) -> None:
        self._file, self._code = file, _code(secret)
        self.keys = 0
        header = orjson.dumps({**about, "secret": fingerprint(secret)})
        self._write(MAGIC + HEAD.pack(VERSION, len(header)) + header)

    def add(self, key: KeyCopy) -> None:
        """Write a key."""
        self._write(KEY.pack(len(key.name), key.ends_at, len(key.value)) + key.name)
        self._write(key.value)
        self.keys += 1

    def end(self) -> None:
        """Write what shows that all is there."""
        self._write(KEY.pack(END, self.keys, 0))
        self._file.write(self._code.digest())

    def _write(self, data: bytes) -> None:
        self._code.update(data)
        self._file.write(data)


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """A file that is there whole in the end, or not at all; none is overwritten.

    Raises:
        BadBackup: There is one already, or it cannot be written.
    """
    if os.path.lexists(path):
        raise _taken(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.link(beside, path)  # fails where somebody made one meanwhile; a rename would not
        finally:
            beside.unlink(missing_ok=True)
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        raise BadBackup(f"{path}: {error.strerror}; no backup was written") from error


def _taken(path: Path) -> BadBackup:
    return BadBackup(f"{path} is there already; remove it, or name another file")


class Reader:
    """A backup that was found whole, and made with one of our secrets."""

    def __init__(self, file: IO[bytes], about: Mapping[str, Any]) -> None:
        self._file, self.about = file, about

    def keys(self) -> Iterator[KeyCopy]:
        """Its keys, in the order in which they were written."""
        while True:
            name, moment, value = KEY.unpack(_exactly(self._file, KEY.size))
            if name == END:
                return
            yield KeyCopy(_exactly(self._file, name), moment, _exactly(self._file, value))


@contextmanager
def opened(path: Path, secrets: tuple[str, ...]) -> Iterator[Reader]:
    """A backup, checked to its last byte before anything of it is used.

    Raises:
        BadBackup: It cannot be restored here; the text says why, and what to do.
    """
    try:
        # Without O_NONBLOCK a FIFO in its place would be waited for.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not path.is_file():
                raise BadBackup(f"{path} is not a regular file")
            yield _checked(file, secrets)
    except OSError as error:
        raise BadBackup(f"{path}: {error.strerror}") from error


def _checked(file: IO[bytes], secrets: tuple[str, ...]) -> Reader:
    if file.read(len(MAGIC)) != MAGIC:
        raise BadBackup("it is no backup of runhook's")
    version, length = HEAD.unpack(_exactly(file, HEAD.size))
    if version > VERSION:
        raise BadBackup(
            f"it has format {version}, and this runhook knows {VERSION}: a newer one made it, so "
            "restore it with that"
        )
    if length > LONGEST_HEADER:
        raise BadBackup("it is broken: its header is too long")
    about = _header(_exactly(file, length))
    mine = [secret for secret in secrets if fingerprint(secret) == about.get("secret")]
    if not mine:
        raise BadBackup(
            "it was made with another RUNHOOK_SECRET: set that one (with `runhook up` it is the "
            "file `secret` of the data folder), without which its subscriptions cannot be read"
        )
    begin = file.tell()
    _check_code(file, mine[0])
    file.seek(begin)
    return Reader(file, about)


def _header(data: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(data)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadBackup("it is broken: its header cannot be read")
    return found


def _check_code(file: IO[bytes], secret: str) -> None:
    """Read it all once: nothing is taken from a file that another one's code does not end."""
    left = file.seek(0, os.SEEK_END) - CODE
    file.seek(0)
    code = _code(secret)
    while left > 0:
        data = file.read(min(CHUNK, left))
        if not data:
            break
        code.update(data)
        left -= len(data)
    if not hmac.compare_digest(file.read(CODE), code.digest()):
        raise BadBackup("it is broken, cut short, or was changed; nothing was restored")


def _exactly(file: IO[bytes], count: int) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise BadBackup("it is broken or cut short")
    return data
