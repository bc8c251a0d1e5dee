"""What an attempt made, as its page shows it: in place where a browser can, else as a link. Pure.

Everything here is anybody's making: an address is a link only if it is one of the web, and a text
is a text.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from runhook.worker.domain.jobs import Attempt, Job
from runhook.worker.domain.reports import Archived, Output
from runhook.worker.domain.views import output_path

How = Literal["image", "video", "audio", "model", "text", "file", "nothing"]
MODEL = "model/gltf-binary"
# Those of their kind that browsers show; the rest is for a program of one's own.
IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp")
LONGEST_TEXT = 8000  # characters of a text in the page; the file has all of it
MOST_LISTED = 60  # outputs of which the page has a link; /v1 has all
MOST_SHOWN = 12  # outputs in place; a page of a hundred would be one of many megabytes

# Reads the beginning of a kept text; None where the place of files does not have it now.
ReadText = Callable[[Archived], str | None]


@dataclass(frozen=True, kw_only=True)
class ShownOutput:
    """One output.

    Attributes:
        n: Its number.
        how: In which way it is shown.
        name: What it is called for who hears the page.
        file: Where our copy is; None: there is none.
        poster: A small picture of it.
        size: Bytes of our copy.
        original: Where RunningHub has it, while it does.
        until: When that ends.
        text: Its text.
        why: Why there is nothing to see.
    """

    n: int
    how: How
    name: str
    file: str | None = None
    poster: str | None = None
    size: int | None = None
    original: str | None = None
    until: datetime | None = None
    text: str | None = None
    why: str | None = None


def shown_outputs(
    job: Job, attempt: Attempt, now: datetime, read_text: ReadText
) -> list[ShownOutput]:
    """The outputs of an attempt, those beyond `MOST_SHOWN` as links, `MOST_LISTED` at most."""
    count = min(len(attempt.outputs), MOST_LISTED)
    return [_shown(job, attempt, n, now=now, read_text=read_text) for n in range(count)]


def web_address(url: str | None) -> str | None:
    """An address that may be a link; None for any other: a `javascript:` would run here."""
    try:
        if url and urlsplit(url).scheme in ("http", "https"):
            return url
    except ValueError:
        pass
    return None


def _shown(
    job: Job, attempt: Attempt, n: int, *, now: datetime, read_text: ReadText
) -> ShownOutput:
    output = attempt.outputs[n]
    kept, original = output.archived, web_address(output.url)
    if output.expires_at is not None and output.expires_at <= now:
        original = None
    name = f"Output {n}, {_what(output)}"
    if kept is None:
        how: How = "nothing"
        if output.text is not None:
            how = "text"
        elif original:
            how = "file"
        return ShownOutput(
            n=n,
            how=how,
            name=name,
            original=original,
            until=output.expires_at,
            text=_cut(output.text),
            why=_why_nothing(output),
        )
    how = _how(kept, n)
    text, poster = output.text, None
    if how == "text" and text is None:
        text = read_text(kept)
    if kept.thumbnail:
        poster = output_path(job, attempt, n, "/thumbnail")
    return ShownOutput(
        n=n,
        how=how,
        name=name,
        file=output_path(job, attempt, n),
        poster=poster,
        size=kept.size,
        original=original,
        until=output.expires_at,
        text=_cut(text),
    )


def _how(kept: Archived, n: int) -> How:
    kind = kept.media_type.partition(";")[0]
    if n >= MOST_SHOWN:
        return "file"
    if kind in IMAGES:
        return "image"
    if kind == MODEL:
        return "model"
    if kind == "text/plain":
        return "text"
    if kind.startswith("video/"):
        return "video"
    if kind.startswith("audio/"):
        return "audio"
    return "file"


def _what(output: Output) -> str:
    if output.archived:
        return output.archived.media_type.partition(";")[0]
    return output.type or "a text"


def _why_nothing(output: Output) -> str:
    if output.lost:
        return f"There is no copy here: {output.lost}"
    return "It is not kept here, and RunningHub keeps files for 24 hours only."


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= LONGEST_TEXT:
        return text
    return text[:LONGEST_TEXT] + "…"
