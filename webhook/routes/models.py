"""/v1/models: the catalogue."""

from functools import lru_cache

import orjson
from flask import Blueprint, Response, request

from runhook.webhook.edge.answers import answer, known_parameters, takes
from runhook.webhook.edge.scopes import open_to
from runhook.worker import catalogue
from runhook.worker.catalogue.views import model_view

blueprint = Blueprint("models", __name__, url_prefix="/v1/models")
blueprint.before_request(known_parameters)


@blueprint.get("")
@open_to("read", "submit")
@takes("q")
def list_models() -> Response:
    """The models that match a query."""
    return Response(_found(request.args.get("q", "")), content_type="application/json")


@blueprint.get("/<path:name>")
@open_to("read", "submit")
def get_model(name: str) -> Response:
    """One model, by endpoint or reference name."""
    return answer(model_view(catalogue.find(name)))


@lru_cache(maxsize=16)  # all models are 400 KB and 30 ms, in which nobody else is answered
def _found(query: str) -> bytes:
    found = catalogue.search(query)
    return orjson.dumps({"items": [model_view(model) for model in found], "next": None})
