"""The embedded server's append-only file, read and flushed from here.

What a server says is not enough. It answers before it has written where a flush of its own is under
way, or its disk is full; WAITAOF may answer before the disk has it (server.py), and waits until a
turn comes in which the server has nothing else to write.
"""

import errno
import os
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from runhook.worker.errors import NotDurable
from runhook.worker.store.durability import Kept
from runhook.worker.telemetry import report

if sys.platform == "darwin":
    import fcntl

PATIENCE = 5.0  # seconds: a server puts a write off for two, and longer where its disk is full
SHORTEST, LONGEST = 0.002, 0.1  # seconds between two looks: most of its flushes take a few ms
# What it appends to: two while it rewrites the file. Before Redis 7 it is one, beside the folder.
FOLDER, ENDS, BEFORE_7 = "appendonlydir", ".incr.aof", "appendonly.aof"
PIECE = 1 << 18  # bytes that are read at once: more than is written meanwhile
# How a file system says that it knows no F_FULLFSYNC.
NO_FULL_FLUSH = (errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOTTY)
END = b"\r\n$4\r\nEXEC\r\n"  # of what a script wrote; without it none of that counts


@dataclass(frozen=True, kw_only=True)
class _File:
    """One that is open, so that a write-back that fails from then on is told by its flush.

    Attributes:
        inode: Which it is: one before Redis 7 takes the place of another of its name.
        descriptor: By which it is open.
        since: Where in it begins what is looked for.
    """

    inode: int
    descriptor: int
    since: int

    def written(self) -> bytes:
        """What stands there now."""
        pieces = [b""]
        while piece := os.pread(self.descriptor, PIECE, self.since + sum(map(len, pieces))):
            pieces.append(piece)
            if len(piece) < PIECE:
                break
        return b"".join(pieces)

    def flush(self) -> None:
        """Have all of it on disk."""
        if sys.platform == "darwin":
            try:
                fcntl.fcntl(self.descriptor, fcntl.F_FULLFSYNC)
            except OSError as error:
                if error.errno not in NO_FULL_FLUSH:
                    raise
                os.fsync(self.descriptor)  # which stops at the drive's own cache
        else:
            os.fdatasync(self.descriptor)


class Appended:
    """What a departure waits for beside the embedded server, as `Durability` is for another's.

    One thread at a time. Each system call lets other threads run first, so there are few.
    """

    commands: Sequence[Sequence[str | int]] = ()  # it is not asked
    shared = True

    def __init__(self, folder: Path) -> None:
        """Args:
        folder: The server's data.
        """
        self._folder = folder
        self._paths: list[str] = []

    @contextmanager
    def watch(self) -> Iterator[Kept]:
        """From before a write until it is kept.

        Raises:
            NotDurable: The files cannot be read; nothing was written yet.
        """
        files: list[_File] = []
        try:
            try:
                files.extend(_opened(self._paths, from_their_ends=True))
                if not files:  # a rewrite has removed those of the last time
                    files.extend(_opened(self._look(), from_their_ends=True))
                if not files:
                    raise FileNotFoundError("no append-only file")
            except OSError as error:
                raise NotDurable(f"{self._folder} cannot be read: {error}") from error
            yield partial(self._kept, files)
        finally:
            for file in files:
                os.close(file.descriptor)

    def _kept(
        self, files: list[_File], _: Sequence[Any], written: Collection[bytes]
    ) -> Collection[bytes]:
        """Wait until what the server was given is on disk, for a while; what is."""
        until, wait = time.monotonic() + PATIENCE, SHORTEST
        try:
            while len(kept := _flushed(files, written)) < len(written):
                files.extend(_begun(self._look(), files))
                if time.monotonic() > until:
                    why = f"{self._folder} lacks a departure after {PATIENCE:g} s: appendonly yes?"
                    report("redis.not_durable", why=why)
                    break
                time.sleep(wait)
                wait = min(2 * wait, LONGEST)
        except OSError as error:
            report("redis.not_durable", why=f"{self._folder} cannot be flushed: {error}")
            return ()
        return kept

    def _look(self) -> list[str]:
        """Which files there are."""
        folder = f"{self._folder}/{FOLDER}"
        try:
            self._paths = [f"{folder}/{name}" for name in os.listdir(folder) if name.endswith(ENDS)]
        except FileNotFoundError:
            self._paths = [f"{self._folder}/{BEFORE_7}"]
        return self._paths


def _opened(paths: Sequence[str], *, from_their_ends: bool) -> Iterator[_File]:
    """Files, those that are there: a rewrite removes what it has written anew."""
    for path in paths:
        with suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDONLY)
            there = os.fstat(descriptor)
            since = there.st_size if from_their_ends else 0
            yield _File(inode=there.st_ino, descriptor=descriptor, since=since)


def _begun(paths: Sequence[str], known: Sequence[_File]) -> Iterator[_File]:
    """Those that a rewrite has begun since the others were opened."""
    for file in [*_opened(paths, from_their_ends=False)]:
        if file.inode in {one.inode for one in known}:
            os.close(file.descriptor)
        else:
            yield file


def _flushed(files: Sequence[_File], written: Collection[bytes]) -> set[bytes]:
    """Which of them were in a file both before and after all files were flushed.

    All: what comes before them may lie in one that a rewrite has just left. Twice: a server whose
    disk is full takes back what it could write of it.
    """
    found = _whole(files, written)
    if not found:
        return found
    for file in files:
        file.flush()
    return _whole(files, found)


def _whole(files: Sequence[_File], written: Collection[bytes]) -> set[bytes]:
    """Which of them stand in a file, with the end of what was written together."""
    found: set[bytes] = set()
    for file in files:
        text = file.written()
        found |= {one for one in written if text.find(END, text.find(one)) > text.find(one) >= 0}
    return found
