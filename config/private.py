"""Folders and files of this machine that are nobody else's: made so, narrowed, or refused.

Who can write into the data folder can hand a process another secret, lock or sandbox; so it is
looked at before anything in it is believed. A refusal is a ValueError of one line that names the
path.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

FOLDER, FILE = 0o700, 0o600  # the owner's alone
OTHERS = 0o077  # what a group and everybody may do
WRITTEN_BY_OTHERS = 0o022  # they may write there, and so put a file of theirs in place of ours
# What runhook keeps in a folder, and what a new file system has: nobody else misses these.
OURS = {
    *("secret", "token", "url", "sandbox.json", "up.lock", "demo", "storage"),
    *("server.log", "redis.sock", "appendonlydir", "dump.rdb", "lost+found"),
}


def own_folder(path: Path) -> None:
    """Make a folder that is ours alone, or narrow it to that.

    One that others read for what else is in it is left so: each file of ours is closed by itself.

    Raises:
        ValueError: It is another user's, one in which others may write, or no folder.
    """
    try:
        path.mkdir(mode=FOLDER, parents=True, exist_ok=True)
        found = path.stat()
        if found.st_uid != os.geteuid():
            raise ValueError(f"{path} belongs to another user; remove it or name another folder")
        if found.st_mode & stat.S_ISVTX:
            raise ValueError(f"{path} is shared by all users; name a folder in it")
        if found.st_mode & OTHERS and _is_ours(path):
            path.chmod(FOLDER)
        elif found.st_mode & WRITTEN_BY_OTHERS:
            raise ValueError(
                f"others may write in {path}, which has files that are not runhook's; name a new "
                "or empty folder, or close this one with chmod 700"
            )
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None


def _is_ours(path: Path) -> bool:
    """Whether nobody misses an open folder: all that is in it, if anything, is runhook's."""
    return all(entry.name in OURS for entry in path.iterdir())


def own_place(path: Path) -> None:
    """The same for a folder whose name everybody can foretell: a link in its place is refused."""
    if path.is_symlink():
        raise ValueError(f"{path} is a symbolic link and could lead anywhere; remove it")
    own_folder(path)


@contextlib.contextmanager
def opened(path: Path, mode: str, flags: int) -> Iterator[IO[str]]:
    """A file of ours, made for us alone where there is none; links are not followed.

    Args:
        path: The file.
        mode: As `open` has it.
        flags: As `os.open` has them.

    Raises:
        ValueError: It is a link, no plain file, or another user's.
        OSError: It cannot be opened.
    """
    if path.is_symlink():
        raise ValueError(f"{path} is a symbolic link and could lead anywhere; remove it")
    # Without O_NONBLOCK a FIFO in its place would be waited for.
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, FILE)
    with os.fdopen(handle, mode) as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"{path} is not a regular file; remove it")
        if found.st_uid != os.geteuid():
            raise ValueError(f"{path} belongs to another user; remove it")
        if found.st_mode & OTHERS:
            os.fchmod(handle, FILE)
        yield file


def read(path: Path) -> str:
    """What a file of ours says.

    Raises:
        ValueError: It is not ours.
        OSError: There is none.
    """
    with opened(path, "r", os.O_RDONLY) as file:
        return file.read()


def replace(path: Path, text: str) -> None:
    """Write a file of ours whole: a reader sees all of it or the one before."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    with opened(beside, "w", os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
        file.write(text)
    beside.replace(path)


def is_own_socket(path: Path) -> bool:
    """Whether a socket is there.

    Raises:
        ValueError: What is there is no socket, or it or its folder is another user's.
    """
    try:
        folder, found = path.parent.lstat(), path.lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    shared = folder.st_mode & stat.S_ISVTX  # there only a file's owner can put another in its place
    if not stat.S_ISDIR(folder.st_mode) or not (shared or folder.st_uid == os.geteuid()):
        raise ValueError(f"{path.parent} is not this user's own folder; remove it")
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.geteuid():
        raise ValueError(f"{path} is not this user's own socket; remove it")
    return True
