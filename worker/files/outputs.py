"""Our own copies of what jobs made, named by job: `outputs/<job>/<attempt>-<n>.<ext>`.

What came is checked before it is kept: a page that says why there is no picture is none.
"""

import hashlib
from collections.abc import Sequence
from typing import IO

from runhook.worker.catalogue import Media
from runhook.worker.domain.reports import Archived, Output
from runhook.worker.files import thumbnails
from runhook.worker.files.measure import HEAD, format_of, measure
from runhook.worker.files.place import CHUNK, Place

# What HTTP calls a file of an ending. Browsers show these; everything else is a download for them,
# markup and scripts above all.
SHOWN = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "aac": "audio/aac",
    "txt": "text/plain; charset=utf-8",
}
OTHERS = {"glb": "model/gltf-binary", "zip": "application/zip", "json": "application/json"}
UNKNOWN = "application/octet-stream"
# Endings whose files are known by their first bytes (files/measure.py).
KNOWN = {
    *("png", "jpg", "jpeg", "gif", "webp", "avif", "bmp", "tif", "tiff", "heic"),
    *("mp4", "m4v", "webm", "mov", "qt", "mkv", "avi"),
    *("mp3", "m4a", "wav", "flac", "ogg", "aac", "aiff"),
    *("glb", "zip"),
}


class WrongContent(Exception):
    """What came is not what was reported."""


class Outputs:
    """The archived outputs in a place; one for all processes."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def keep(
        self, job_id: str, nth: tuple[int, int], output: Output, file: IO[bytes], *, small: bool
    ) -> Archived:
        """Keep a file that is all there.

        Args:
            job_id: Whose it is.
            nth: The attempt's number, and the output's among its own.
            output: What was reported of it.
            file: Its bytes.
            small: Make a thumbnail too, where that can be done.

        Raises:
            WrongContent: It is not what was reported.
            StorageUnavailable: The place does not take it.
        """
        size, digest = _sized(file)
        media = _checked(output, file, size)
        stem = "-".join(map(str, nth))
        picture = None
        if small:
            picture = thumbnails.of(media, file)
        if picture:
            self._place.put(_name(job_id, _beside(stem)), picture)
        name = f"{stem}.{media.ext}"
        self._place.put(_name(job_id, name), file)
        return Archived(
            name=name,
            media_type=SHOWN.get(media.ext) or OTHERS.get(media.ext, UNKNOWN),
            size=size,
            sha256=digest,
            thumbnail=picture is not None,
        )

    def open(self, job_id: str, kept: Archived) -> IO[bytes]:
        """A copy's bytes, anywhere in it.

        Raises:
            NotFound: It is not there any more.
            StorageUnavailable: The place does not answer.
        """
        return self._place.open(_name(job_id, kept.name))

    def thumbnail(self, job_id: str, kept: Archived) -> bytes:
        """Its small picture, a WebP.

        Raises:
            NotFound: It is not there any more.
            StorageUnavailable: The place does not answer.
        """
        with self._place.open(_name(job_id, _beside(kept.name.partition(".")[0]))) as file:
            return file.read()

    def remove(self, job_id: str) -> None:
        """Forget all that is kept of a job.

        Raises:
            StorageUnavailable: The place does not answer.
        """
        self._place.remove(f"outputs/{job_id}")


def is_shown(media_type: str) -> bool:
    """Whether a browser may show it by itself."""
    return media_type in SHOWN.values()


def all_kept(outputs: Sequence[Output]) -> bool:
    """Whether there were files, and each of them is kept here."""
    files = [output for output in outputs if output.url]
    return bool(files) and all(output.archived for output in files)


def _sized(file: IO[bytes]) -> tuple[int, str]:
    """How many bytes it has, and their SHA-256."""
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while piece := file.read(CHUNK):
        digest.update(piece)
        size += len(piece)
    return size, digest.hexdigest()


def _checked(output: Output, file: IO[bytes], size: int) -> Media:
    """What it holds, if that may be what was reported.

    A picture may be of another format than was said; a page that says why there is none is no
    picture.

    Raises:
        WrongContent: It is empty, or nothing that its first bytes would show.
    """
    told = (output.type or "").lower().lstrip(".")
    if size == 0:
        raise WrongContent("it is empty")
    file.seek(0)
    if told in KNOWN and format_of(file.read(HEAD)) is None:
        raise WrongContent(f"it is no {told}: its first bytes are of no file of that kind")
    return measure(f"x.{told}", file, size)


def _name(job_id: str, name: str) -> str:
    return f"outputs/{job_id}/{name}"


def _beside(stem: str) -> str:
    return f"{stem}.thumbnail.webp"
