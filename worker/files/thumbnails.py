"""Small pictures of pictures and films, made of files that anybody may have made.

What a decoder is given is bounded before it begins: pixels, time, and formats. A file that cannot
be shown small is kept all the same.
"""

import io
import shutil
import subprocess
import tempfile
import threading
from typing import IO, Any

from runhook.worker.catalogue import Media
from runhook.worker.files.place import CHUNK
from runhook.worker.telemetry import report

SIDE = 320  # pixels of the longer side at most
QUALITY = 80  # of WebP: some 10 KB a picture
# Pixels of a picture that is decoded: 8K square, what upscalers make. Decoded it takes 200 MB, so
# one at a time in a process.
MOST_PIXELS = 8192 * 8192
POSTER_SECONDS = 20.0  # for a film's first frame; a second is usual
# Formats that pillow may try: its others are old, rare or read by other programs.
PICTURES = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
# By ending, what ffmpeg may take a film for: the rest of what it reads could name other files.
FILMS = {"mp4": "mov", "mov": "mov", "webm": "matroska", "mkv": "matroska", "avi": "avi"}
# A film is made smaller and never larger.
SCALE = f"scale='min({SIDE},iw)':'min({SIDE},ih)':force_original_aspect_ratio=decrease"

_one_at_a_time = threading.Lock()


def of(media: Media, file: IO[bytes]) -> IO[bytes] | None:
    """A small WebP of it; None where it has none.

    Args:
        media: What is known of it.
        file: Its bytes.
    """
    try:
        with _one_at_a_time:
            if media.kind == "image" and (media.width or 0) * (media.height or 0) <= MOST_PIXELS:
                file.seek(0)
                return _small(file)
            if media.kind == "video":
                return _poster(media, file)
    except Exception as error:  # noqa: BLE001 - decoders have errors of all kinds, and a film has none
        report(
            "thumbnail.none", kind=media.kind, ext=media.ext, why=f"{type(error).__name__}: {error}"
        )
    return None


def _small(file: Any) -> IO[bytes]:
    # Only here: most processes make none, and it takes 10 MB of memory.
    from PIL import Image, ImageOps

    with Image.open(file, formats=PICTURES) as picture:
        # By the decoder's own word too: what the head was read by is another program.
        if picture.width * picture.height > MOST_PIXELS:
            raise ValueError(f"it has more than {MOST_PIXELS} pixels")
        picture.draft("RGB", (SIDE, SIDE))  # of a JPEG only so much is decoded
        picture.thumbnail((SIDE, SIDE))
        turned = ImageOps.exif_transpose(picture)
        mode = "RGB"
        if turned.has_transparency_data:
            mode = "RGBA"
        small = io.BytesIO()
        turned.convert(mode).save(small, "WEBP", quality=QUALITY)
    small.seek(0)
    return small


def _poster(media: Media, file: IO[bytes]) -> IO[bytes] | None:
    """The first frame of a film, by ffmpeg where that is installed."""
    decoder, kind = shutil.which("ffmpeg"), FILMS.get(media.ext)
    if decoder is None or kind is None:
        return None
    with tempfile.NamedTemporaryFile(suffix=f".{media.ext}") as copy:
        file.seek(0)
        shutil.copyfileobj(file, copy, CHUNK)
        copy.flush()
        frame = subprocess.run(  # noqa: S603
            (
                *(decoder, "-nostdin", "-v", "error", "-threads", "1"),
                *("-protocol_whitelist", "file", "-f", kind, "-i", copy.name),
                *(
                    "-map",
                    "0:v:0",
                    "-frames:v",
                    "1",
                    "-vf",
                    SCALE,
                ),
                *("-f", "image2pipe", "-c:v", "png", "-"),
            ),
            capture_output=True,
            timeout=POSTER_SECONDS,
            check=True,
        )
    return _small(io.BytesIO(frame.stdout))
