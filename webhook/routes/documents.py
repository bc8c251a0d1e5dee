"""/openapi.json, /asyncapi.json and /docs: what can be called here, and what is told.

The page is Swagger UI from its wheel; it loads nothing from any other host.
"""

from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import orjson
from flask import Blueprint, Flask, current_app

from runhook.webhook.edge.declared import gives
from runhook.webhook.edge.queries import read_query
from runhook.webhook.edge.responses import Answer, File, wiring
from runhook.webhook.edge.scopes import open_to
from runhook.webhook.openapi.document import document
from runhook.webhook.openapi.events_document import events_document
from runhook.worker.domain.problem_kinds import KINDS, PLACE
from runhook.worker.errors import NotFound

JSON, TEXT = "application/json", "text/plain; charset=utf-8"
# By their endings: what the page is made of.
MEDIA = {"html": "text/html", "js": "text/javascript", "css": "text/css", "png": "image/png"}
OURS = ("start.js", "contrast.css")
THEIRS = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")
# Swagger UI's pictures are data in its stylesheet.
STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
AN_HOUR = "private, max-age=3600"  # of files that change with a release only

blueprint = Blueprint("documents", __name__)
blueprint.before_request(read_query)


@blueprint.get("/openapi.json")
@open_to("read", "submit")
def get_openapi() -> Answer[dict[str, Any]]:
    """This document: every call, what it takes and what it answers."""
    settings = wiring().settings
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    told = _openapi(app, settings.public_url, settings.indexed)
    return Answer(told, content_type=JSON)


@blueprint.get("/asyncapi.json")
@open_to("read", "submit")
def get_asyncapi() -> Answer[dict[str, Any]]:
    """The same of events: every type, what it carries, and the ways it is told."""
    return Answer(_asyncapi(wiring().settings.public_url), content_type=JSON)


@blueprint.get("/docs")
@open_to("read", "submit")
def get_docs() -> File:
    """The same as a page, where calls can be tried."""
    response = File(_page().joinpath("index.html").read_bytes(), content_type=MEDIA["html"])
    response.headers["Content-Security-Policy"] = STRICT
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@blueprint.get("/docs/files/<file>")
@open_to("read", "submit")
def get_docs_file(file: str) -> File:
    """What that page is made of."""
    response = File(_file(file), content_type=MEDIA[file.rpartition(".")[2]])
    response.headers["Cache-Control"] = AN_HOUR
    return response


@blueprint.get(f"{PLACE}<kind>")
@open_to("read", "submit")
@gives(200)
def get_problem(kind: str) -> File:
    """What a kind of problem means, and what to do about it."""
    for one in KINDS:
        if one.name == kind:
            text = f"{one.status} {one.title}\n\n{one.means}\n{one.then}\n"
            return File(text, content_type=TEXT)
    raise NotFound(f"kind of problem {kind}")


# Each takes a tenth of a second or more, in which nobody else is answered.
@lru_cache(maxsize=1)
def _openapi(app: Flask, base: str, indexed: tuple[str, ...]) -> bytes:
    return orjson.dumps(document(app, base, indexed))


@lru_cache(maxsize=1)
def _asyncapi(base: str) -> bytes:
    return orjson.dumps(events_document(base))


@cache
def _file(name: str) -> bytes:
    if name in OURS:
        return _page().joinpath(name).read_bytes()
    if name in THEIRS:
        return files("flask_swagger_ui").joinpath("dist", name).read_bytes()
    raise NotFound(f"file {name} of the page")


def _page() -> Traversable:
    return files("runhook.webhook.openapi").joinpath("page")
