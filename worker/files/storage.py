"""Files that users gave us, kept under RUNHOOK_STORAGE_URL: any place that fsspec can reach.

An asset's id is made of its content, so the same file kept twice is one file.
"""

import hashlib
import secrets
import shutil
import tempfile
from contextlib import suppress
from datetime import datetime
from typing import IO, Any

import fsspec

from runhook.worker.catalogue import Asset
from runhook.worker.errors import Fault, InvalidRequest, NotFound, StorageUnavailable
from runhook.worker.files.measure import measure
from runhook.worker.telemetry import masked

CHUNK = 1024 * 1024  # bytes read at a time: a film may have gigabytes


class Storage:
    """The place where assets are kept; one for all processes."""

    def __init__(self, url: str) -> None:
        """Args:
        url: Any fsspec URL: `file:///...`, `s3://...`.
        """
        self._url = url
        self._place: tuple[Any, str] | None = None

    def keep(self, name: str, incoming: IO[bytes], now: datetime) -> Asset:
        """Keep a file, read piece by piece.

        Args:
            name: What its sender calls it; its ending counts where the content tells nothing.
            incoming: Its bytes, of any number.
            now: When.

        Raises:
            InvalidRequest: It is empty.
            StorageUnavailable: The place does not take it.
        """
        digest, size = hashlib.sha256(), 0
        with tempfile.TemporaryFile() as file:
            while piece := incoming.read(CHUNK):
                digest.update(piece)
                size += len(piece)
                file.write(piece)
            if size == 0:
                raise InvalidRequest([Fault(path="file", message="is empty")])
            asset = Asset(
                id=digest.hexdigest()[:32],
                name=name,
                media=measure(name, file, size),
                created_at=now,
            )
            self._write(asset.id, file, size)
        return asset

    def open(self, asset_id: str) -> IO[bytes]:
        """Its bytes.

        Raises:
            NotFound: It is not there.
            StorageUnavailable: The place does not answer.
        """
        try:
            fs, root = self._reached()
            found: IO[bytes] = fs.open(f"{root}/assets/{asset_id}", "rb")
        except FileNotFoundError as error:
            raise NotFound(f"file of asset {asset_id}") from error
        except Exception as error:  # each place has errors of its own
            raise StorageUnavailable(
                f"asset {asset_id} cannot be read: {masked(str(error))}"
            ) from error
        return found

    def remove(self, asset_id: str) -> None:
        """Forget a file; one that is gone already is no error.

        Raises:
            StorageUnavailable: The place does not answer.
        """
        try:
            fs, root = self._reached()
            if fs.exists(f"{root}/assets/{asset_id}"):
                fs.rm(f"{root}/assets/{asset_id}")
        except Exception as error:
            raise StorageUnavailable(
                f"asset {asset_id} cannot be removed: {masked(str(error))}"
            ) from error

    def _write(self, asset_id: str, file: IO[bytes], size: int) -> None:
        """A reader sees the whole file or none: it is written beside its name and moved there."""
        beside = ""
        try:
            fs, root = self._reached()
            path = f"{root}/assets/{asset_id}"
            if fs.exists(path) and fs.size(path) == size:
                return
            fs.makedirs(f"{root}/assets", exist_ok=True)
            beside = f"{path}.{secrets.token_hex(8)}"
            file.seek(0)
            with fs.open(beside, "wb") as target:
                shutil.copyfileobj(file, target, CHUNK)
            fs.mv(beside, path)
        except Exception as error:
            with suppress(Exception):
                fs.rm(beside)
            raise StorageUnavailable(f"the file was not kept: {masked(str(error))}") from error

    def check(self) -> None:
        """Raises ValueError or ImportError when the URL names no place that can be reached here."""
        self._reached()

    def _reached(self) -> tuple[Any, str]:
        if self._place is None:
            self._place = fsspec.core.url_to_fs(self._url)
        return self._place
