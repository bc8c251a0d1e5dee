"""One place that fsspec can reach, and files in it: whole ones only, whatever breaks off."""

import secrets
import shutil
from contextlib import suppress
from typing import IO, Any

import fsspec

from runhook.worker.errors import NotFound, StorageUnavailable
from runhook.worker.telemetry import masked

CHUNK = 1024 * 1024  # bytes read at a time: a film may have gigabytes


class Place:
    """A folder of RUNHOOK_STORAGE_URL's file system; one for all processes."""

    def __init__(self, url: str) -> None:
        """Args:
        url: Any fsspec URL: `file:///...`, `s3://...`.
        """
        self._url = url
        self._found: tuple[Any, str] | None = None

    def size(self, name: str) -> int | None:
        """How many bytes a file has; None: there is none.

        Raises:
            StorageUnavailable: The place does not answer.
        """
        try:
            fs, root = self._reached()
            size: int = fs.info(f"{root}/{name}")["size"]
        except FileNotFoundError:
            return None
        except Exception as error:  # each place has errors of its own
            raise _away(f"{name} cannot be looked at", error) from error
        return size

    def open(self, name: str) -> IO[bytes]:
        """A file's bytes, anywhere in it.

        Raises:
            NotFound: It is not there.
            StorageUnavailable: The place does not answer.
        """
        try:
            fs, root = self._reached()
            # In pieces: a far place would else bring 50 MB for each reader.
            found: IO[bytes] = fs.open(f"{root}/{name}", "rb", block_size=CHUNK)
        except FileNotFoundError as error:
            raise NotFound(f"file {name}") from error
        except Exception as error:
            raise _away(f"{name} cannot be read", error) from error
        return found

    def put(self, name: str, file: IO[bytes]) -> None:
        """Write a file; a reader sees the whole of it or none.

        Raises:
            StorageUnavailable: The place does not take it.
        """
        beside = ""
        try:
            fs, root = self._reached()
            path = f"{root}/{name}"
            fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            # Beside its name and moved there; what is left of one that was killed goes with the
            # folder.
            beside = f"{path}.{secrets.token_hex(8)}"
            file.seek(0)
            with fs.open(beside, "wb") as target:
                shutil.copyfileobj(file, target, CHUNK)
            fs.mv(beside, path)
        except Exception as error:
            with suppress(Exception):
                fs.rm(beside)
            raise _away("the file was not kept", error) from error

    def remove(self, name: str) -> None:
        """Forget a file, or a folder with all that is in it; one that is gone is no error.

        Raises:
            StorageUnavailable: The place does not answer.
        """
        try:
            fs, root = self._reached()
            if fs.exists(f"{root}/{name}"):
                fs.rm(f"{root}/{name}", recursive=True)
        except FileNotFoundError:
            return  # somebody else removed it meanwhile
        except Exception as error:
            raise _away(f"{name} cannot be removed", error) from error

    def check(self) -> None:
        """Write a file and remove it.

        Raises:
            ValueError, ImportError: The URL names no place that can be reached here.
            StorageUnavailable: The place does not take one.
        """
        fs, root = self._reached()
        path = f"{root}/.runhook-{secrets.token_hex(8)}"
        try:
            fs.makedirs(root, exist_ok=True)
            fs.pipe_file(path, b"is this writable?")
            fs.rm_file(path)
        except Exception as error:
            raise _away("it cannot be written", error) from error

    def _reached(self) -> tuple[Any, str]:
        if self._found is None:
            # Other processes write there too, so no listing is remembered.
            self._found = fsspec.core.url_to_fs(self._url, use_listings_cache=False)
        return self._found


def _away(what: str, error: Exception) -> StorageUnavailable:
    return StorageUnavailable(f"{what}: {masked(str(error))}")
