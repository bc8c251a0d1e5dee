"""What a file is, read from its content: kind, ending, length, pixels.

pymediainfo bundles MediaInfo, which reads every format that the models name.
"""

import base64
import io
from pathlib import PurePosixPath
from typing import IO, Any

from pymediainfo import MediaInfo

from worker.catalogue import Media

# MediaInfo's names of formats, and the ending that each deserves.
ENDINGS = {
    "PNG": "png",
    "JPEG": "jpg",
    "WebP": "webp",
    "GIF": "gif",
    "Bitmap": "bmp",
    "TIFF": "tiff",
    "MPEG-4": "mp4",
    "QuickTime": "mov",
    "Matroska": "mkv",
    "WebM": "webm",
    "AVI": "avi",
    "Wave": "wav",
    "MPEG Audio": "mp3",
    "FLAC": "flac",
    "Ogg": "ogg",
    "ADTS": "aac",
    "ZIP": "zip",
}


def measure(name: str, file: IO[bytes], size: int) -> Media:
    """What a file holds, whatever its name says.

    Args:
        name: Its name; its ending counts where the content tells nothing.
        file: Its bytes; they are read from the start, and only as far as needed.
        size: How many.
    """
    file.seek(0)
    tracks = {track.track_type: track for track in MediaInfo.parse(file).tracks}
    file.seek(0)
    general = tracks.get("General")
    ending = _ending(general, "Video" in tracks) if general else None
    ending = ending or PurePosixPath(name).suffix.lstrip(".").lower() or "bin"
    for kind in ("video", "image", "audio"):
        track = tracks.get(kind.capitalize())
        if track is not None:
            milliseconds = track.duration or (general.duration if general else None)
            seconds = float(milliseconds) / 1000 if milliseconds else None
            return Media(kind, ending, size, seconds, track.width, track.height)
    return Media("file", ending, size)


def measure_data_uri(uri: str) -> Media | None:
    """What a `data:...;base64,` URI holds; None when it is not base64."""
    head, _, text = uri.partition(",")
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:  # not base64, or signs beyond ASCII
        return None
    subtype = head.partition(";")[0].rpartition("/")[2]
    return measure(f"x.{subtype}", io.BytesIO(data), len(data))


def _ending(general: Any, has_video: bool) -> str | None:
    if general.format == "MPEG-4":
        if general.format_profile == "QuickTime":
            return "mov"
        return "mp4" if has_video else "m4a"
    return ENDINGS.get(general.format or "")
