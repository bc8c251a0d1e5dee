"""What is sent piece by piece: files, alone or in a form."""

import io
import mimetypes
import re
import secrets
from collections.abc import Mapping
from typing import Protocol


class Readable(Protocol):
    """Bytes that are read piece by piece."""

    def read(self, size: int = -1, /) -> bytes: ...


class Body(Readable, Protocol):
    """Bytes to be sent, and how many they are."""

    def __len__(self) -> int: ...


class Form:
    """A multipart form with one file, streamed: memory stays flat however large the file is."""

    def __init__(self, fields: Mapping[str, str], name: str, file: Readable, size: int) -> None:
        """Args:
        fields: The form's other fields.
        name: The file's name as the receiver sees it.
        file: Its bytes.
        size: How many.
        """
        self.boundary = "runhook-" + secrets.token_hex(16)
        safe = re.sub(r"[^\w.-]", "_", name)
        parts = [
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
            for key, value in fields.items()
        ]
        kind = mimetypes.guess_type(safe)[0] or "application/octet-stream"
        parts.append(
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="file"; filename="{safe}"'
            f"\r\nContent-Type: {kind}\r\n\r\n"
        )
        tail = f"\r\n--{self.boundary}--\r\n".encode()
        head = "".join(parts).encode()
        self._pieces: list[Readable] = [io.BytesIO(head), file, io.BytesIO(tail)]
        self._size = len(head) + size + len(tail)

    @property
    def content_type(self) -> str:
        """For the header."""
        return f"multipart/form-data; boundary={self.boundary}"

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        while self._pieces:
            found = self._pieces[0].read(size)
            if found:
                return found
            self._pieces.pop(0)
        return b""
