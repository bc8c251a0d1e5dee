"""/v1/assets: files kept for later submits."""

from flask import Blueprint, Response, request, url_for
from werkzeug.exceptions import UnsupportedMediaType

from runhook.webhook.edge.queries import read_query
from runhook.webhook.edge.responses import answer, wiring
from runhook.webhook.edge.scopes import open_to
from runhook.worker.catalogue.views import asset_view
from runhook.worker.errors import Fault, InvalidRequest
from runhook.worker.flows import create

LARGEST = 2 * 1024**3  # bytes; models take less, LoRA files do not come this way
BUSY_FORM = 64 * 1024  # bytes of a form around its file

blueprint = Blueprint("assets", __name__, url_prefix="/v1/assets")
blueprint.before_request(read_query)


@blueprint.post("")
@open_to("submit")
def post_asset() -> Response:
    """Keep the form's `file`; the same content twice is one asset."""
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType("send multipart/form-data with a file")
    # Before the form is looked at, for that reads the whole body.
    request.max_content_length = LARGEST + BUSY_FORM
    file = request.files.get("file")
    if file is None:
        raise InvalidRequest(
            [Fault(path="file", message="is required: the form's file goes by this name")]
        )
    asset = create.keep(wiring(), file.filename or "file", file.stream)
    response = answer(asset_view(asset), 201)
    response.headers["Location"] = url_for("assets.get_asset", asset_id=asset.id)
    return response


@blueprint.get("/<asset_id>")
@open_to("read", "submit")
def get_asset(asset_id: str) -> Response:
    """What is known of an asset."""
    return answer(asset_view(wiring().store.assets.get(asset_id.removeprefix("asset:"))))
