"""Files that come inside an input as data URIs: found, and put in their assets' names. Pure.

A record keeps an input for weeks and every answer shows it, so no file stays in it.
"""

import base64
import binascii
import io
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

import orjson

from runhook.worker import catalogue
from runhook.worker.catalogue import DATA_URI, Asset, Checked
from runhook.worker.domain.nested import Path, replaced, strings, written
from runhook.worker.errors import Fault

Keep = Callable[[str, IO[bytes]], Asset]


def faults(checked: Checked) -> list[Fault]:
    """The data URIs of an input whose bytes cannot be read."""
    return [
        Fault(path=written(path), message="is not valid base64 after its comma")
        for path, uri in _uris(_files(checked))
        if _bytes(uri) is None
    ]


def weight(checked: Checked) -> int:
    """Bytes of an input's JSON without the files that leave it."""
    whole = len(orjson.dumps(checked.input))
    return whole - sum(len(uri) for _, uri in _uris(_files(checked)))


def kept(checked: Checked, keep: Keep) -> dict[str, Any]:
    """The input with `asset:<id>` in place of every data URI, each kept by `keep`."""
    files = _files(checked)
    known = {uri: f"asset:{_keep(uri, keep).id}" for _, uri in _uris(files)}
    if not known:
        return checked.input
    with_assets: dict[str, Any] = replaced(files, lambda text: known.get(text, text))
    return checked.input | with_assets


def _files(checked: Checked) -> Mapping[str, Any]:
    return catalogue.file_values(checked.model, checked.input)


def _uris(value: Any) -> Iterator[tuple[Path, str]]:
    """Every data URI, however deep, and where it is."""
    return (found for found in strings(value) if DATA_URI.match(found[1]))


def _keep(uri: str, keep: Keep) -> Asset:
    subtype = uri.partition(";")[0].rpartition("/")[2]
    return keep(f"input.{subtype}", io.BytesIO(_bytes(uri) or b""))


def _bytes(uri: str) -> bytes | None:
    try:
        return base64.b64decode(uri.partition(",")[2], validate=True) or None
    except (binascii.Error, ValueError):
        return None
