"""/static: the stylesheet, scripts and icon of the pages, read once and kept by browsers for ever.

Their address has a mark of all of them, so a new release is seen at once and scripts import each
other by their plain names.
"""

import hashlib
import re
from importlib.resources import files

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from runhook.webhook.edge.scopes import open_to

KINDS = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
FOR_EVER = "public, max-age=31536000, immutable"
# A line of a script that speaks to whoever reads it here; browsers need not fetch it.
REMARK = re.compile(rb"^ *// .*\n", re.MULTILINE)
MARKED = 12  # characters of the mark

blueprint = Blueprint("static_files", __name__)


def _read() -> dict[str, bytes]:
    folder = files("runhook.webhook.pages") / "static"
    found = sorted(folder.iterdir(), key=lambda file: file.name)
    return {file.name: REMARK.sub(b"", file.read_bytes()) for file in found}


FILES = _read()
MARK = hashlib.sha256(b"\0".join(FILES.values())).hexdigest()[:MARKED]


def url(name: str) -> str:
    """Where one of them is."""
    return f"/static/{MARK}/{name}"


@blueprint.get("/static/<mark>/<name>")
@open_to("anybody")
def give(mark: str, name: str) -> Response:
    """One of them; there is nothing in it that anybody may not read."""
    if name not in FILES:
        raise NotFound("there is no such file")
    response = Response(FILES[name], content_type=KINDS.get(name.rpartition(".")[2]))
    # A page of another release asks for what is not here any more; what it gets it must not keep.
    response.headers["Cache-Control"] = "no-store"
    if mark == MARK:
        response.headers["Cache-Control"] = FOR_EVER
    return response
