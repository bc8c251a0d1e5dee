"""Files that users gave us, kept under RUNHOOK_STORAGE_URL.

An asset's id is made of its content, so the same file kept twice is one file.
"""

import hashlib
import tempfile
from collections.abc import Callable
from datetime import datetime
from typing import IO

from runhook.worker.catalogue import Asset
from runhook.worker.errors import Fault, InvalidRequest, StorageUnavailable
from runhook.worker.files.measure import measure
from runhook.worker.files.place import CHUNK, Place


class Storage:
    """The assets in a place; one for all processes."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def keep(
        self, name: str, incoming: IO[bytes], now: datetime, take_up: Callable[[str], None]
    ) -> Asset:
        """Keep a file, read piece by piece.

        Args:
            name: What its sender calls it; its ending counts where the content tells nothing.
            incoming: Its bytes, of any number.
            now: When.
            take_up: Told its id before it is looked for; what is found then must stay.

        Raises:
            InvalidRequest: It is empty.
            StorageUnavailable: The place does not take it, or just removes its like.
        """
        try:
            return self._keep(name, incoming, now, take_up)
        except OSError as full:  # the folder of temporary files is full, or not there
            raise StorageUnavailable(f"the file was not kept: {full}") from full

    def _keep(
        self, name: str, incoming: IO[bytes], now: datetime, take_up: Callable[[str], None]
    ) -> Asset:
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
            take_up(asset.id)
            if self._place.size(_name(asset.id)) != size:
                self._place.put(_name(asset.id), file)
        return asset

    def open(self, asset_id: str) -> IO[bytes]:
        """Its bytes.

        Raises:
            NotFound: It is not there.
            StorageUnavailable: The place does not answer.
        """
        return self._place.open(_name(asset_id))

    def remove(self, asset_id: str) -> None:
        """Forget a file; one that is gone already is no error.

        Raises:
            StorageUnavailable: The place does not answer.
        """
        self._place.remove(_name(asset_id))


def _name(asset_id: str) -> str:
    return f"assets/{asset_id}"
