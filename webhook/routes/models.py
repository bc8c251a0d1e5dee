"""/v1/models: the catalogue."""

from functools import lru_cache

import orjson
from flask import Blueprint, Response

from runhook.webhook.edge.queries import Query, query, read_query, takes
from runhook.webhook.edge.responses import answer
from runhook.webhook.edge.scopes import open_to
from runhook.worker import catalogue
from runhook.worker.catalogue.views import model_view

blueprint = Blueprint("models", __name__, url_prefix="/v1/models")
blueprint.before_request(read_query)


class ModelsQuery(Query):
    """Words that a model's name, endpoint or group has."""

    q: str = ""


@blueprint.get("")
@open_to("read", "submit")
@takes(ModelsQuery)
def list_models() -> Response:
    """The models that match a query."""
    return Response(_found(query(ModelsQuery).q), content_type="application/json")


@blueprint.get("/<path:name>")
@open_to("read", "submit")
def get_model(name: str) -> Response:
    """One model, by endpoint or reference name."""
    return answer(model_view(catalogue.find(name)))


@lru_cache(maxsize=16)  # all models are 400 KB and 30 ms, in which nobody else is answered
def _found(query: str) -> bytes:
    found = catalogue.search(query)
    return orjson.dumps({"items": [model_view(model) for model in found], "next": None})
