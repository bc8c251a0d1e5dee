"""/v1/models: the catalogue."""

from functools import lru_cache
from typing import Any

import orjson
from flask import Blueprint

from runhook.webhook.edge.queries import Query, query, read_query, takes
from runhook.webhook.edge.responses import Answer, answer
from runhook.webhook.edge.scopes import open_to
from runhook.worker import catalogue
from runhook.worker.catalogue.answers import ModelView
from runhook.worker.catalogue.input_schema import input_schema
from runhook.worker.catalogue.views import model_view
from runhook.worker.domain.answers import Page
from runhook.worker.domain.bodies import ModelWord

blueprint = Blueprint("models", __name__, url_prefix="/v1/models")
blueprint.before_request(read_query)


class ModelsQuery(Query):
    """Which models.

    Attributes:
        q: Words that a model's name, endpoint or group has.
    """

    q: ModelWord = ""


@blueprint.get("")
@open_to("read", "submit")
@takes(ModelsQuery)
def list_models() -> Answer[Page[ModelView]]:
    """The models that match a query."""
    return Answer(_found(query(ModelsQuery).q), content_type="application/json")


@blueprint.get("/<path:name>/schema")
@open_to("read", "submit")
def get_model_schema(name: str) -> Answer[dict[str, Any]]:
    """What the `input` of a job of this model is, as JSON Schema."""
    return answer(input_schema(catalogue.find(name)))


@blueprint.get("/<path:name>")
@open_to("read", "submit")
def get_model(name: str) -> Answer[ModelView]:
    """One model, by endpoint or reference name."""
    return answer(model_view(catalogue.find(name)))


@lru_cache(maxsize=16)  # all models are 400 KB and 30 ms, in which nobody else is answered
def _found(query: str) -> bytes:
    found: Page[ModelView] = {
        "items": [model_view(model) for model in catalogue.search(query)],
        "next": None,
    }
    return orjson.dumps(found)
