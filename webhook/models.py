"""/v1/models: the catalogue."""

from flask import Blueprint, Response, request

from webhook.answers import answer, known_parameters, takes
from webhook.scopes import open_to
from worker import catalogue
from worker.document import model_document

blueprint = Blueprint("models", __name__, url_prefix="/v1/models")
blueprint.before_request(known_parameters)


@blueprint.get("")
@open_to("read", "submit")
@takes("q")
def list_models() -> Response:
    """The models that match a query."""
    found = catalogue.search(request.args.get("q", ""))
    return answer({"items": [model_document(model) for model in found], "next": None})


@blueprint.get("/<path:name>")
@open_to("read", "submit")
def get_model(name: str) -> Response:
    """One model, by endpoint or reference name."""
    return answer(model_document(catalogue.find(name)))
