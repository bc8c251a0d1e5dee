"""/v1/assets: files kept for later submits."""

from collections.abc import Iterator
from typing import Annotated, Any

from flask import Blueprint, request, url_for
from pydantic import WithJsonSchema
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from runhook.webhook.edge.bodies import FORM, reads, request_faults
from runhook.webhook.edge.declared import gives
from runhook.webhook.edge.page_forms import BUSY_FORM, LARGEST_FILE
from runhook.webhook.edge.queries import read_query
from runhook.webhook.edge.responses import Answer, answer, wiring
from runhook.webhook.edge.scopes import caller, only, open_to
from runhook.worker.catalogue.answers import AssetView
from runhook.worker.catalogue.views import asset_view
from runhook.worker.domain.bodies import Body
from runhook.worker.domain.faults import misspelt
from runhook.worker.errors import Fault, InvalidRequest
from runhook.worker.flows import create

LARGEST = LARGEST_FILE + BUSY_FORM  # bytes of a body

blueprint = Blueprint("assets", __name__, url_prefix="/v1/assets")
blueprint.before_request(read_query)


class AssetForm(Body):
    """A file to be kept.

    Attributes:
        file: The file, with its name.
    """

    file: Annotated[bytes, WithJsonSchema({"type": "string", "format": "binary"})]


@blueprint.post("")
@open_to("submit")
@reads(AssetForm, largest=LARGEST, media=FORM)
@gives(201)
def post_asset() -> Answer[AssetView]:
    """Keep the form's `file`; the same content twice is one asset."""
    with request_faults().together():
        file = _file()
    asset = create.keep(wiring(), file.filename or "file", file.stream, caller().name)
    response = answer(asset_view(asset, only()), 201)
    response.headers["Location"] = url_for("assets.get_asset", asset_id=asset.id)
    return response


def _file() -> FileStorage:
    """The form's one file."""
    if request.mimetype != FORM:
        raise UnsupportedMediaType(f"send {FORM} with a file")
    if (request.content_length or 0) > LARGEST:
        raise RequestEntityTooLarge(f"the body is at most {LARGEST} bytes")
    # Before the form is looked at, for that reads the whole body.
    request.max_content_length = LARGEST
    faults = list(_form_faults(request.form, request.files))
    file = request.files.get("file")
    if file is None:
        faults.append(Fault(path="file", message="is required: the form's file goes by this name"))
    if faults or file is None:
        raise InvalidRequest(faults)
    return file


def _form_faults(*parts: MultiDict[str, Any]) -> Iterator[Fault]:
    """What a form has besides its one file: who sent it means something by it."""
    known = tuple(AssetForm.model_fields)
    for part in parts:
        for name, values in part.lists():
            if name not in known or part is parts[0]:
                text = "is no file of this form; expected one of file"
                yield misspelt(name, text, name, known)
            elif len(values) > 1:
                yield Fault(path=name, message="is given more than once; send one file a request")


@blueprint.get("/<asset_id>")
@open_to("read", "submit")
def get_asset(asset_id: str) -> Answer[AssetView]:
    """What is known of an asset."""
    asset = wiring().store.assets.get(asset_id.removeprefix("asset:"))
    return answer(asset_view(asset, only()))
