"""One place that fsspec can reach, and files in it: whole ones only, whatever breaks off."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

import fsspec
from fsspec.implementations.memory import MemoryFileSystem

from runhook.worker.errors import NotFound, StorageUnavailable
from runhook.worker.files.answering import Answering
from runhook.worker.telemetry import masked

# s3fs asks five times as it is, for 15 s each, and botocore would ask as often each of them.
S3_LIMITS = {"connect_timeout": 3, "retries": {"total_max_attempts": 1}}
CHUNK = 1024 * 1024  # bytes read at a time: a film may have gigabytes


class Place:
    """A folder of RUNHOOK_STORAGE_URL's file system; one for all processes."""

    def __init__(self, url: str) -> None:
        """Args:
        url: Any fsspec URL: `file:///...`, `s3://...`.
        """
        self._url = url
        self._found: tuple[Any, str] | None = None
        self._answering = Answering()

    def size(self, name: str) -> int | None:
        """How many bytes a file has; None: there is none.

        Raises:
            StorageUnavailable: The place does not answer.
        """
        try:
            with self._asked(f"{name} cannot be looked at") as (fs, root):
                size: int = fs.info(f"{root}/{name}")["size"]
        except FileNotFoundError:
            return None
        return size

    def open(self, name: str) -> IO[bytes]:
        """A file's bytes, anywhere in it.

        Raises:
            NotFound: It is not there.
            StorageUnavailable: The place does not answer.
        """
        try:
            with self._asked(f"{name} cannot be read") as (fs, root):
                # In pieces: a far place would else bring 50 MB for each reader.
                found: IO[bytes] = fs.open(f"{root}/{name}", "rb", block_size=CHUNK)
        except FileNotFoundError as error:
            raise NotFound(f"file {name}") from error
        return found

    def names(self, folder: str) -> list[str]:
        """What is directly in a folder, by its names; nothing where there is none.

        Raises:
            StorageUnavailable: The place does not answer.
        """
        try:
            with self._asked(f"{folder} cannot be looked at") as (fs, root):
                found = fs.ls(f"{root}/{folder}", detail=False)
        except FileNotFoundError:
            return []
        return sorted(path.rstrip("/").rpartition("/")[2] for path in found)

    def put(self, name: str, file: IO[bytes]) -> None:
        """Write a file; a reader sees the whole of it or none.

        Raises:
            StorageUnavailable: The place does not take it.
        """
        # Beside its name and moved there; what is left of one that was killed goes with the folder.
        beside = f"{name}.{secrets.token_hex(8)}"
        file.seek(0)
        try:
            with self._asked("the file was not kept") as (fs, root):
                fs.makedirs(f"{root}/{name}".rpartition("/")[0], exist_ok=True)
                with fs.open(f"{root}/{beside}", "wb") as target:
                    shutil.copyfileobj(file, target, CHUNK)
                fs.mv(f"{root}/{beside}", f"{root}/{name}")
        except Exception as error:
            with suppress(Exception):
                self.remove(beside)
            if isinstance(error, StorageUnavailable):
                raise
            raise _away("the file was not kept", error) from error

    def remove(self, name: str) -> None:
        """Forget a file, or a folder with all that is in it; one that is gone is no error.

        Raises:
            StorageUnavailable: The place does not answer.
        """
        # Somebody else may remove it meanwhile.
        with suppress(FileNotFoundError), self._asked(f"{name} cannot be removed") as (fs, root):
            if fs.exists(f"{root}/{name}"):
                fs.rm(f"{root}/{name}", recursive=True)

    def check(self) -> None:
        """Write a file and remove it.

        Raises:
            ValueError, ImportError: The URL names no place that can be reached here.
            StorageUnavailable: The place does not take one.
        """
        fs, root = self._reached()
        if isinstance(fs, MemoryFileSystem):
            raise ValueError("memory is each process's own, and no other would find its files")
        if not root:
            raise ValueError(f"{self._url} names no bucket and no folder")
        path = f"{root}/.runhook-{secrets.token_hex(8)}"
        try:
            fs.makedirs(root, exist_ok=True)
            fs.pipe_file(path, b"is this writable?")
            fs.rm_file(path)
        except Exception as error:
            raise _away("it cannot be written", error) from error

    @contextmanager
    def _asked(self, trouble: str) -> Iterator[tuple[Any, str]]:
        """The file system and the folder in it, to be asked something.

        Raises:
            FileNotFoundError: There is no such file.
            StorageUnavailable: Anything else; each place has errors of its own.
        """
        try:
            with self._answering.asked():
                yield self._reached()
        except FileNotFoundError:
            raise
        except Exception as error:
            raise _away(trouble, error) from error

    def _reached(self) -> tuple[Any, str]:
        if self._found is None:
            # Other processes write there too, so no listing is remembered.
            options = {"use_listings_cache": False, **_bounded(self._url)}
            self._found = fsspec.core.url_to_fs(self._url, **options)
        return self._found


def _bounded(url: str) -> dict[str, Any]:
    """What has S3 give up after some 75 s: by itself it tries for more than six minutes."""
    kind = url.partition("://")[0]
    if kind not in ("s3", "s3a"):
        return {}
    # What somebody set for fsspec as such wins.
    own = fsspec.config.conf.get(kind, {}).get("config_kwargs", {})
    return {"config_kwargs": {**S3_LIMITS, **own}}


def _away(what: str, error: Exception) -> StorageUnavailable:
    return StorageUnavailable(f"{what}: {masked(str(error))}")
