"""Media values: a URL, a data URI, `asset:<id>` or another job's output; what is known of each."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from runhook.config.catalogue import Param
from runhook.config.settings import LOOPBACK_HOSTS
from runhook.worker.domain.nested import strings
from runhook.worker.domain.outputs import output_name
from runhook.worker.errors import Fault
from runhook.worker.net.addresses import is_private_host
from runhook.worker.net.http import FAILURES, dialled

ASSET = re.compile(r"asset:([0-9a-f]{32})")  # our own: half a SHA-256 of its content
OLD_UPLOAD = "?upload=old"  # an asset so marked goes through Upload Resource (api-276642711)
THEIRS = "asset://"  # an asset registered at RunningHub; pages of the seedance models take it
# As much of a data URI as says what it claims to be, and that something stands behind the comma.
DATA_URI = re.compile(r"data:(\w+)/[\w.+-]+;base64,.")
# What no URL holds (RFC 3986). Some drop it and some escape it; and behind a backslash some see the
# rest of the host, others the path.
NOT_OF_A_URL = re.compile(r"[\s\x00-\x1f\x7f\\]")
# Endings that name the same format as another, which is what `measure` calls it.
ALIKE = {"jpeg": "jpg", "jpe": "jpg", "tif": "tiff", "m4v": "mp4", "qt": "mov"}
MEGABYTE = 1024 * 1024  # bytes; the model pages' "MB" does not say, so the larger one


@dataclass(frozen=True, kw_only=True)
class Media:
    """What is known of a file's content.

    Attributes:
        kind: image, video, audio or file, as its content says; of what is still to be made, also
            text and 3d.
        ext: The ending its content deserves, without the dot; empty: not known yet.
        size: Bytes; 0: not known yet.
        seconds: How long a video or sound is, if that can be read.
        width, height: Pixels, if they can be read.
    """

    kind: str
    ext: str
    size: int
    seconds: float | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A file that is kept for later submits.

    Attributes:
        id: 32 hexadecimal digits of its content's SHA-256; inputs name it `asset:<id>`.
        name: What whoever kept it first called it.
        media: What is known of its content.
        created_at: When it was first kept.
        tenant: Who kept it first, and may know what he called it; empty: of before that was known.
    """

    id: str
    name: str
    media: Media
    created_at: datetime
    tenant: str = ""


@dataclass(frozen=True)
class Reach:
    """Which URLs an input may hold besides https ones of the public internet.

    Attributes:
        private: Those of private addresses.
        sandbox: The base URL of a RunningHub on this machine: what it made is its next input.
    """

    private: bool = False
    sandbox: str = ""

    def is_own(self, url: str) -> bool:
        """Whether a URL is the sandbox's own, whatever else is on this machine."""
        own, asked = _origin(self.sandbox), _origin(url)
        return own is not None and own == asked and own[1] in LOOPBACK_HOSTS


def media_values(given: Any) -> Iterator[str]:
    """Every asset and data URI in an input, however deep."""
    return (text for _, text in strings(given) if text.startswith(("asset:", "data:")))


def media_faults(
    param: Param, path: str, value: str, known: Mapping[str, Media], reach: Reach
) -> list[Fault]:
    """What is wrong with one media value."""
    if value.startswith(THEIRS):
        return []  # only RunningHub knows what it is
    if output_name(value):  # whether there is such an output is for those to say who know all jobs
        if value not in known:
            return []
        return _content_faults(param, path, known[value])
    if value.startswith("asset:"):
        if not_here(value, known):
            return [missing_asset(path, value)]
        return _content_faults(param, path, known[value])
    if value.startswith("data:"):
        kind = DATA_URI.match(value)
        if kind is None or kind[1] != param.type:
            return [Fault(path=path, message=f"must be data:{param.type}/…;base64,…")]
        if value not in known:
            return []
        return _content_faults(param, path, known[value])
    return _url_faults(param, path, value, reach)


def not_here(value: str, known: Mapping[str, Media]) -> bool:
    """Whether it names an asset of ours that is not kept."""
    return not value.startswith(THEIRS) and value not in known


def missing_asset(path: str, value: str) -> Fault:
    """The fault of naming an asset that is not here, or in a way that only ComfyUI jobs know."""
    if value.endswith(OLD_UPLOAD):
        text = f"must be asset:<id> alone; {OLD_UPLOAD} is for the fields of ComfyUI jobs"
        return Fault(path=path, message=text)
    return Fault(
        path=path,
        message="names no asset that is kept here; POST /v1/assets or `runhook upload` it first",
    )


def _content_faults(param: Param, path: str, found: Media) -> list[Fault]:
    # What no reader here knows is a `file`; a model that names no endings may still know it.
    faults = []
    accepted = {ALIKE.get(ext, ext) for ext in param.accept}
    if found.kind != param.type and not (found.kind == "file" and not accepted):
        faults.append(
            Fault(
                path=path,
                message=f"is {in_words(found)}, must be {article(param.type)}",
            )
        )
    elif accepted and found.ext and ALIKE.get(found.ext, found.ext) not in accepted:
        text = f"is {found.ext}, must be one of {', '.join(param.accept)}"
        faults.append(Fault(path=path, message=text, allowed=param.accept))
    if param.max_mb is not None and found.size > param.max_mb * MEGABYTE:
        size = found.size / MEGABYTE
        faults.append(
            Fault(path=path, message=f"has {size:.1f} MB; at most {param.max_mb:g} MB are allowed")
        )
    return faults


def in_words(found: Media) -> str:
    """What a file is, as far as that is known."""
    if found.kind == "3d":
        return "a 3D model"
    if not found.ext:
        return article(found.kind)
    return f"{article(found.kind)} ({found.ext})"


def article(kind: str) -> str:
    """A word with its article."""
    if kind == "audio":
        kind = "audio file"
    if kind[0] in "aeiou":
        return f"an {kind}"
    return f"a {kind}"


def _origin(url: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port; None of what is no URL, or holds a user's name."""
    try:
        parts = urlsplit(url)
        if parts.hostname is None or "@" in parts.netloc:
            return None
        return parts.scheme, parts.hostname, parts.port
    except ValueError:
        return None


# What a URL holds is not looked at: anybody could have this machine ask any server.
def _url_faults(param: Param, path: str, value: str, reach: Reach) -> list[Fault]:
    astray = NOT_OF_A_URL.search(value)
    if reach.is_own(value) and astray is None:
        return []
    try:
        scheme, host, _ = dialled(value)
    except FAILURES:
        scheme, host = "", ""
    if scheme != "https":
        text = (
            "must be an https URL, a data URI, asset:<id> or output:<job id>/<n> of "
            f"{article(param.type)}"
        )
        return [Fault(path=path, message=text)]
    if astray:
        text = "must be an https URL, in which a blank is written %20 and a backslash %5C"
        return [Fault(path=path, message=text)]
    if not reach.private and is_private_host(host):
        text = (
            f"points at the private address {host}, which RunningHub cannot reach; "
            "RUNHOOK_ALLOW_PRIVATE_URLS=true allows it"
        )
        return [Fault(path=path, message=text)]
    return []
