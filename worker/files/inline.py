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
from runhook.worker.catalogue import COMFY_KINDS, DATA_URI, Asset, Checked
from runhook.worker.errors import Fault

Keep = Callable[[str, IO[bytes]], Asset]
# From the input down: names of objects, and places in lists.
Path = tuple[str | int, ...]


def faults(checked: Checked) -> list[Fault]:
    """The data URIs of an input whose bytes cannot be read."""
    return [
        Fault(path=_written(path), message="is not valid base64 after its comma")
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
    return checked.input | {name: _replaced(value, known) for name, value in files.items()}


def _files(checked: Checked) -> Mapping[str, Any]:
    """What may hold files: a node's value may, a model's text is a text."""
    if checked.kind in COMFY_KINDS:
        return checked.input
    texts = {p.name for p in catalogue.find(checked.model).params if p.type not in catalogue.FILES}
    return {name: value for name, value in checked.input.items() if name not in texts}


def _uris(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every data URI, however deep, and where it is."""
    if isinstance(value, str):
        if DATA_URI.match(value):
            yield path, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _uris(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _uris(item, (*path, index))


def _replaced(value: Any, known: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return known.get(value, value)
    if isinstance(value, Mapping):
        return {name: _replaced(item, known) for name, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, known) for item in value]
    return value


def _keep(uri: str, keep: Keep) -> Asset:
    subtype = uri.partition(";")[0].rpartition("/")[2]
    return keep(f"input.{subtype}", io.BytesIO(_bytes(uri) or b""))


def _bytes(uri: str) -> bytes | None:
    try:
        return base64.b64decode(uri.partition(",")[2], validate=True) or None
    except (binascii.Error, ValueError):
        return None


def _written(path: Path) -> str:
    return "input" + "".join(map(_step, path))


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}"
